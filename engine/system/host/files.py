"""Single files of this machine: looked at, replaced whole, removed.

A file is never seen half written: it is written aside, and takes its place by a rename that
survives a power cut. Below a root that stands for another machine, no symlink leads out of it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from engine.changes.files import ObservedFile
from engine.system.host.places import Places
from policy.values import AbsolutePath, display

_LOOKED_AT = 64 * 1024 * 1024
"""Nothing that is generated is longer; of a longer file the beginning tells that it is not ours."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LeadsOutOfRoot(OSError):
    """A symlink below the root directory leads out of it."""

    def __init__(self, path: bytes) -> None:
        super().__init__(errno.EXDEV, "a symlink leads out of the root directory", path)


class Unobservable(Exception):
    """This user cannot look at a file; the message says at which, and why."""


def error_sentence(error: OSError) -> str:
    """What went wrong with which file, on one line."""
    where = display(os.fsencode(error.filename)) + ": " if error.filename else ""
    return f"{where}{error.strerror or error}"


def observe_files(
    root: Path, paths: Iterable[AbsolutePath]
) -> dict[AbsolutePath, ObservedFile | None]:
    """Look at each path below the root; None where nothing is. Raises `Unobservable`."""
    places = Places(root=root)
    try:
        return {path: _observe(places.below_root(path), root) for path in paths}
    except OSError as error:
        raise Unobservable(error_sentence(error)) from error


def _observe(path: bytes, root: Path) -> ObservedFile | None:
    try:
        target = _inside(path, root)
        status = os.lstat(target)
        if not stat.S_ISREG(status.st_mode):
            return ObservedFile(content=None, replaceable=stat.S_ISLNK(status.st_mode))
        with os.fdopen(os.open(target, _READ), "rb") as file:
            return ObservedFile(content=file.read(_LOOKED_AT), mode=stat.S_IMODE(status.st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_atomically(path: Path, content: bytes, mode: int, *, root: Path | None = None) -> None:
    """Make a file hold the content, whole or not at all, and make it last. Raises `OSError`.

    A symlink at the path itself is replaced, never followed. Missing directories are made.
    """
    target = _inside(os.fsencode(path), root)
    directory = os.path.dirname(target)  # noqa: PTH120 - bytes
    make_directories(directory)
    temporary = _temporary(target)
    with suppress(FileNotFoundError):
        os.unlink(temporary)  # noqa: PTH108 - bytes
    try:
        _write(temporary, content, mode)
        os.replace(temporary, target)  # noqa: PTH105 - bytes
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - bytes
        raise
    _sync_directory(directory)


def write_named(path: Path, content: bytes) -> None:
    """Write a file that a person has named, whole or not at all. Raises `OSError`.

    One that is there keeps its mode and owner; a new one is for its owner alone. A symlink is
    followed. What is no file, as a pipe or `/dev/stdout`, is written to and never replaced.
    """
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        path.write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    write_atomically(target, content, stat.S_IMODE(before.st_mode) if before else 0o600)
    if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):
            os.chown(target, before.st_uid, before.st_gid)


def remove_leftover(path: Path, *, root: Path | None = None) -> None:
    """Take away what a killed `write_atomically` of this path left beside it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(_temporary(_inside(os.fsencode(path), root)))  # noqa: PTH108 - bytes


def _temporary(target: bytes) -> bytes:
    """One name for each target, so that what a killed run left can be found."""
    directory, name = os.path.split(target)
    return directory + b"/.policyctl-" + hashlib.sha256(name).hexdigest()[:16].encode()


def _write(path: bytes, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, _CREATE, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def remove_file(path: Path, *, root: Path | None = None) -> None:
    """Remove a file, if it is there, and make that last. Raises `OSError`."""
    target = _inside(os.fsencode(path), root)
    with suppress(FileNotFoundError):
        os.unlink(target)  # noqa: PTH108 - bytes
        _sync_directory(os.path.dirname(target))  # noqa: PTH120 - bytes


def make_directories(directory: bytes, mode: int = 0o755) -> None:
    """Make a directory and those above it that are missing, whatever the umask."""
    if os.path.isdir(directory):  # noqa: PTH112 - bytes
        return
    parent = os.path.dirname(directory)  # noqa: PTH120 - bytes
    make_directories(parent)
    os.mkdir(directory, mode)  # noqa: PTH102 - bytes
    os.chmod(directory, mode)  # noqa: PTH101 - bytes
    _sync_directory(parent)


def _inside(path: bytes, root: Path | None) -> bytes:
    """The path with its directory's symlinks resolved; the last name stays as it is."""
    directory, name = os.path.split(path)
    resolved = os.path.realpath(directory)
    if root is not None:
        base = os.path.realpath(os.fsencode(root))
        if os.path.commonpath([base, resolved]) != base:
            raise LeadsOutOfRoot(path)
    return os.path.join(resolved, name)  # noqa: PTH118 - bytes


def _sync_directory(directory: bytes) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
