"""Asking whether a lock is held, without taking it: who asks must never be in anybody's way."""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")
_File = tuple[int, int, int]
"""Major and minor number of the device, and the inode."""


def is_held(path: Path) -> bool:
    """Whether some process holds the flock of a file, as the kernel lists it (proc_locks(5)).

    Inodes have the same numbers on many file systems, so the device counts as well, where it can:
    btrfs and overlays show another one there than stat(2) does, and it is one of major number 0.
    """
    try:
        status = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return False
    mine = (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)
    return any(_is_same(found, mine) for line in lines if (found := _held(line.split())))


def _held(fields: list[str]) -> _File | None:
    """The file of a held flock; None for other locks, and for those that only wait (`->`)."""
    if len(fields) < 6 or fields[1] != "FLOCK":
        return None
    major, minor, inode = fields[5].split(":")
    return int(major, 16), int(minor, 16), int(inode)


def _is_same(one: _File, other: _File) -> bool:
    comparable = one[0] != 0 and other[0] != 0
    return one[2] == other[2] and (not comparable or one[:2] == other[:2])
