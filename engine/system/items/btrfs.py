"""A btrfs of this machine: the kernel asked by descriptors, the command run on them.

Every way begins at the directory of a source and goes on name by name, never through a symlink
(law 41). Errors of the system leave it as `BtrfsFailed`, where they are told.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.items.btrfs import (
    ABOUT_FILE_SYSTEM,
    ABOUT_SUBVOLUME,
    ROOT_INODE,
    Arguments,
    Question,
    SubvolumeInfo,
    read_file_system,
    read_subvolume,
)
from engine.items.subvolumes import SNAPSHOTS, Subvolume, identity_of
from engine.system.host.descent import opened_root
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.items.failures import BtrfsFailed
from policy.values import display

_CHANGE_SECONDS = 600.0
"""Before a snapshot is taken, all is written that waits in memory for its subvolume."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_MAY_WRITE = 0o022


def identity_of_btrfs(root: bytes) -> str:
    """Say which btrfs a directory lies in. Raises `BtrfsFailed`, also where it lies in none."""
    with telling(display(root)), opened_root(root) as here:
        return identity_of(file_system_of(here, root))


# ── Descriptors ──────────────────────────────────────────────────────────────────────────────


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Have errors of the system say what they are about: `BtrfsFailed`."""
    try:
        yield
    except OSError as error:
        raise BtrfsFailed(f"{what}: {error.strerror or error}") from None


@contextmanager
def inside(parent: int, name: bytes) -> Iterator[int]:
    """A directory in another one; a symlink there is an error."""
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def live(subvolume: Subvolume) -> Iterator[tuple[int, int]]:
    """The source's directory, and the subvolume in it if it still is the one looked at."""
    name = display(subvolume.root.rstrip(b"/") + b"/" + subvolume.name)
    with opened_root(subvolume.root) as here:
        try:
            inner = os.open(subvolume.name, _DIRECTORY, dir_fd=here)
        except (FileNotFoundError, NotADirectoryError):
            raise BtrfsFailed(f"{name} is gone") from None
        try:
            info = info_of(inner)
            if info is None or info.uuid != subvolume.uuid:
                raise BtrfsFailed(f"{name} is not the subvolume any more that was looked at")
            yield here, inner
        finally:
            os.close(inner)


@contextmanager
def folder_of(here: int, subvolume: Subvolume) -> Iterator[int]:
    """The folder of a subvolume's snapshots."""
    with ours(here, subvolume.file_system) as top, inside(top, subvolume.name) as folder:
        yield folder


@contextmanager
def ours(here: int, uuid: str) -> Iterator[int]:
    """The directory for all snapshots.

    Raises `FileNotFoundError`, and `BtrfsFailed` where somebody else could put something there.
    """
    with inside(here, SNAPSHOTS) as top:
        status = os.fstat(top)
        problem = ""
        if status.st_uid != os.geteuid():
            problem = f"belongs to the user {status.st_uid}"
        elif status.st_mode & _OTHERS_MAY_WRITE:
            mode = stat.S_IMODE(status.st_mode)
            problem = f"may be written by others (mode {mode:04o}): chmod go-w"
        elif ask_file_system(top) != uuid:
            problem = "lies on another file system"
        if problem:
            raise BtrfsFailed(f"{display(SNAPSHOTS)} {problem}")
        yield top


def make_folder(here: int, subvolume: Subvolume) -> None:
    """Make the folder where it is missing, open to nobody else: what once was private stays so."""
    with suppress(FileExistsError):
        os.mkdir(SNAPSHOTS, 0o700, dir_fd=here)
    with ours(here, subvolume.file_system) as top, suppress(FileExistsError):
        os.mkdir(subvolume.name, 0o700, dir_fd=top)


def is_there(folder: int, name: bytes) -> bool:
    """Whether anything has that name."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


# ── The kernel, and the command ──────────────────────────────────────────────────────────────


def ask(
    descriptor: int, question: Question, about: bytes = b"", fine: tuple[int, ...] = ()
) -> bytes:
    """Ask the kernel about what a descriptor is; `fine` are errors that come with an answer.

    Raises `OSError`.
    """
    answer = bytearray(about.ljust(question.size, b"\0"))
    try:
        fcntl.ioctl(descriptor, question.request, answer)
    except OSError as error:
        if error.errno not in fine:
            raise
    return bytes(answer)


def ask_file_system(descriptor: int) -> str:
    """The UUID of its file system; empty where that is no btrfs."""
    try:
        return read_file_system(ask(descriptor, ABOUT_FILE_SYSTEM))
    except OSError as error:
        if error.errno in {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL}:
            return ""
        raise


def file_system_of(here: int, root: bytes) -> str:
    """The UUID of the btrfs of a source's directory. Raises `BtrfsFailed` where it is none."""
    uuid = ask_file_system(here)
    if not uuid:
        raise BtrfsFailed(f"{display(root)} lies on no btrfs: is it mounted?")
    return uuid


def info_of(descriptor: int) -> SubvolumeInfo | None:
    """What the kernel says of a subvolume's root; None of everything else."""
    if os.fstat(descriptor).st_ino != ROOT_INODE or not ask_file_system(descriptor):
        return None
    return read_subvolume(ask(descriptor, ABOUT_SUBVOLUME))


def info_at(folder: int, name: bytes) -> SubvolumeInfo | None:
    """The same of an entry of a directory; None also where there is none."""
    with suppress(FileNotFoundError, NotADirectoryError), inside(folder, name) as snapshot:
        return info_of(snapshot)
    return None


def change(arguments: Arguments, keep_open: tuple[int, ...]) -> None:
    """Run a command of btrfs(8) that has to succeed. Raises `BtrfsFailed`."""
    done = run_btrfs(arguments, keep_open, _CHANGE_SECONDS)
    if done.timed_out:
        raise BtrfsFailed("btrfs did not end in time")
    if done.code != 0:
        raise BtrfsFailed(f"btrfs: {done.last_words or f'it ended with {done.code}'}")


def run_btrfs(arguments: Arguments, keep_open: tuple[int, ...], seconds: float) -> Completed:
    """Run a command of btrfs(8), however it ends. Raises `BtrfsFailed` where it cannot start."""
    try:
        return run(Command(argv=arguments, timeout=seconds, keep_open=keep_open))
    except CommandNotStarted as error:
        raise BtrfsFailed(f"{error} (Debian: the package btrfs-progs)") from None
