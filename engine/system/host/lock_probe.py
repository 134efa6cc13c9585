"""Asking whether a lock is held, without taking it: who asks must never be in anybody's way."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_LOCKS = Path("/proc/locks")
_PROCESSES = Path("/proc")
_NAMESPACE = Path("/proc/self/ns/pid")
_FIRST = "pid:[4026531836]"
"""The kernel's own number of the first namespace (PROC_PID_INIT_INO)."""
_File = tuple[int, int, int]
"""Major and minor number of the device, and the inode."""


def is_held(path: Path) -> bool:
    """Whether some process holds the flock of a file, as the kernel lists it (proc_locks(5)).

    Inodes have the same numbers on many file systems, so the device counts as well, where it can:
    btrfs and overlays show another one there than stat(2) does, and it is one of major number 0.
    Then whoever holds a lock on a file of that number is looked at.
    """
    try:
        status = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return False
    mine = (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)
    same = [found for line in lines if (found := _held(line.split())) and found[2] == mine[2]]
    if mine in same and mine[0]:
        return True
    unsure = any(not (mine[0] and found[0]) for found in same) or not _sees_all_processes()
    return unsure and _is_open_and_held(status)


def _sees_all_processes() -> bool:
    """Whether this is the first PID namespace.

    In another one, a container's, the list leaves out a lock whose taker has died, though what that
    had started still has it.
    """
    try:
        return str(_NAMESPACE.readlink()) == _FIRST
    except OSError:
        return True


def _is_open_and_held(status: os.stat_result) -> bool:
    """Whether some process has the file open and locked (proc_pid_fdinfo(5), `lock:`)."""
    for descriptor in _PROCESSES.glob("[0-9]*/fd/*"):
        with suppress(OSError):
            found = descriptor.stat()
            if (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino):
                told = (descriptor.parent.parent / "fdinfo" / descriptor.name).read_text()
                if any(line.startswith("lock:") and "FLOCK" in line for line in told.splitlines()):
                    return True
    return False


def _held(fields: list[str]) -> _File | None:
    """The file of a held flock; None for other locks, and for those that only wait (`->`)."""
    if len(fields) < 6 or fields[1] != "FLOCK":
        return None
    major, minor, inode = fields[5].split(":")
    return int(major, 16), int(minor, 16), int(inode)
