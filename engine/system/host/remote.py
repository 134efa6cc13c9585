"""Asking the other machine of an SSH destination: one shared connection a run, few commands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from engine.legs.kind import Run
from engine.reach.ssh_command import key_hint, ssh_command, ssh_control
from engine.reach.targets import Presence, Target
from engine.rsync.command import connection_options, list_command, list_for_writer_command
from engine.rsync.output import parse_listing, parse_wanted
from engine.rsync.set_aside import SET_ASIDE
from engine.runs.probe import (
    ASK,
    FLUSH,
    LEAVE,
    MAKE,
    MAKE_WAY,
    REFUSALS,
    RENAME,
    RENAMED,
    Answer,
    Entries,
    greeting,
    parse_answer,
    speaks,
)
from engine.system.host.directories import write_private
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.host.relocate import NotRenamed
from policy.parts import SshTarget
from policy.values import display

_PATIENCE = 60.0
_PATIENCE_FLUSH = 900.0
"""Seconds that a slow disk may take to write what its memory holds."""
_FAILED_CONNECTION = 255
_NOT_THERE = frozenset({12, 23})
"""What rsync ends with where a directory is missing: behind an rrsync, and else."""


class Unreachable(Exception):
    """The other machine does not answer as it should."""


class Remote:
    """One SSH destination during one run."""

    def __init__(self, target: Target, this_run: Run) -> None:
        assert target.ssh is not None
        self._ssh = target.ssh
        self._target = target
        self._run = this_run

    def ask(self) -> tuple[Answer, bool]:
        """What lies there, and whether other commands than rsync are run. Raises `Unreachable`."""
        target = self._target
        told = self._shell(ASK, target.root, target.path, SET_ASIDE, *target.names)
        greeted = greeting(told.stdout)
        if greeted:
            said = f"its shell prints {display(greeted)!r} before each answer"
            raise Unreachable(
                f"{said}, and rsync cannot talk through that: only a terminal may see it"
            )
        answer = parse_answer(told.stdout) if told.whole else None
        if answer is not None:
            return answer, True
        if speaks(told.stdout):
            # It has a shell, so its root must be judged, which rsync alone could not do.
            words = f": {told.last_words}" if told.last_words else ""
            raise Unreachable(f"{display(self._target.path)} cannot be listed there{words}")
        return self._ask_rsync(), False

    def ensure_directory(self) -> None:
        """Make the directory of copies, level by level, never the root. Raises `Unreachable`."""
        told = self._shell(MAKE, self._target.root, *self._target.names)
        if told.code != 0:
            raise Unreachable(told.last_words or f"the other side ended with {told.code}")

    def flush(self) -> None:
        """Have what was written there on its disk. Raises `Unreachable`."""
        told = self._shell(FLUSH, self._target.root, patience=_PATIENCE_FLUSH)
        if told.code != 0:
            raise Unreachable(told.last_words or f"the other side ended with {told.code}")

    def leave(self, name: bytes, content: bytes) -> None:
        """Put a file at the root, whole or not at all. Raises `Unreachable` and `OSError`."""
        here = self._run.directory + b"/left"
        write_private(here, content)
        told = self._shell(LEAVE, self._target.root, name, stdin=here)
        if told.code != 0:
            raise Unreachable(told.last_words or f"the other side ended with {told.code}")

    def rename(self, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> None:
        """Rename a path below the root; directories above its new name are made where missing.

        Raises `Unreachable` and `NotRenamed`.
        """
        self._ask_to_rename(MAKE_WAY, *new[:-1])
        ends = (part for one in (old, new) for part in (b"/".join(one[:-1]), one[-1]))
        told = self._ask_to_rename(RENAME, *ends)
        if told.code != 0:
            raise Unreachable("it was renamed there, and may not be on the disk")

    def _ask_to_rename(self, script: bytes, *arguments: bytes) -> Completed:
        told = self._shell(script, self._target.root, *arguments, patience=_PATIENCE_FLUSH)
        answers = set(told.stdout.split(b"\n"))
        if told.code != 0 and RENAMED not in answers:
            why = next((said for word, said in REFUSALS.items() if word in answers), "")
            raise NotRenamed(why or told.last_words or f"the other side ended with {told.code}")
        return told

    def _shell(
        self,
        script: bytes,
        *arguments: bytes,
        patience: float = _PATIENCE,
        stdin: bytes | None = None,
    ) -> Completed:
        words = (b"sh", b"-c", script, b"sh", *arguments)
        command = ssh_command(self._ssh, self._run.control, *words)
        told = run(Command(argv=command, timeout=patience, stdin=stdin))
        if told.timed_out:
            raise Unreachable("no answer in time")
        if told.code == _FAILED_CONNECTION:
            hint = key_hint(self._ssh, told.stderr)
            raise Unreachable((told.last_words or "the connection failed") + hint)
        return told

    def _ask_rsync(self) -> Answer:
        """Where nothing but rsync is run, rsync itself lists what is there."""
        astray = self._astray_by_rsync()
        entries = self._list(self._target) if not astray else None
        aside = Target(
            holder=self._target.holder,
            root=self._target.root,
            names=(*self._target.names, SET_ASIDE),
            ssh=self._ssh,
        )
        kept = self._list(aside) if entries and (SET_ASIDE, True) in entries else ()
        if entries and (SET_ASIDE, False) in entries:
            astray = len(self._target.names) + 1
        return Answer(
            rsync=None,
            root=Presence.UNKNOWN,
            room=None,
            target=entries is not None,
            entries=entries or (),
            set_aside=kept or (),
            astray=astray,
        )

    def _astray_by_rsync(self) -> int:
        """The first level below the root that is no directory; 0 where rsync names none.

        What an account may not list says nothing: it may be bound to a directory further down.
        """
        for depth, name in enumerate(self._target.names):
            above = replace(self._target, names=self._target.names[:depth])
            with suppress(Unreachable):
                if (name, False) in (self._list(above) or ()):
                    return depth + 1
        return 0

    def _list(self, target: Target) -> Entries | None:
        """Entries of a directory; None where it is not there."""
        options = connection_options(target, self._run.control, commands=False)
        connection = tuple(one for one in options if one != b"--mkpath")
        told = run(Command(argv=list_command(target, connection), timeout=5 * _PATIENCE))
        if told.code == 0 and told.whole:
            return parse_listing(told.stdout)
        if told.code in _NOT_THERE and _says_missing(told.stderr, target):
            return None
        if told.code != _FAILED_CONNECTION:
            # An rrsync may let nothing be read, and tells of what is missing in its own ways.
            argv = list_for_writer_command(self._run.empty, target, connection)
            told = run(Command(argv=argv, timeout=5 * _PATIENCE))
            if told.code == 0 and told.whole:
                return parse_wanted(told.stdout)
        raise Unreachable(f"its directory cannot be listed: {told.last_words}")


def _says_missing(complaint: bytes, target: Target) -> bool:
    """Whether rsync complains of this very directory, and not of an entry that vanished in it."""
    last = target.path.rstrip(b"/").rpartition(b"/")[2]
    pattern = rb'"[^"\n]*' + re.escape(last) + rb'/?\.?"[^\n]* failed: No such file or directory'
    return re.search(pattern, complaint) is not None


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
