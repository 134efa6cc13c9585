"""Giving a leg its generations back, once the state that knew them is lost.

They count as complete, since a folder gets its name when it is; not as verified, since nobody knows
any more what was to be in it. A person looks at them first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.generations.claims import Entry, Kind, Place, open_to_others, why_not
from engine.generations.names import Generation, Standing, moment_of, name_of
from engine.legs.generation_frame import letting_go
from engine.legs.kind import Run
from engine.plan.model import Feed, LegPlan, Location, Plan, tree_root
from engine.records.journal import Change
from engine.system.adopt.entries import NotAdoptable, check_recorded, not_running, place_of
from engine.system.host.descent import NotThere, descending, opened_root
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from engine.system.measure.generation_look import Folder, folders_of, root_of
from engine.system.state.state import ADOPTED, State, Stream, open_state, stream_of
from policy.legs import KeepingLeg, VersionsLeg
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFound:
    """One folder of generations, and what would be taken over in it."""

    item: str
    stream: Stream
    place: Location
    names: tuple[bytes, ...]
    """The oldest first."""
    refused: tuple[tuple[bytes, str], ...]
    """What has a generation's name and stays somebody else's, and why."""
    goes: tuple[bytes, ...]
    """What the next run removes then, should it succeed."""


def keeps_generations(leg: LegPlan | None) -> bool:
    """Whether what a leg owns are generations in folders of this machine."""
    return leg is not None and isinstance(leg.leg, KeepingLeg) and leg.leg.runner is None


def preview(
    plan: Plan, place: str, leg: str, places: Places, now: datetime
) -> tuple[FolderFound, ...]:
    """Find what would be taken over, folder by folder. Raises `NotAdoptable`."""
    leg_plan = plan.leg(leg)
    assert leg_plan is not None
    asked = place_of(place)
    writes = [one.writes for one in leg_plan.feeds if one.writes is not None]
    if not any(one.contains(asked) or asked.contains(one) for one in writes):
        known = ", ".join(map(str, writes))
        raise NotAdoptable(f"{place} is not below what {leg!r} writes: {known}")
    with open_state(places.state_file) as state:
        check_recorded(plan, asked.holder, places, state)
        look = _Look(plan, leg_plan, places, state, now)
        found = tuple(look.folders(asked))
    if not found:
        raise NotAdoptable(f"{place} holds no folder of generations of {leg!r}")
    reasons = [f"{display(name)}: {why}" for one in found for name, why in one.refused]
    if reasons and not any(one.names for one in found):
        raise NotAdoptable(f"nothing at {place} can be taken over: {'; '.join(reasons)}")
    return found


def adopt(found: tuple[FolderFound, ...], places: Places, now: datetime) -> None:
    """Note that they are the leg's. Raises `NotAdoptable` while the leg runs."""
    with not_running(found[0].stream.leg, places):
        for one in found:
            _adopt(one, places, now)


def _adopt(found: FolderFound, places: Places, now: datetime) -> None:
    with open_state(places.state_file) as state:
        for name in found.names:
            state.generations.note(found.stream, name, Standing.COMPLETE)
        state.claim(found.stream, f"{ADOPTED}{now:%Y%m%dT%H%M%SZ}", found.names)
    # Who reads these copies further has left out what was nobody's.
    paths = (b"/".join((*found.place.names, name)) for name in found.names)
    with open_journal(places.journal_file) as journal:
        journal.record_tree(found.place.holder, (Change(path, deep=True) for path in paths))


@dataclass(frozen=True, slots=True)
class _Look:
    plan: Plan
    leg: LegPlan
    places: Places
    state: State
    now: datetime

    def folders(self, asked: Location) -> Iterator[FolderFound]:
        """The folders at a place, and below it; or the one of which it is a generation."""
        for folder in folders_of(self.plan, self.leg, self.places, self.state, self.now):
            only = asked.names[len(folder.place.names) :]
            if asked.contains(folder.place):
                yield from self._look(folder, None)
            elif folder.place.contains(asked) and len(only) == 1:
                yield from self._look(folder, only[0])

    def _look(self, folder: Folder, only: bytes | None) -> Iterator[FolderFound]:
        """What would be taken over in a folder; nothing where it is not there."""
        if folder.why_not:
            raise NotAdoptable(f"{folder.place} cannot be looked at: {folder.why_not}")
        own = {name_of(one.moment) for one in folder.generations}
        listed = self._list(folder.place)
        if listed is None:
            return
        place, entries = listed
        owners = self._owners(folder, [one for one in entries if one.name in own])
        closed = open_to_others(place, os.geteuid())
        reasons = {
            one.name: closed or why_not(one, place, owners)
            for one in entries
            if one.name not in own
            and (one.name == only or (only is None and moment_of(one.name) is not None))
        }
        names = tuple(sorted(name for name, reason in reasons.items() if not reason))
        own_feed = Feed(reads=folder.item, writes=folder.place, selection=None)
        yield FolderFound(
            item=folder.item,
            stream=stream_of(self.plan, self.leg, own_feed, self.state),
            place=folder.place,
            names=names,
            refused=tuple(sorted((name, reason) for name, reason in reasons.items() if reason)),
            goes=self._goes(folder, names),
        )

    def _list(self, place: Location) -> tuple[Place, list[Entry]] | None:
        """What lies in a folder, reached from its root without a symlink; None: it is not there."""
        root = root_of(self.plan, place, self.places)
        assert root is not None  # else nobody could have looked
        try:
            with opened_root(root) as top, descending(top) as descent:
                here = descent.enter(place.names)
                status = os.fstat(here)
                found = list(_entries(here))
        except NotThere as missing:
            if not missing.other:
                return None
            said = "a symlink, or no directory, is in the place of one on the way"
            raise NotAdoptable(f"{place} is not looked into: {said}") from None
        except OSError as error:
            raise NotAdoptable(f"{place} cannot be read: {error.strerror}") from None
        mode = stat.S_IMODE(status.st_mode)
        return Place(owner=status.st_uid, mode=mode, device=status.st_dev), found

    def _owners(self, folder: Folder, own: list[Entry]) -> set[int]:
        """Whom a generation belongs to: as its source does, where that is known, or its maker."""
        found = {os.geteuid(), *(one.owner for one in own)}
        source = self.plan.source(folder.item)
        root = tree_root(source) if source is not None else None
        if root is not None and isinstance(self.leg.leg, VersionsLeg):
            with suppress(OSError):  # what belongs to its owner waits until it is there
                found.add(os.stat(self.places.below_root(root)).st_uid)  # noqa: PTH116 - bytes
        return found

    def _goes(self, folder: Folder, names: tuple[bytes, ...]) -> tuple[bytes, ...]:
        assert isinstance(self.leg.leg, KeepingLeg)
        taken = (
            Generation(moment=moment, standing=Standing.COMPLETE)
            for name in names
            if (moment := moment_of(name)) is not None
        )
        known = sorted((*folder.generations, *taken), key=lambda one: one.moment)
        run = Run(run_id="", now=self.now, directory=b"", control=b"")
        zone = ZoneInfo(self.plan.timezone)
        gone = letting_go(known, self.leg.leg.keep, run, zone)
        return tuple(name_of(one.generation.moment) for one in gone)


def _entries(folder: int) -> Iterator[Entry]:
    inner = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(inner) as entries:
            for one in entries:
                status = one.stat(follow_symlinks=False)
                yield Entry(
                    name=os.fsencode(one.name),
                    kind=_kind(status.st_mode),
                    owner=status.st_uid,
                    device=status.st_dev,
                )
    finally:
        os.close(inner)


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER
