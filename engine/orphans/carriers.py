"""Who owns a place at a destination, and which copies of a live path are made there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.plan.readers import with_images
from engine.plan.selection import Selection, Verdict, ignore_hits
from engine.plan.spots import Spot, covers, literal_head, spot_below
from policy.legs import MirrorLeg
from policy.patterns import PathPattern, literal_component
from policy.sources import BtrfsSource, LvmThinSource

_ROOT = PathPattern()


class NotCarried(Exception):
    """No copy of a live path is made now; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One copy of a pattern: where it lies, and the feed that writes it."""

    place: Spot
    leg: str
    feed: Feed
    root: Location
    """Where the root of the live data lies in this copy."""
    via: tuple[str, ...]
    """All legs from the live data to here, in order."""
    form: str
    """How its files lie there: the legs that make something else of them than a tree like the live
    one. Empty: it is such a tree."""


def retired_inside(
    plan: Plan, retired: Iterable[Location], inside: Location
) -> tuple[tuple[bytes, ...], ...]:
    """Directories below a place, relative to it, whose legs have left, and images of such ones."""
    return tuple(sorted(inside.inner(with_images(plan, retired))))


def is_owned(plan: Plan, place: Spot, retired: Collection[Location] = ()) -> bool:
    """Whether a leg of this plan carries all that lies there.

    `retired`: directories whose legs have left. What lies in one is nobody's, though the rules of
    an outer leg would take it.
    """
    here = Location(holder=place.holder, names=literal_head(place.pattern))
    found = owner_of(plan, here.holder, here.names)
    if found is None or found.writes is None:
        return False
    if any(
        one.contains(here) and found.writes.contains(one) and found.writes != one for one in retired
    ):
        return False
    if found.writes == here and _is_dated(plan, found):
        return True  # generations go with `keep`, whatever the next one takes
    inner = PathPattern(place.pattern.components[len(found.writes.names) :])
    selection = selection_of(plan, found)
    return selection is None or _takes_all(selection, inner)


def selection_of(plan: Plan, feed: Feed) -> Selection | None:
    """What a feed takes, or what comes to it where it takes all of a leg's snapshots."""
    taker = plan.leg(feed.reads) if feed.selection is None else None
    feeds = taker.feeds if taker is not None else ()
    return feeds[0].selection if len(feeds) == 1 and feeds[0].writes is None else feed.selection


def _is_dated(plan: Plan, feed: Feed) -> bool:
    mirrors = (leg for leg in plan.legs if isinstance(leg.leg, MirrorLeg))
    return not any(feed is one for leg in mirrors for one in leg.feeds)


def owner_of(plan: Plan, holder: str, names: tuple[bytes, ...]) -> Feed | None:
    """The feed whose directory is nearest above a path, or the path itself: owners nest."""
    here = Location(holder=holder, names=names)
    feeds = (feed for leg in plan.legs for feed in leg.feeds)
    above = [feed for feed in feeds if feed.writes is not None and feed.writes.contains(here)]
    return max(above, key=lambda feed: len(feed.writes.names if feed.writes else ()), default=None)


def _takes_all(selection: Selection, pattern: PathPattern) -> bool:
    if not pattern.components:
        # The directory itself: whoever writes there says what is in it.
        return any(line.taken for line in selection.lines if not line.pattern.components)
    names = _example(pattern)
    if any(
        ignore_hits(ignore, names, directory=kind)
        for ignore in selection.ignores
        if ignore.anchored
        for kind in (True, False)
    ):
        return False
    line = next((line for line in selection.lines if covers(line.pattern, pattern)), None)
    return line is not None and line.taken


def carried_now(plan: Plan, source: str, names: tuple[bytes, ...]) -> tuple[Hop, ...]:
    """The copies that the plan makes of one live path. Raises `NotCarried`."""
    if plan.source(source) is None:
        raise NotCarried(f"the source {source} is gone")
    table = plan.table(source)
    line = table.line_for(names) if table is not None else None
    if table is not None and (line is None or line.leg is None):
        raise NotCarried("no leg carries it now")
    legs = [line.leg] if line is not None else [leg.name for leg in plan.legs]
    pattern = PathPattern(tuple(literal_component(name) for name in names))
    hops = tuple(hop for leg in legs if leg for hop in hops_of(plan, source, pattern, leg))
    if not all(is_taken(hop, names) for hop in hops if hop.feed.reads == source):
        raise NotCarried("no leg carries it now: it is ignored, or its place is another leg's")
    return tuple(hop for hop in hops if is_taken(hop, names))


def is_taken(hop: Hop, names: tuple[bytes, ...]) -> bool:
    """Whether the feed of a hop takes a path of the live data, whatever it is."""
    selection, writes = hop.feed.selection, hop.feed.writes
    inner = (*hop.root.names[len(writes.names) if writes is not None else 0 :], *names)
    if selection is None or not inner:
        return True
    return all(selection.decide(inner, directory=kind) is Verdict.TAKEN for kind in (True, False))


def carried_inside(feed: Feed, names: tuple[bytes, ...]) -> tuple[PathPattern, ...]:
    """What a feed carries below a path that it does not carry itself; relative to its directory."""
    lines = feed.selection.lines if feed.selection is not None else ()
    # Lines behind the one that decides the path itself decide nothing in it.
    deciding = (at for at, line in enumerate(lines) if _lies_in(names, line.pattern))
    return tuple(
        PathPattern(
            tuple(literal_component(name) for name in names) + line.pattern.components[len(names) :]
        )
        for line in lines[: next(deciding, len(lines))]
        if line.taken
        and len(line.pattern.components) > len(names)
        and all(
            one.matches(name) for one, name in zip(line.pattern.components, names, strict=False)
        )
    )


def _lies_in(names: tuple[bytes, ...], pattern: PathPattern) -> bool:
    """Whether a path is one that a pattern matches, or is below one."""
    components = pattern.components
    return len(components) <= len(names) and all(
        one.matches(name) for one, name in zip(components, names, strict=False)
    )


def hops_of(plan: Plan, source: str, pattern: PathPattern, leg: str) -> Iterator[Hop]:
    """The copies of a pattern that a leg takes from a source, and those of all hops behind it."""
    first = plan.leg(leg)
    for feed in first.feeds if first is not None else ():
        if first is None or feed.reads != source:
            continue
        for legs, writer in _writers(plan, first, feed):
            mirrored = isinstance(legs[-1].leg, MirrorLeg) or _has_items(plan, source)
            # Below the names of generations nothing bears its live path: they go as a whole.
            shape = pattern if mirrored else _ROOT
            if writer.writes is not None:
                yield from _follow(plan, legs, writer, writer.writes, shape)


def _writers(plan: Plan, first: LegPlan, feed: Feed) -> Iterator[tuple[tuple[LegPlan, ...], Feed]]:
    """Who writes what a leg takes: itself, or those that read its snapshots."""
    if feed.writes is not None:
        yield (first,), feed
        return
    for reader in plan.legs:
        yield from (((first, reader), one) for one in reader.feeds if one.reads == first.name)


def _has_items(plan: Plan, source: str) -> bool:
    """Whether its routes name items, each of which has its own directory of generations."""
    return isinstance(plan.source(source), (LvmThinSource, BtrfsSource))


def _follow(
    plan: Plan, legs: tuple[LegPlan, ...], feed: Feed, root: Location, pattern: PathPattern
) -> Iterator[Hop]:
    """The copy of this hop, and those of the hops that read it; `root` is the tree's there."""
    leg, via = legs[-1], tuple(one.name for one in legs)
    form = "/".join(one.name for one in legs if not isinstance(one.leg, MirrorLeg))
    place = spot_below(root, pattern)
    yield Hop(place=place, leg=leg.name, feed=feed, root=root, via=via, form=form)
    for reader in plan.legs:
        for one in reader.feeds:
            base = _base(leg, one, root)
            if reader.name in via or base is None or one.writes is None:
                continue
            inner = root.names[len(base.names) :]
            if _takes(one, inner + _example(pattern)):
                onward = Location(holder=one.writes.holder, names=one.writes.names + inner)
                yield from _follow(plan, (*legs, reader), one, onward, pattern)


def _base(leg: LegPlan, feed: Feed, root: Location) -> Location | None:
    """Where a reader's paths count from; None where it does not read this copy."""
    if feed.reads == root.holder:
        return Location(holder=root.holder)
    places = [one.writes for one in leg.feeds if one.writes is not None]
    if feed.reads == leg.name and len(places) == 1 and places[0].contains(root):
        return places[0]
    return None


def _example(pattern: PathPattern) -> tuple[bytes, ...]:
    return tuple(component.example() for component in pattern.components)


def _takes(feed: Feed, names: tuple[bytes, ...]) -> bool:
    if feed.selection is None or not names:
        return True
    return feed.selection.decide(names, directory=True) in {Verdict.TAKEN, Verdict.ENTERED}
