"""Who reads what others write, by the journal and at later hops: a function of the plan.

A feed can be served from the journal where everybody who changes its tree notes what he changes:
the tracker for a source with `track`, the legs of this host for a destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.plan.model import Feed, LegPlan, Location, Plan, tree_root
from engine.records.journal import Consumer
from policy.legs import MirrorLeg, SnapshotLeg
from policy.sources import TreeSource


def readers_of(plan: Plan) -> tuple[Consumer, ...]:
    """All feeds that the journal serves."""
    return tuple(_readers(plan))


def reader_of(plan: Plan, leg: LegPlan, feed: Feed) -> Consumer | None:
    """The feed as a reader of its tree; None where only full passes will do."""
    if not isinstance(leg.leg, MirrorLeg) or leg.leg.full_every is None or leg.leg.runner:
        return None
    source = plan.source(feed.reads)
    if source is not None:
        tracked = isinstance(source, TreeSource) and source.track
        return Consumer(leg=leg.name, reads=feed.reads, tree=source.name) if tracked else None
    place = read_place(plan, feed.reads)
    if place is None or plan.destination(place.holder) is None or _written_elsewhere(plan, place):
        return None
    return Consumer(leg=leg.name, reads=feed.reads, tree=place.holder, names=place.names)


def read_place(plan: Plan, reads: str) -> Location | None:
    """Where the product of a leg, or a whole destination, lies; None for a source."""
    if plan.destination(reads) is not None:
        return Location(holder=reads)
    leg = plan.leg(reads)
    places = [feed.writes for feed in leg.feeds if feed.writes] if leg else []
    return places[0] if len(places) == 1 else None


def tree_read(plan: Plan, reads: str) -> bytes:
    """The path of what is read: of a source's root, or of a place counted from its destination's.

    Where that is another one than before, what the leg has copied is a copy of something else.
    """
    source = plan.source(reads)
    root = tree_root(source) if source is not None else None
    if root is not None:
        return root.text
    place = read_place(plan, reads)
    return b"/" + b"/".join(place.names if place is not None else ())


def writers_of(plan: Plan, reads: str) -> tuple[tuple[LegPlan, Feed], ...]:
    """The feeds whose copies are read under that name, as a leg's product or at a destination."""
    place = read_place(plan, reads)
    if place is None:
        return ()
    found = ((leg, feed) for leg in plan.legs for feed in leg.feeds if feed.writes is not None)
    return tuple(
        (leg, feed)
        for leg, feed in found
        if feed.writes is not None
        and (leg.name == reads or (plan.leg(reads) is None and place.contains(feed.writes)))
    )


def with_images(plan: Plan, places: Iterable[Location]) -> frozenset[Location]:
    """Directories of copies, and those to which the later hops of a plan carry what is in them."""
    return frozenset(image for one in places for image in (one, *_images(plan, one, ())))


def _images(plan: Plan, place: Location, via: tuple[str, ...]) -> Iterator[Location]:
    for leg in plan.legs:
        for feed in leg.feeds:
            base = read_place(plan, feed.reads)
            if base is None or feed.writes is None or leg.name in via:
                continue
            if base.contains(place):
                names = feed.writes.names + place.names[len(base.names) :]
                image = Location(holder=feed.writes.holder, names=names)
                yield image
                yield from _images(plan, image, (*via, leg.name))


def owned_places(plan: Plan) -> tuple[Location, ...]:
    """Where legs write, and where later hops carry that: none of it is a part of another's copy."""
    places = [feed.writes for leg in plan.legs for feed in leg.feeds if feed.writes is not None]
    images = (image for one in places for image in _images(plan, one, ()))
    return tuple(dict.fromkeys((*places, *images)))


def _readers(plan: Plan) -> Iterator[Consumer]:
    for leg in plan.legs:
        for feed in leg.feeds:
            reader = reader_of(plan, leg, feed)
            if reader is not None:
                yield reader


def _written_elsewhere(plan: Plan, place: Location) -> bool:
    """Whether a leg of another machine writes there: nobody notes here what it changes."""
    return any(
        leg.leg.runner is not None and feed.writes is not None and place.contains(feed.writes)
        for leg in plan.legs
        for feed in leg.feeds
    )


def is_elsewhere(plan: Plan, source: TreeSource) -> bool:
    """Whether only a cluster sees a tree: its legs run there, and no export brings it to them."""
    legs = [leg.leg for leg in plan.legs if any(feed.reads == source.name for feed in leg.feeds)]
    return bool(legs) and source.export is None and all(leg.runner is not None for leg in legs)


def is_itemised(plan: Plan, leg: LegPlan, feed: Feed) -> bool:
    """Whether a feed is one of items: it snapshots them, or reads what does."""
    upstream = plan.leg(feed.reads)
    return isinstance(leg.leg, SnapshotLeg) or (
        upstream is not None and isinstance(upstream.leg, SnapshotLeg)
    )
