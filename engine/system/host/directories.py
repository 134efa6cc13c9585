"""Single directories that a run looks at, makes or checks, without trust in names."""

from __future__ import annotations

import ctypes
import os
import stat
from contextlib import suppress

from engine.reach.targets import Identity, Presence, Target
from engine.rsync.set_aside import SET_ASIDE
from engine.system.host.descent import NotThere, descending, list_inside, opened_root

_LIBC = ctypes.CDLL(None, use_errno=True)


def still_there(expected: Identity) -> bool:
    """Whether a directory is still the one that was looked at."""
    try:
        status = os.stat(expected.path)  # noqa: PTH116 - the path is bytes
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (expected.device, expected.inode)


def flush(path: bytes) -> None:
    """Have all that was written to the file system of a directory on its disk: syncfs(2)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fsdecode(path))
    finally:
        os.close(descriptor)


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


def look_at(path: bytes) -> tuple[Presence, Identity]:
    """What is at a path, and which directory it is."""
    nothing = Identity(path=path, device=0, inode=0)
    try:
        status = os.stat(path)  # noqa: PTH116 - the path is bytes
    except FileNotFoundError:
        return Presence.MISSING, nothing
    except OSError:
        return Presence.UNREADABLE, nothing
    if not stat.S_ISDIR(status.st_mode):
        return Presence.OTHER, nothing
    identity = Identity(path=path, device=status.st_dev, inode=status.st_ino)
    try:
        os.listdir(path)  # noqa: PTH208 - the path is bytes
    except OSError:
        return Presence.UNREADABLE, identity
    return Presence.DIRECTORY, identity


def list_directory(path: bytes) -> tuple[tuple[bytes, bool], ...]:
    """Entries of a directory, and whether each is one itself; none where it is not there."""
    try:
        with os.scandir(path) as entries:
            return tuple((one.name, one.is_dir(follow_symlinks=False)) for one in entries)
    except (FileNotFoundError, NotADirectoryError):
        return ()


def astray_link(target: Target) -> bytes:
    """A symlink where a directory of copies should be: rsync would follow it out of its root."""
    path = target.root.rstrip(b"/")
    for name in (*target.names, SET_ASIDE):
        path += b"/" + name
        if os.path.islink(path):  # noqa: PTH114 - the path is bytes
            return path
    return b""


def entries_below(root: bytes) -> int | None:
    """How many entries a directory holds, at any depth; None where that cannot be counted."""
    count = 0
    waiting: list[tuple[bytes, ...]] = [()]
    try:
        with opened_root(root) as top, descending(top) as descent:
            while waiting:
                names = waiting.pop()
                inside = list_inside(descent.enter(names))
                count += len(inside)
                waiting += [(*names, name) for name, directory in inside if directory]
    except (OSError, NotThere):
        return None
    return count
