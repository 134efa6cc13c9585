"""Looking at a directory of a destination, before anything there is touched."""

from __future__ import annotations

from dataclasses import replace

from engine.legs.kind import Run
from engine.orphans.carriers import retired_inside
from engine.plan.model import Location, Plan, tree_root
from engine.reach.targets import Presence, Target
from engine.rsync.set_aside import SET_ASIDE
from engine.runs.observation import TargetSeen
from engine.system.host.directories import astray_link, list_directory, look_at
from engine.system.host.file_systems import room_of
from engine.system.host.places import Places
from engine.system.host.process import CommandNotStarted
from engine.system.host.remote import Remote, Unreachable
from engine.system.journal.journal import Journal
from engine.system.state.disk_identity import find_identity
from engine.system.state.left_plans import LeftPlans
from engine.system.state.state import State
from policy.destinations import Destination


class NothingToRead(Exception):
    """The plan names no directory of this machine for a feed."""


def observe_target(
    plan: Plan,
    place: Location,
    *,
    places: Places,
    state: State,
    this_run: Run,
    journal: Journal,
) -> TargetSeen:
    """Look at one directory of a destination, whoever writes there. Raises `NothingToRead`."""
    return TargetLook(plan, places, state, this_run, journal).target(place)


class TargetLook:
    """One look at places that are written to."""

    def __init__(
        self, plan: Plan, places: Places, state: State, this_run: Run, journal: Journal
    ) -> None:
        self.journal = journal
        self.plan = plan
        self.places = places
        self.state = state
        self.run = this_run

    def root_of(self, holder: str) -> tuple[bytes, Destination | None]:
        """Where a destination or tree source lies. Raises `NothingToRead`."""
        destination = self.plan.destination(holder)
        if destination is not None:
            return self.places.destination_root(destination), destination
        source = self.plan.source(holder)
        root = tree_root(source) if source is not None else None
        if root is None:
            raise NothingToRead(f"{holder} is no place to write to")
        return self.places.below_root(root), None

    def target(self, writes: Location) -> TargetSeen:
        """A directory of copies, and what lies at its top."""
        root, destination = self.root_of(writes.holder)
        remote = destination is not None and self.places.reaches_over_ssh(destination)
        ssh = destination.ssh if destination is not None and remote else None
        seen = TargetSeen(
            target=Target(holder=writes.holder, root=root, names=writes.names, ssh=ssh),
            identity_needed=destination is not None and not remote,
            recorded=self.state.destination_identity(writes.holder),
            found=find_identity(destination, self.places) if destination and not remote else None,
            max_used=destination.max_used if destination else None,
            cannot_keep=destination.cannot_keep if destination else (),
            retired=retired_inside(self.plan, self.state.all_retired(), writes),
            read_on=bool(self.journal.consumers(writes.holder)),
        )
        if ssh is not None and destination is not None:
            expected = LeftPlans(self.state.connection).expects(destination)
            return self._there(seen, expected=expected)
        return replace(_here(seen), twins=self._twins(writes.holder, root))

    def _twins(self, name: str, root: bytes) -> tuple[str, ...]:
        """Other destinations whose root is the same directory by another path."""
        _, mine = look_at(root)
        found = []
        for other in self.plan.destinations:
            if other.name == name or self.places.reaches_over_ssh(other):
                continue
            presence, theirs = look_at(self.places.destination_root(other))
            same = (theirs.device, theirs.inode) == (mine.device, mine.inode)
            if presence is Presence.DIRECTORY and same:
                found.append(other.name)
        return tuple(found)

    def _there(self, seen: TargetSeen, *, expected: bool) -> TargetSeen:
        try:
            answer, commands = Remote(seen.target, self.run).ask()
        except (Unreachable, CommandNotStarted) as error:
            return replace(seen, unreachable=str(error))
        seen = replace(seen, rsync=answer.rsync, commands=commands, root=answer.root)
        seen = replace(seen, another=expected and commands and not answer.left)
        way = (seen.target.root.rstrip(b"/"), *seen.target.names, SET_ASIDE)
        astray = b"/".join(way[: answer.astray + 1]) if answer.astray else b""
        present = replace(seen, present=answer.target, astray=astray)
        return _with_entries(present, answer.entries, answer.set_aside, answer.room)


def _here(seen: TargetSeen) -> TargetSeen:
    presence, identity = look_at(seen.target.root)
    if presence is not Presence.DIRECTORY:
        return replace(seen, root=presence)
    seen = replace(seen, root_identity=identity, astray=astray_link(seen.target))
    path = seen.target.path
    seen = replace(seen, present=look_at(path)[0] is Presence.DIRECTORY)
    entries = list_directory(path)
    kept = list_directory(path + b"/" + SET_ASIDE) if _has_aside(entries) else ()
    # What is written into a tree may be mounted there by itself, as in a pod.
    room = room_of(path if seen.present and not seen.identity_needed else seen.target.root)
    return _with_entries(seen, entries, kept, room)


def _with_entries(
    seen: TargetSeen,
    entries: tuple[tuple[bytes, bool], ...],
    kept: tuple[tuple[bytes, bool], ...],
    room: tuple[int, int] | None,
) -> TargetSeen:
    return replace(
        seen,
        entries=tuple(sorted(name for name, _ in entries)),
        directories=frozenset(name for name, directory in entries if directory),
        set_aside=tuple(sorted(name for name, directory in kept if directory)),
        free=room[0] if room else None,
        total=room[1] if room else None,
    )


def _has_aside(entries: tuple[tuple[bytes, bool], ...]) -> bool:
    return (SET_ASIDE, True) in entries
