"""Directories that only lead to what other legs own: they are no part of what comes back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from engine.system.host.descent import Descent, NotThere, descending

Names = tuple[bytes, ...]


def remove_empty(root: int, top: Names, ways: Iterable[Names]) -> int:
    """Remove those that hold nothing, the inner ones first, and count them.

    Their parents keep their times. A directory that the source itself has, and that holds
    something, stays as it came.
    """
    with descending(root) as descent:
        return sum(_removed(descent, (*top, *way)) for way in ways)


def _removed(descent: Descent, names: Names) -> bool:
    with suppress(NotThere, OSError):  # it did not come, is no directory, or holds something
        parent = descent.enter(names[:-1])
        before = os.fstat(parent)
        os.rmdir(names[-1], dir_fd=parent)
        os.utime(b".", ns=(before.st_atime_ns, before.st_mtime_ns), dir_fd=parent)
        return True
    return False
