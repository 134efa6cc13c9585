"""The files of a tree that a copy should hold, offered to a sample."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from engine.plan.selection import Selection, Verdict
from engine.routing.sieve import Sieve
from engine.system.host.descent import Descent, NotThere, descending, list_inside, opened_root
from engine.verify.sample import Sample

Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a tree is to be compared."""

    root: bytes
    selection: Selection
    left_out: Collection[Names] = ()
    """What the leg leaves alone for another reason than its rules."""
    within: tuple[Names, ...] = ()
    """Paths asked for; none: everything."""
    until: datetime | None
    """A file that changed since then is not in the copy as it is now; None: none has."""


@dataclass(slots=True)
class Walked:
    """What was met on the way."""

    changed: int = 0
    unreadable: int = 0


def offer_files(wanted: Wanted, sample: Sample) -> Walked:
    """Offer every regular file that the copy should hold as it is now, in order of the names.

    A file's change time says when it was last written, renamed or given other attributes, and
    nobody but the kernel sets it (inode(7)); its modification time may say anything.
    """
    with opened_root(wanted.root) as root, descending(root) as descent:
        walk = _Walk(wanted, sample, descent)
        walk.waiting += sorted(wanted.within, reverse=True) or [()]
        while walk.waiting:
            walk.visit(walk.waiting.pop())
    return walk.walked


@dataclass(slots=True)
class _Walk:
    """A walk while it lasts."""

    wanted: Wanted
    sample: Sample
    descent: Descent
    waiting: list[Names] = field(default_factory=list)
    walked: Walked = field(default_factory=Walked)
    sieve: Sieve = field(init=False)

    def __post_init__(self) -> None:
        self.sieve = Sieve(self.wanted.selection)

    def visit(self, names: Names) -> None:
        """Offer a file, or go into a directory."""
        status = _status(self.descent, names)
        if status is None or not self._is_carried(names, directory=stat.S_ISDIR(status.st_mode)):
            return
        if stat.S_ISDIR(status.st_mode):
            self._enter(names)
        elif stat.S_ISREG(status.st_mode) and self._has_changed(status):
            self.walked.changed += 1
        elif stat.S_ISREG(status.st_mode):
            self.sample.offer(b"/".join(names), status.st_size)

    def _has_changed(self, status: os.stat_result) -> bool:
        until = self.wanted.until
        return until is not None and status.st_ctime >= until.timestamp()

    def _is_carried(self, names: Names, *, directory: bool) -> bool:
        if any(names[: len(one)] == one for one in self.wanted.left_out):
            return False
        if not names:
            return True
        verdict = self.sieve.decide(names, directory=directory)
        return verdict is Verdict.TAKEN or (directory and verdict is Verdict.ENTERED)

    def _enter(self, names: Names) -> None:
        try:
            entries = list_inside(self.descent.enter(names))
        except NotThere:
            return
        except OSError:
            self.walked.unreadable += 1
            return
        self.waiting += [(*names, name) for name, _ in reversed(entries)]


def changed_since(root: bytes, path: bytes, until: datetime, *, above: bool) -> bool:
    """Whether a path changed after a moment; what is not there may have gone then.

    `above`: also where a directory above it did, which may have been moved with all that is in it.
    """
    names = tuple(path.split(b"/"))
    with opened_root(root) as top, descending(top) as descent:
        own = _status(descent, names)
        if own is not None and own.st_ctime >= until.timestamp():
            return True
        if own is not None and not above:
            return False
        ways = (_status(descent, names[:depth]) for depth in range(len(names)))
        return any(one is None or one.st_ctime >= until.timestamp() for one in ways)


def _status(descent: Descent, names: Names) -> os.stat_result | None:
    with suppress(NotThere, OSError):
        if not names:
            return os.fstat(descent.root)
        above = descent.enter(names[:-1])
        return os.stat(names[-1], dir_fd=above, follow_symlinks=False)
    return None
