"""Asking whether a lock is held, without taking it: who asks must never be in anybody's way."""

from __future__ import annotations

from pathlib import Path

_LOCKS = Path("/proc/locks")


def is_held(path: Path) -> bool:
    """Whether some process holds the flock of a file, as the kernel lists it (proc_locks(5)).

    The device is not compared: btrfs shows another one there than stat(2) does.
    """
    try:
        inode = path.stat().st_ino
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return False
    return any(_inode(line.split()) == inode for line in lines)


def _inode(fields: list[str]) -> int | None:
    """The inode of a held flock; None for other locks, and for those that only wait (`->`)."""
    if len(fields) < 6 or fields[1] != "FLOCK":
        return None
    return int(fields[5].rpartition(":")[2])
