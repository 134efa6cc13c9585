"""Asking the other machine of an SSH destination: one shared connection a run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.legs.kind import Run
from engine.preflight import Presence
from engine.rsync_command import connection_options, list_command
from engine.rsync_output import parse_listing, parse_version
from engine.ssh_command import ssh_command, ssh_control
from engine.steps import Target
from engine.system.process import Command, CommandNotStarted, Completed, run
from policy.parts import SshTarget

_PATIENCE = 60.0
_FAILED_CONNECTION = 255
_DF = re.compile(rb"^\S.*? +([0-9]+) +([0-9]+) +([0-9]+) +[0-9]+% ", re.MULTILINE)


class Unreachable(Exception):
    """The other machine does not answer as it should."""


class Remote:
    """One SSH destination during one run."""

    def __init__(self, target: SshTarget, this_run: Run) -> None:
        self._target = target
        self._run = this_run

    def _ask(self, *words: bytes) -> Completed:
        """Run a command there. Raises `Unreachable` where there is no connection."""
        command = ssh_command(self._target, self._run.control, *words)
        return _checked(run(Command(argv=command, timeout=_PATIENCE)))

    def rsync_version(self) -> tuple[tuple[int, int, int] | None, bool]:
        """The version of rsync there, and whether other commands are run there at all."""
        told = self._ask(b"rsync", b"--version")
        version = parse_version(told.stdout) if told.code == 0 else None
        if version is not None:
            return version, True
        return None, self._ask(b"true").code == 0

    def presence(self, path: bytes) -> Presence:
        """What lies at a path there."""
        if self._ask(b"test", b"-d", path).code == 0:
            return Presence.DIRECTORY
        there = self._ask(b"test", b"-e", path).code == 0
        return Presence.OTHER if there else Presence.MISSING

    def ensure_directory(self, root: bytes, names: tuple[bytes, ...]) -> None:
        """Make a directory below a root there, level by level: never the root itself."""
        path = root.rstrip(b"/")
        for name in names:
            path += b"/" + name
            if self._ask(b"test", b"-d", path).code != 0:
                told = self._ask(b"mkdir", b"--", path)
                if told.code != 0:
                    raise Unreachable(told.last_words)

    def room(self, path: bytes) -> tuple[int, int] | None:
        """Bytes free and bytes usable, where `df` there says so."""
        told = self._ask(b"df", b"-P", b"-k", b"--", path)
        found = _DF.search(told.stdout)
        if told.code != 0 or not found:
            return None
        used, free = int(found[2]) * 1024, int(found[3]) * 1024
        return free, used + free

    def entries(self, target: Target, *, commands: bool) -> tuple[tuple[bytes, bool], ...]:
        """Entries of a directory there; none where it is not there yet."""
        connection = connection_options(target, self._run.control, commands=commands)
        listing = tuple(one for one in connection if one != b"--mkpath")
        told = run(Command(argv=list_command(target, listing), timeout=_PATIENCE * 5))
        if told.code == 0 and told.whole:
            return parse_listing(told.stdout)
        if told.code == 23 and b"No such file or directory" in told.stderr:
            return ()
        raise Unreachable(f"its directory cannot be listed: {told.last_words}")


def _checked(told: Completed) -> Completed:
    if told.timed_out:
        raise Unreachable("no answer in time")
    if told.code == _FAILED_CONNECTION:
        raise Unreachable(told.last_words or "the connection failed")
    return told


@contextmanager
def closing_connection(target: SshTarget | None, this_run: Run) -> Iterator[None]:
    """Close the shared connection of a run at its end; it would end by itself a little later."""
    try:
        yield
    finally:
        if target is not None and os.path.lexists(this_run.control):
            request = ssh_control(target, this_run.control, b"exit")
            with suppress(CommandNotStarted):
                run(Command(argv=request, timeout=_PATIENCE))
