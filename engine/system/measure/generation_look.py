"""Looking at generations where they lie, for whoever wants to see them; nothing is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from engine.generations.names import Generation, Standing, moment_of
from engine.items.thin_pool import SetAside
from engine.plan.model import Feed, LegPlan, Location, Plan, tree_root
from engine.plan.readers import is_itemised
from engine.plan.selection import is_reserved
from engine.system.host.directories import list_directory
from engine.system.host.places import Places
from engine.system.items.inventory import inventory
from engine.system.state.state import State, stream_of
from policy.values import display

_FAR = "it lies on another machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder of generations."""

    item: str
    """What they are generations of: a source, or one of its items."""
    place: Location
    generations: tuple[Generation, ...] = ()
    """The oldest first."""
    held: frozenset[datetime] = frozenset()
    """Moments of those that stay whatever the retention says."""
    set_aside: tuple[SetAside, ...] = ()
    """What rollbacks of the item have set aside."""
    why_not: str = ""
    """Why nobody could look."""


_ITEMS_DEEP = 4
"""Names that the address of an item has at most: `namespace/claim` has two."""


def folders_of(
    plan: Plan, leg: LegPlan, places: Places, state: State, now: datetime
) -> Iterator[Folder]:
    """Every folder in which a leg keeps generations, and every item of which it keeps snapshots."""
    for feed in leg.feeds:
        if feed.writes is None:
            yield from _snapshots(plan, leg, feed, places, state, now)
        elif is_itemised(plan, leg, feed):
            yield from _items(plan, leg, feed, places, state)
        else:
            yield _folder(plan, leg, feed, places, state)


def _snapshots(
    plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State, now: datetime
) -> Iterator[Folder]:
    found = inventory(plan, leg, feed, places, state, now)
    place = Location(holder=feed.reads)
    if found.refused:
        yield Folder(item=feed.reads, place=place, why_not=found.refused)
    for item in found.items:
        moments = (one.moment for one in item.snapshots)
        yield Folder(
            item=item.name,
            place=place,
            generations=tuple(
                Generation(moment=one, standing=Standing.VERIFIED) for one in moments
            ),
            held=item.held,
            set_aside=item.set_aside,
        )


def _items(plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State) -> Iterator[Folder]:
    """The folders of items: those in which something bears a generation's name.

    Also of items that are no more: their generations are still there.
    """
    assert feed.writes is not None
    root = root_of(plan, feed.writes, places)
    if root is None:
        yield Folder(item=feed.reads, place=feed.writes, why_not=_FAR)
        return
    top = b"/".join((root.rstrip(b"/"), *feed.writes.names))
    for names in sorted(_item_names(top)):
        place = Location(holder=feed.writes.holder, names=feed.writes.names + names)
        own = Feed(reads=display(b"/".join(names)), writes=place, selection=None)
        yield _folder(plan, leg, own, places, state)


def _item_names(top: bytes) -> Iterator[tuple[bytes, ...]]:
    waiting: list[tuple[bytes, ...]] = [()]
    while waiting:
        names = waiting.pop()
        inner = [name for name, directory in list_directory(b"/".join((top, *names))) if directory]
        dated = {name for name in inner if moment_of(name) is not None}
        if names and dated:
            yield names
        elif len(names) < _ITEMS_DEEP:
            waiting += [
                (*names, name)
                for name in inner
                if name not in dated and not is_reserved((name,), directory=True)
            ]


def _folder(plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State) -> Folder:
    assert feed.writes is not None
    found = Folder(item=feed.reads, place=feed.writes)
    root = root_of(plan, feed.writes, places)
    if root is None:
        return replace(found, why_not=_FAR)
    try:
        names = os.listdir(b"/".join((root.rstrip(b"/"), *feed.writes.names)))  # noqa: PTH208 - bytes
    except FileNotFoundError:
        names = []
    except OSError as error:
        return replace(found, why_not=error.strerror or str(error))
    stream = stream_of(plan, leg, feed, state)
    return replace(found, generations=state.generations.among(stream, names))


def root_of(plan: Plan, place: Location, places: Places) -> bytes | None:
    """Where the holder lies on this machine."""
    destination = plan.destination(place.holder)
    if destination is not None:
        return (
            None if places.reaches_over_ssh(destination) else places.destination_root(destination)
        )
    source = plan.source(place.holder)
    tree = tree_root(source) if source is not None else None
    return places.below_root(tree) if tree is not None else None
