"""Orphans: copies at a destination that no leg carries any more.

A route left its leg, a leg or a source is gone, `none`, an anchored `ignore` or `stop` was added.
No run deletes them: rsync protects what it does not send, so they stay until `gc` removes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from engine.changes.changes import ChangeSet
from engine.changes.plan_changes import Action
from engine.changes.renames import plan_renamed, renames_between
from engine.orphans.carriers import Hop, hops_of, is_owned
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location, Plan, RouteLine
from engine.plan.readers import with_images
from engine.plan.spots import Spot, covers, crossing, spot_below
from engine.rsync.set_aside import SET_ASIDE
from policy.legs import MirrorLeg
from policy.patterns import PathPattern, literal_component
from policy.values import Duration

_ROOT = PathPattern()


def orphans_between(applied: Plan, plan: Plan) -> tuple[Orphan, ...]:
    """What the next plan leaves behind, hop by hop; what is only renamed leaves nothing."""
    return _left_behind(plan_renamed(applied, renames_between(applied, plan)), plan)


def arrivals_between(applied: Plan, plan: Plan) -> tuple[Orphan, ...]:
    """Copies that the next plan makes and the applied one does not: what going back would leave."""
    return _left_behind(plan, plan_renamed(applied, renames_between(applied, plan)))


def _left_behind(before: Plan, plan: Plan) -> tuple[Orphan, ...]:
    retired = _retired(before, plan)
    found: dict[Spot, Orphan] = {}
    for source, pattern, leg in _carried(before, plan):
        for hop in hops_of(before, source, pattern, leg):
            depth = len(hop.place.pattern.components) - len(hop.root.names)
            known = before.destination(hop.place.holder) is not None
            if not known or is_owned(plan, hop.place, retired):
                continue
            found[hop.place] = Orphan(
                place=hop.place,
                leg=hop.leg,
                reads=hop.feed.reads,
                live=Spot(holder=source, pattern=pattern if depth else _ROOT),
                why=_why(plan, source, pattern, hop),
                form=hop.form,
            )
    return tuple(found[one] for one in sorted(found, key=lambda place: place.name))


def set_aside_between(applied: Plan, plan: Plan) -> tuple[tuple[Orphan, bool], ...]:
    """Where runs had set aside what they deleted, in places that no leg writes from now on.

    With each, whether the leg kept it to the end; else there may be something of before.
    """
    before = plan_renamed(applied, renames_between(applied, plan))
    left = _places(before) - _places(plan)
    found = {}
    for leg in before.legs if left else ():
        for feed in leg.feeds:
            if feed.writes not in left or not isinstance(leg.leg, MirrorLeg):
                continue
            aside = PathPattern((literal_component(SET_ASIDE),))
            orphan = Orphan(
                place=spot_below(feed.writes, aside),
                leg=leg.name,
                reads=feed.reads,
                live=Spot(holder=feed.reads, pattern=aside),
                why=_why_set_aside(plan, leg.name, leg.leg.deleted_keep),
            )
            found[orphan.place] = orphan, leg.leg.deleted_keep is not None
    return tuple(found[one] for one in sorted(found, key=lambda place: place.name))


def _why_set_aside(plan: Plan, leg: str, keep: Duration | None) -> str:
    gone = f"the leg {leg} is gone" if plan.leg(leg) is None else f"{leg} writes somewhere else"
    kept = f" for {keep}" if keep is not None else ""
    return f"what runs had deleted or overwritten, set aside{kept}; {gone}, so no run removes it"


def _retired(before: Plan, plan: Plan) -> frozenset[Location]:
    return with_images(plan, _places(before) - _places(plan))


def _places(plan: Plan) -> set[Location]:
    return {feed.writes for leg in plan.legs for feed in leg.feeds if feed.writes is not None}


def _carried(before: Plan, plan: Plan) -> Iterator[tuple[str, PathPattern, str]]:
    """Each pattern that the applied plan, or a line of the next one, singles out: who carried it.

    A source that is taken as a whole is one pattern, its root; one of files has its paths.
    """
    for table in before.tables:
        after = plan.table(table.source)
        patterns = {line.pattern: line for line in table.lines}
        new = [line.pattern for line in after.lines] if after else []
        new += [
            one.pattern
            for one in plan.ignores
            if one.anchored and (not one.only or table.source in one.only)
        ]
        # Where a line of the one plan crosses one of the other, neither says all of it alone.
        pairs = product(patterns, new)
        crossed = [both for one, other in pairs if (both := crossing(one, other)) is not None]
        for pattern in dict.fromkeys((*patterns, *new, *crossed)):
            line = patterns.get(pattern) or _covering(table.lines, pattern)
            if line is not None and line.leg is not None:
                yield table.source, pattern, line.leg
    for leg in before.legs:
        for feed in leg.feeds:
            if before.source(feed.reads) is not None and before.table(feed.reads) is None:
                lines = feed.selection.lines if feed.selection is not None else ()
                for pattern in [line.pattern for line in lines if line.taken] or [_ROOT]:
                    yield feed.reads, pattern, leg.name


def _covering(lines: tuple[RouteLine, ...], pattern: PathPattern) -> RouteLine | None:
    return next((line for line in lines if covers(line.pattern, pattern)), None)


def _why(plan: Plan, source: str, pattern: PathPattern, hop: Hop) -> str:
    """Why nobody carries the copy any more, in a few words."""
    leg = plan.leg(hop.leg)
    if plan.source(source) is None:
        return f"the source {source} is gone"
    if leg is None:
        return f"the leg {hop.leg} is gone"
    if all(feed.writes is None or not feed.writes.contains(hop.root) for feed in leg.feeds):
        return f"{hop.leg} writes somewhere else, or reads something else"
    table = plan.table(source)
    line = _covering(table.lines, pattern) if table is not None else None
    if line is not None and line.leg is None:
        return f"routed to none: {line.reason}" if line.reason else "routed to none"
    if line is not None and line.stop is not None and line.leg != hop.leg:
        return f"it stops after {line.stop.after}: {line.stop.reason}"
    if line is not None and line.leg != hop.leg and hop.feed.reads == source:
        return f"routed to {line.leg} now"
    return f"{hop.leg} does not carry it any more"


# ── Who owns a place ─────────────────────────────────────────────────────────────────────────


# ── From hop to hop ──────────────────────────────────────────────────────────────────────────


def orphans_of(applied: Plan | None, plan: Plan, changes: ChangeSet) -> dict[str, list[str]]:
    """Where copies stay, by the text of a route that left its leg, and by a leg that is gone."""
    if applied is None:
        return {}
    before = plan_renamed(applied, renames_between(applied, plan))
    found: dict[str, list[str]] = {}
    for one in changes.routes:
        leg = before.leg(one.before) if one.moved else None
        places = [
            _shown(hop.root, one.pattern)
            for hop in (hops_of(before, one.source, one.pattern, leg.name) if leg else ())
            if not hop.form  # generations stay until their leg is gone, and go by `keep` before
        ]
        if places:
            found[one.text] = list(dict.fromkeys(places))
    for part in changes.legs:
        gone = before.leg(part.name) if part.action is Action.DELETE else None
        if gone is not None:
            found[part.name] = [str(feed.writes) for feed in gone.feeds if feed.writes]
    return found


def _shown(root: Location, pattern: PathPattern) -> str:
    tail = "/" if pattern.literal == () else f"/{pattern}".replace("//", "/")
    return str(root).rstrip("/") + tail
