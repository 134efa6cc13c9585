"""Looking at generations where they lie, for whoever wants to see them; nothing is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.generations import Generation
from engine.plan import Feed, LegPlan, Location, Plan, tree_root
from engine.system.places import Places
from engine.system.state import State, stream_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder of generations."""

    item: str
    """What they are generations of: a source, or one of its items."""
    place: Location
    generations: tuple[Generation, ...] = ()
    """The oldest first."""
    why_not: str = ""
    """Why nobody could look."""


def folders_of(plan: Plan, leg: LegPlan, places: Places, state: State) -> Iterator[Folder]:
    """Every folder in which a leg keeps generations."""
    for feed in leg.feeds:
        if feed.writes is not None:
            yield _folder(plan, leg, feed, places, state)


def _folder(plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State) -> Folder:
    assert feed.writes is not None
    found = Folder(item=feed.reads, place=feed.writes)
    root = _root(plan, feed.writes, places)
    if root is None:
        return replace(found, why_not="it lies on another machine")
    try:
        names = os.listdir(b"/".join((root.rstrip(b"/"), *feed.writes.names)))  # noqa: PTH208 - bytes
    except FileNotFoundError:
        names = []
    except OSError as error:
        return replace(found, why_not=error.strerror or str(error))
    stream = stream_of(plan, leg, feed, state)
    return replace(found, generations=state.generations.among(stream, names))


def _root(plan: Plan, place: Location, places: Places) -> bytes | None:
    """Where the holder lies on this machine."""
    destination = plan.destination(place.holder)
    if destination is not None:
        return (
            None if places.reaches_over_ssh(destination) else places.destination_root(destination)
        )
    source = plan.source(place.holder)
    tree = tree_root(source) if source is not None else None
    return places.below_root(tree) if tree is not None else None
