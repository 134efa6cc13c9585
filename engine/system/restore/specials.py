"""FIFOs, sockets and device nodes in live data, looked for."""

from __future__ import annotations

import os
import stat
import time

from engine.restore.specials import Special, Specials

PATIENCE = 2.0
"""Seconds that looking may take: it only says more exactly what is said anyway."""


def special_at(path: bytes) -> Special | None:
    """What lies at a path, if it is one."""
    try:
        return _special(os.lstat(path).st_mode)
    except OSError:
        return None


def specials_below(path: bytes) -> Specials | None:
    """All in a directory; None where there is no directory. No symlink is followed."""
    until = time.monotonic() + PATIENCE
    found: list[tuple[bytes, Special]] = []
    whole = True
    waiting = [path]
    while waiting:
        if time.monotonic() >= until:
            whole = False
            break
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for one in entries:
                    if one.is_dir(follow_symlinks=False):
                        waiting.append(one.path)
                    elif not (one.is_file(follow_symlinks=False) or one.is_symlink()):
                        special = special_at(one.path)
                        found += [(one.path[len(path) :].lstrip(b"/"), special)] if special else []
        except OSError:
            if folder == path:
                return None
            whole = False
    return Specials(found=tuple(sorted(found, key=lambda each: each[0])), whole=whole)


def _special(mode: int) -> Special | None:
    if stat.S_ISFIFO(mode):
        return Special.FIFO
    if stat.S_ISSOCK(mode):
        return Special.SOCKET
    return Special.DEVICE if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None
