"""Single directories and files that a run makes or checks, each opened without trust in names."""

from __future__ import annotations

import os
from contextlib import suppress

from engine.steps import Identity


def still_there(expected: Identity) -> bool:
    """Whether a directory is still the one that was looked at."""
    try:
        status = os.stat(expected.path)  # noqa: PTH116 - the path is bytes
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (expected.device, expected.inode)


def make_below(root: bytes, names: tuple[bytes, ...]) -> None:
    """Make directories below a root, never the root itself, and never through a symlink.

    They are closed to others: rsync opens the last one as far as the source is open, where the
    leg preserves modes.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=descriptor)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(name, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
    finally:
        os.close(descriptor)


def write_private(path: bytes, text: bytes) -> None:
    """Write a file that only this user may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(text)
