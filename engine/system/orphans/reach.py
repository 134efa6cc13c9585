"""Reaching a destination outside of a leg's run, with the guards of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.legs.kind import Run
from engine.plan.model import Location, Plan
from engine.reach.targets import Identity, Presence, Target
from engine.records.reports import Verdict
from engine.rsync.command import connection_options
from engine.runs.observation import TargetSeen
from engine.runs.preflight import preflight_target
from engine.system.host.directories import astray_link, list_directory, look_at
from engine.system.host.places import Places
from engine.system.host.process import CommandNotStarted
from engine.system.host.remote import Remote, Unreachable
from engine.system.journal.journal import Journal
from engine.system.runs.observe_target import NothingToRead, observe_target
from engine.system.state.state import State


class Unreached(Exception):
    """A destination cannot be worked at; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A destination that is the right one, and answers."""

    seen: TargetSeen
    run: Run
    """With the socket of its own connection."""

    @property
    def holder(self) -> str:
        """The destination's name."""
        return self.seen.target.holder

    @property
    def commands(self) -> bool:
        """Whether the other side, where there is one, runs other commands than rsync."""
        return self.seen.commands

    @property
    def still(self) -> tuple[Identity, ...]:
        """The root, which must be the same directory to the end."""
        return (self.seen.root_identity,) if self.seen.root_identity is not None else ()

    @property
    def connection(self) -> tuple[bytes, ...]:
        """Options by which rsync gets there; it never makes a directory."""
        options = connection_options(self.seen.target, self.run.control, commands=self.commands)
        return tuple(one for one in options if one != b"--mkpath")

    def target(self, names: tuple[bytes, ...]) -> Target:
        """One of its directories. Raises `Unreached` where a symlink is on the way."""
        target = replace(self.seen.target, names=names)
        if target.ssh is None and astray_link(target):
            raise Unreached(_astray(target))
        return target

    def here(self, names: tuple[bytes, ...]) -> bytes | None:
        """The path of one of its directories; None on another machine. Raises `Unreached`."""
        target = self.target(names)
        return target.path if target.ssh is None else None

    def present(self, names: tuple[bytes, ...]) -> bool:
        """Whether a directory is there. Raises `Unreached`."""
        target = self.target(names)
        if target.ssh is None:
            return look_at(target.path)[0] is Presence.DIRECTORY
        return self._ask(target).present

    def entries(self, names: tuple[bytes, ...]) -> Iterator[bytes]:
        """Names in one of its directories; none where it is not there. Raises `Unreached`."""
        target = self.target(names)
        if target.ssh is None:
            return (name for name, _ in list_directory(target.path))
        return iter(self._ask(target).entries)

    def listing(self, names: tuple[bytes, ...]) -> dict[bytes, Presence]:
        """Entries of a directory that is there; unknown is what may lead on. Raises `Unreached`."""
        target = self.target(names)
        if target.ssh is not None:
            seen = self._ask(target)
            if not seen.present:
                raise Unreached(f"{target.place} is not there")
            kinds = (Presence.UNKNOWN, Presence.DIRECTORY)
            return {name: kinds[name in seen.directories] for name in seen.entries}
        try:
            with os.scandir(target.path) as entries:
                return {one.name: _kind(one) for one in entries}
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Unreached(f"{target.place} cannot be listed: {why}") from None

    def is_directory(self, names: tuple[bytes, ...]) -> bool:
        """Whether a path is a directory, and no symlink to one. Raises `Unreached`."""
        above = self.target(names[:-1])
        if above.ssh is None:
            return (names[-1], True) in list_directory(above.path)
        return names[-1] in self._ask(above).directories

    def _ask(self, target: Target) -> TargetSeen:
        try:
            answer, _ = Remote(target, self.run).ask()
        except (Unreachable, CommandNotStarted) as error:
            raise Unreached(f"{target.holder} does not answer: {error}") from None
        if answer.astray:
            raise Unreached(_astray(target))
        return replace(
            self.seen,
            target=target,
            present=answer.target,
            entries=tuple(name for name, _ in answer.entries),
            directories=frozenset(name for name, directory in answer.entries if directory),
        )


def _kind(entry: os.DirEntry[bytes]) -> Presence:
    if entry.is_symlink():
        return Presence.UNKNOWN
    return Presence.DIRECTORY if entry.is_dir(follow_symlinks=False) else Presence.OTHER


def _astray(target: Target) -> str:
    return f"{target.place}: a symlink is in the place of a directory on the way"


def reach(
    plan: Plan, holder: str, *, places: Places, state: State, journal: Journal, run: Run
) -> Reached:
    """Look at a destination as a run does before it writes there. Raises `Unreached`."""
    if plan.destination(holder) is None:
        raise Unreached(f"the destination {holder} has left the manifest: put it back to clean up")
    place = Location(holder=holder)
    try:
        seen = observe_target(
            plan, place, places=places, state=state, this_run=run, journal=journal
        )
    except NothingToRead as error:
        raise Unreached(str(error)) from None
    refused = [row for row in preflight_target(seen) if row.verdict is Verdict.REFUSED]
    if refused:
        raise Unreached("; ".join(f"{row.looked_at}: {row.found}" for row in refused))
    return Reached(seen=seen, run=run)
