"""Renaming a path at a destination: nothing is overwritten, no symlink followed, no byte sent."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engine.system.host.descent import NotThere, descending, opened_root

_LIBC = ctypes.CDLL(None, use_errno=True)
_NOREPLACE = 1
"""RENAME_NOREPLACE of renameat2(2)."""
_CANNOT = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
"""What a file system answers that does not know the flag, or flushes no directory."""
_WHY = {
    errno.EXDEV: "it lies on another file system there, or in another subvolume",
    errno.EEXIST: "something lies there already, and nothing is overwritten",
    errno.ENOTEMPTY: "something lies there already, and nothing is overwritten",
    errno.ENOENT: "it is not there any more",
    errno.ELOOP: "a symlink is in the place of a directory on the way",
    errno.ENOTDIR: "something else is in the place of a directory on the way",
}
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotRenamed(Exception):
    """Nothing was renamed; the message says why."""


def rename_below(root: bytes, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> None:
    """Rename a path below a root, and have that on the disk.

    The directories above the new name are made where they are missing; the old ones stay. Raises
    `NotRenamed`, and `OSError` where it was renamed and may not be on the disk.
    """
    with ExitStack() as stack:
        try:
            source = stack.enter_context(opened_below(root, old[:-1], make=False))
            target = stack.enter_context(opened_below(root, new[:-1]))
            _rename(source, old[-1], target, new[-1])
        except OSError as error:
            raise NotRenamed(_WHY.get(error.errno or 0) or str(error)) from None
        for one in (target, source):
            _flush(one)


@contextmanager
def opened_below(root: bytes, names: tuple[bytes, ...], *, make: bool = True) -> Iterator[int]:
    """A directory below a root, step by step, through no symlink. Raises `OSError`."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if make:
                _make(name, here)
            inner = os.open(name, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


def _make(name: bytes, parent: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return
    _flush(parent)


def _flush(directory: int) -> None:
    """Have a directory on the disk; some network file systems flush none by itself."""
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def _rename(source: int, old: bytes, target: int, new: bytes) -> None:
    if _LIBC.renameat2(source, old, target, new, _NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _CANNOT:
        raise OSError(code, os.strerror(code))
    # A file system without the flag (some network ones): the destination's lock keeps legs away
    # between the look and the rename.
    try:
        os.stat(new, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
    else:
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def make_writable(root: bytes, names: tuple[bytes, ...]) -> None:
    """Let its owner write a directory; through no symlink. Raises `OSError`, `NotRenamed`."""
    with opened_root(root) as top, descending(top) as descent:
        try:
            parent = descent.enter(names[:-1])
        except NotThere as error:
            raise NotRenamed(str(error)) from None
        inner = os.open(names[-1], _DIRECTORY, dir_fd=parent)
        try:
            os.fchmod(inner, stat.S_IMODE(os.fstat(inner).st_mode) | stat.S_IRWXU)
        finally:
            os.close(inner)
