"""Moves: an orphan whose data belong somewhere else at the same destination now.

Renamed there, nothing of it is sent again (`policyctl migrate`). Pure: what lies at the
destination is looked at elsewhere. A move must never cost a copy. So it is refused where the files
would lie differently there, and waits where the leg that would own them reads a place to which they
have yet to come: that leg would delete what it does not find.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from engine.orphans.carriers import Hop, NotCarried, carried_now, hops_of, is_taken, selection_of
from engine.orphans.clean_up import Names, Scope
from engine.orphans.noted_copies import Arrival, Orphan
from engine.orphans.orphans import arrivals_between
from engine.plan.model import Feed, Location, Plan
from engine.plan.readers import read_place
from engine.plan.selection import Selection, Verdict
from engine.plan.spots import Spot, spot_below
from policy.legs import MirrorLeg
from policy.patterns import Component, PathPattern, literal_component
from policy.values import display


class NotMovable(Exception):
    """A path of an orphan cannot be renamed; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One path of an orphan, and where it belongs."""

    names: Names
    """Relative to the orphan's base, and to the root of the live data at the new place."""
    old: Location
    new: Location
    leg: str
    """The leg that owns it there."""
    feed: Feed
    reads: tuple[Location, ...]
    """Where it has to stand before: the copies that the new one is made from."""

    @property
    def top(self) -> bytes:
        """The entry of the leg's own directory that it is, or lies in."""
        assert self.feed.writes is not None
        return self.new.names[len(self.feed.writes.names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One path of an orphan that stays where it is."""

    names: Names
    old: Location
    why: str
    belongs: bool = False
    """Whether it belongs somewhere else, and cannot be renamed just now."""


def moves(
    plan: Plan, orphan: Orphan, scope: Scope, arrivals: Collection[Arrival]
) -> tuple[Move | Stay, ...]:
    """What becomes of each path of an orphan. `arrivals` are the copies that have yet to come."""
    return tuple(_move_or_stay(plan, orphan, names, scope, arrivals) for names in scope.paths)


def _move_or_stay(
    plan: Plan, orphan: Orphan, names: Names, scope: Scope, arrivals: Collection[Arrival]
) -> Move | Stay:
    old = Location(holder=orphan.base.holder, names=(*orphan.base.names, *names))
    try:
        move = _move(plan, orphan, names, scope)
    except NotMovable as why:
        return Stay(names=names, old=old, why=str(why))
    awaited = _awaited(move, arrivals)
    return Stay(names=names, old=old, why=awaited, belongs=True) if awaited else move


def _move(plan: Plan, orphan: Orphan, names: Names, scope: Scope) -> Move:
    if orphan.form is None:
        raise NotMovable("an earlier version has noted it, and not how its files lie")
    old = Location(holder=orphan.base.holder, names=(*orphan.base.names, *names))
    if any(may_meet(names, one) for one in scope.kept):
        raise NotMovable(f"in {old} lie copies of other legs, and it can only be renamed whole")
    hops = _hops(plan, orphan, names)
    fitting = [one for one in hops if _fits(plan, one, orphan)]
    if not fitting:
        raise NotMovable(_why_unfit(plan, orphan, hops, names[:-1]))
    # The leg's own place, where there is one: another one's may be filled already.
    hop = next((one for one in fitting if one.leg == orphan.leg), fitting[0])
    new = Location(holder=hop.root.holder, names=(*hop.root.names, *names))
    if old.contains(new) or new.contains(old):
        raise NotMovable(f"{new} and {old} lie in each other")
    behind = [one.root for one in hops if one.leg in hop.via[:-1]]
    roots = dict.fromkeys((*behind, *_root_read(plan, hop)))
    return Move(
        names=names,
        old=old,
        new=new,
        leg=hop.leg,
        feed=hop.feed,
        reads=tuple(Location(holder=one.holder, names=(*one.names, *names)) for one in roots),
    )


def _why_unfit(plan: Plan, orphan: Orphan, hops: Iterable[Hop], item: Names) -> str:
    here = [one for one in hops if one.root.holder == orphan.base.holder]
    if not here:
        places = sorted({one.root.holder for one in hops})
        return f"its data go to {', '.join(places)} now, and not to {orphan.base.holder}"
    alike = next((one for one in here if one.form and one.form == orphan.form), None)
    to = plan.destination(orphan.base.holder)
    if alike is None or to is None:
        return "its files would lie differently at their new place"
    selection = selection_of(plan, alike.feed)
    if item and selection is not None and selection.decide(item, directory=True) != Verdict.TAKEN:
        return "no leg carries it now: nothing is to be renamed"
    # Their leg keeps a record of each, so they are given to it by `adopt`.
    place = Location(holder=alike.root.holder, names=(*alike.root.names, *item))
    folder = display(to.path.joined(place.names).text)
    return (
        f"it is a generation: move those that shall stay into {folder}, then "
        f"`policyctl adopt {place} --by {alike.leg}`"
    )


def _root_read(plan: Plan, hop: Hop) -> Iterator[Location]:
    """Where the root of the live data lies in the copy that a later hop reads."""
    place, writes = read_place(plan, hop.feed.reads), hop.feed.writes
    if place is not None and writes is not None:
        inner = hop.root.names[len(writes.names) :]
        yield Location(holder=place.holder, names=(*place.names, *inner))


def _hops(plan: Plan, orphan: Orphan, names: Names) -> tuple[Hop, ...]:
    """The copies that are made now of what the orphan is a copy of. Raises `NotMovable`."""
    source = orphan.live.holder
    if not orphan.form:
        try:
            return carried_now(plan, source, names)
        except NotCarried as why:
            along = _along(plan, orphan, names)
            if along:
                return along
            raise NotMovable(f"{why}: nothing is to be renamed") from None
    # Its files bear no live paths, so it can only be what is taken as a whole.
    hops = tuple(
        hop for leg in plan.legs for hop in hops_of(plan, source, orphan.live.pattern, leg.name)
    )
    if not hops:
        raise NotMovable("no leg carries it now: nothing is to be renamed")
    return hops


def _along(plan: Plan, orphan: Orphan, names: Names) -> tuple[Hop, ...]:
    """Where the same later hop puts it now: it takes all that lies there, whoever has made it."""
    if plan.source(orphan.reads) is not None:
        return ()
    found = (
        hop
        for leg in plan.legs
        for hop in hops_of(plan, orphan.live.holder, PathPattern(), leg.name)
    )
    return tuple(
        hop
        for hop in found
        if (hop.leg, hop.feed.reads) == (orphan.leg, orphan.reads) and is_taken(hop, names)
    )


def _fits(plan: Plan, hop: Hop, orphan: Orphan) -> bool:
    """Whether a copy of today lies at the same destination, in the same form, and by a mirror.

    What is no tree like the live one is the same only if its makers are: one source may have two
    legs of a kind, with other contents or other generations.
    """
    leg = plan.leg(hop.leg)
    if leg is None or not isinstance(leg.leg, MirrorLeg):
        return False
    return hop.root.holder == orphan.base.holder and hop.form == orphan.form


def may_meet(names: Names, pattern: PathPattern) -> bool:
    """Whether what a pattern matches may lie in a path, or the path in it."""
    return all(one.matches(name) for one, name in zip(pattern.components, names, strict=False))


def _awaited(move: Move, arrivals: Iterable[Arrival]) -> str:
    """Why it would be deleted there: it is not yet where it is read. Empty where it is."""
    for one in arrivals:
        for place in move.reads:
            same = one.place.holder == place.holder
            if same and may_meet(place.names, one.place.pattern):
                return (
                    f"{move.leg} reads {place}, and what belongs there has yet to come: "
                    f"`policyctl run {one.leg}` first"
                )
    return ""


def taken_along(orphan: Orphan, move: Move) -> Iterator[Orphan]:
    """What in a path the leg of its new place leaves: renamed with it, it is an orphan there.

    Where it is not noted, nobody knows of it any more.
    """
    writes, selection = move.feed.writes, move.feed.selection
    assert writes is not None
    if selection is None:
        return
    names = tuple(literal_component(name) for name in move.names)
    for tail in _left_inside(selection, move.new.names[len(writes.names) :]):
        yield replace(
            orphan,
            place=spot_below(move.new, PathPattern(tail)),
            live=Spot(holder=orphan.live.holder, pattern=PathPattern(names + tail)),
            leg=move.leg,
            reads=move.feed.reads,
            why=f"{move.leg} does not carry it",
        )


def _left_inside(selection: Selection, names: Names) -> Iterator[tuple[Component, ...]]:
    """What below a path a selection leaves, though it takes the path itself; relative to it."""
    for line in selection.lines:
        components = line.pattern.components
        if not may_meet(names, line.pattern):
            continue
        if len(components) <= len(names):
            return  # it decides the path itself; the lines behind it decide nothing in it
        if not line.taken:
            yield components[len(names) :]


def new_arrivals(applied: Plan, plan: Plan) -> tuple[Arrival, ...]:
    """The copies that a plan makes and the one before it did not."""
    return tuple(
        Arrival(place=one.place, leg=one.leg, form=one.form)
        for one in arrivals_between(applied, plan)
    )
