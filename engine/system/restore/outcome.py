"""How a restore ends: what lies in its place, or why nothing does."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field

from engine.system.restore.compare import Difference
from engine.system.restore.opening import Opened
from policy.values import display

_WHY = {
    errno.ELOOP: "a symlink is in the place of a directory, and is not followed",
    errno.ENOTDIR: "something else is in the place of a directory",
    errno.ENOENT: "the directory is not there: restore that one, or to a new folder",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is in its place now."""

    name: bytes
    """Under which it lies: of a file that was opened not the one that its copy has."""
    entries: int
    size: int
    """Bytes of all files; each name of a hard link counts."""
    kept: bytes = b""
    """The path of what was there before; empty: nothing was."""
    instead: str = ""
    """Which other state it is, where an earlier try had set the old one aside for it already."""
    differences: tuple[Difference, ...] = ()
    opened: Opened = field(default_factory=Opened)


class NotRestored(Exception):
    """Nothing was put in its place; the message says why, and what holds now."""


class Doubtful(Exception):
    """It has come, and differs from another copy: it does not take the place of what is there."""

    def __init__(self, differences: tuple[Difference, ...]) -> None:
        super().__init__(f"{len(differences)} differences")
        self.differences = differences


def said(error: OSError) -> str:
    """What went wrong with which file."""
    name = (
        error.filename if isinstance(error.filename, bytes) else os.fsencode(error.filename or "")
    )
    where = f"{display(name)}: " if name else ""
    return where + (_WHY.get(error.errno or 0) or error.strerror or str(error))
