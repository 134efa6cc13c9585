"""Locks that die with their process: flock on descriptors, files that are never unlinked.

Unlinking such a file would let a second process lock a new inode under the old name (law 7).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL = 0.2
LAST_BREATH = 5.0
"""Seconds that what a killed process had started may take to end."""


class Locked(Exception):
    """Somebody else holds the lock."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path.name} is held{f' by {holder}' if holder else ''}")
        self.holder = holder


@contextmanager
def hold(
    path: Path,
    *,
    wait: float = 0.0,
    on_wait: Callable[[], None] | None = None,
) -> Iterator[int]:
    """Hold a lock for the length of the block. Raises `Locked` after waiting that many seconds.

    `on_wait` is called once, should there be any waiting. Gives the descriptor that has the lock:
    a process that gets it keeps the lock for as long as it lives.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        _take(descriptor, path, wait, on_wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        try:
            yield descriptor
        finally:
            # Closing is not enough: who has got the descriptor may take a moment to end.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, wait: float, on_wait: Callable[[], None] | None) -> None:
    began = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            most = wait if holder is None or _lives(holder) else max(wait, LAST_BREATH)
            if time.monotonic() >= began + most:
                raise Locked(path, _named(holder)) from None
        else:
            return
        if on_wait is not None and not told:
            on_wait()
        told = True
        time.sleep(min(_POLL, max(0.0, began + most - time.monotonic())))


def _holder(descriptor: int) -> int | None:
    """Who wrote itself into the file last: a hint, on which no safety rests."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _named(holder: int | None) -> str:
    if holder is None:
        return ""
    return f"process {holder}" if _lives(holder) else f"what process {holder} had started"
