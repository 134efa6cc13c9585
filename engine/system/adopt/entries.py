"""Taking over what lay at a destination before a leg: shown first, then the leg's own.

From then on the leg deletes there what its source no longer has. Only top-level entries of a
leg's directory are taken over, since that is where ownership is noted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.plan.model import Feed, LegPlan, Location, Plan, tree_root
from engine.plan.selection import is_reserved
from engine.records.journal import Change
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from engine.system.state.disk_identity import find_identity
from engine.system.state.state import ADOPTED, State, Stream, open_state, stream_of
from policy.values import display


class NotAdoptable(Exception):
    """The place is not one that the leg could own; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What a leg would take over."""

    stream: Stream
    place: Location
    """Where the leg writes."""
    names: tuple[bytes, ...]
    """Top-level entries that it does not own yet."""
    extra: tuple[bytes, ...]
    """Paths below them that its source does not have: its next pass deletes them."""
    extra_known: bool
    """False: the place is on another machine, and was not looked at."""


def preview(plan: Plan, place: str, leg: str, places: Places) -> Adoption:
    """Find what would be taken over. Raises `NotAdoptable`."""
    leg_plan, feed, names = _find(plan, place, leg)
    assert feed.writes is not None
    with open_state(places.state_file) as state:
        stream = stream_of(plan, leg_plan, feed, state)
        retired = state.retired(feed.writes)
    folder = _folder(plan, feed.writes, places)
    if folder is None:
        if not names:
            raise NotAdoptable(f"{place} is on another machine: name one entry below it")
        return Adoption(stream=stream, place=feed.writes, names=names, extra=(), extra_known=False)
    with open_state(places.state_file) as state:
        check_recorded(plan, feed.writes.holder, places, state)
        owned = state.owned(stream)
    found = [name for name in _entries(folder) if not names or name in names]
    inner = {owner[0] for owner in feed.selection.blocked} if feed.selection else set()
    lapsed = {one[0] for one in retired}
    wanted = tuple(
        name
        for name in found
        if name not in (owned - lapsed) | inner and not is_reserved((name,), directory=True)
    )
    source = _source(plan, feed, places)
    extra = tuple(path for name in wanted for path in _extra(folder, source, name))
    return Adoption(stream=stream, place=feed.writes, names=wanted, extra=extra, extra_known=True)


def adopt(adoption: Adoption, places: Places, now: datetime) -> None:
    """Note that the leg owns these entries. Raises `NotAdoptable` while the leg runs.

    At its end a run notes what the leg owns by what it saw at its beginning: what is adopted in
    the middle of it would be forgotten.
    """
    with not_running(adoption.stream.leg, places):
        _adopt(adoption, places, now)


@contextmanager
def not_running(leg: str, places: Places) -> Iterator[None]:
    """Keep a leg from running for the length of the block. Raises `NotAdoptable` while it runs."""
    try:
        with hold(places.leg_lock(leg)):
            yield
    except Locked as locked:
        raise NotAdoptable(f"{leg} runs now ({locked}): adopt once it has ended") from None


def check_recorded(plan: Plan, holder: str, places: Places, state: State) -> None:
    """Refuse another disk under the name of the recorded one. Raises `NotAdoptable`."""
    destination = plan.destination(holder)
    recorded = state.destination_identity(holder)
    if destination is not None and find_identity(destination, places) != recorded:
        # Its names would be this leg's on the right disk, where nobody has looked at them.
        raise NotAdoptable(f"{destination.name} is not the disk that was recorded: is it mounted?")


def _adopt(adoption: Adoption, places: Places, now: datetime) -> None:
    with open_state(places.state_file) as state:
        state.claim(adoption.stream, f"{ADOPTED}{now:%Y%m%dT%H%M%SZ}", adoption.names)
        for name in adoption.names:
            state.forget_retired(adoption.place.below(name))
    # Who reads these copies further has left out what was nobody's: now it is to be looked at.
    changes = (
        Change(b"/".join((*adoption.place.names, name)), deep=True) for name in adoption.names
    )
    with open_journal(places.journal_file) as journal:
        journal.record_tree(adoption.place.holder, changes)
        stream = adoption.stream
        if journal.knows(stream.leg, stream.source):
            mine = (Change(name, deep=True) for name in adoption.names)
            journal.record_for(stream.leg, stream.source, mine)


def place_of(place: str) -> Location:
    """Read `disk:/name`, where a name may be any that a directory can have.

    Raises `NotAdoptable`.
    """
    holder, colon, path = place.partition(":")
    names = tuple(name for name in os.fsencode(path).split(b"/") if name)
    if not colon or not path.startswith("/") or {b".", b".."} & set(names):
        raise NotAdoptable(f"{place!r} names no place: write destination:/name")
    return Location(holder=holder, names=names)


def _find(plan: Plan, place: str, leg: str) -> tuple[LegPlan, Feed, tuple[bytes, ...]]:
    asked = place_of(place)
    leg_plan = plan.leg(leg)
    if leg_plan is None or leg_plan.kind != "mirror":
        raise NotAdoptable(
            f"{leg!r} is no leg of the applied plan that mirrors, or keeps generations in a folder"
        )
    for feed in leg_plan.feeds:
        if feed.writes is not None and feed.writes.contains(asked):
            names = asked.names[len(feed.writes.names) :]
            if len(names) > 1:
                above = f"{asked.holder}:/{display(b'/'.join(asked.names[: -len(names) + 1]))}"
                raise NotAdoptable(f"ownership is noted at the top: adopt {above}")
            return leg_plan, feed, names
    places = ", ".join(str(feed.writes) for feed in leg_plan.feeds if feed.writes)
    raise NotAdoptable(f"{place} is not below what {leg!r} writes: {places}")


def _folder(plan: Plan, writes: Location, places: Places) -> bytes | None:
    destination = plan.destination(writes.holder)
    if destination is None or places.reaches_over_ssh(destination):
        return None
    return b"/".join((places.destination_root(destination).rstrip(b"/"), *writes.names))


def _source(plan: Plan, feed: Feed, places: Places) -> bytes | None:
    source = plan.source(feed.reads)
    root = tree_root(source) if source is not None else None
    return places.below_root(root) if root is not None else None


def _entries(folder: bytes) -> list[bytes]:
    path = Path(os.fsdecode(folder))
    return sorted(os.fsencode(one.name) for one in path.iterdir()) if path.is_dir() else []


def _extra(folder: bytes, source: bytes | None, name: bytes) -> Iterator[bytes]:
    """Paths below a top-level entry that the source does not have, itself included."""
    pending = [name]
    while pending:
        path = pending.pop()
        if source is None or not os.path.lexists(source + b"/" + path):
            yield path
        here = folder + b"/" + path
        if os.path.isdir(here) and not os.path.islink(here):  # noqa: PTH112, PTH114 - bytes
            pending.extend(path + b"/" + one for one in reversed(_entries(here)))
