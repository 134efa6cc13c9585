"""Finding every SQLite database below a root, by what files hold and not by their names.

Directories are reached from the root's descriptor, and nothing is opened that is no regular file:
a pipe would keep the reader waiting, and a symlink may lead anywhere (law 41).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from engine.plan.selection import RECOVERED
from engine.sqlite.files import COMPANIONS, MAGIC, SMALLEST, DatabaseFile, Names
from engine.system.host.descent import Descent, NotThere, descending

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_RESERVED = b".policyctl-"
_BEAT = 5.0
"""Seconds between two signs of life."""
_AT_ONCE = 10_000
"""Entries of a directory that are held: any user may make one of millions."""


class NoRegularFile(Exception):
    """Something else lies there."""


@dataclass(slots=True)
class Search:
    """What a tree holds."""

    databases: list[DatabaseFile] = field(default_factory=list)
    """In order of their paths."""
    closed: list[tuple[Names, str]] = field(default_factory=list)
    """Files and directories that could not be looked into, and why."""
    left: list[Names] = field(default_factory=list)
    """Directories that were not looked into before the time ended."""


def search(root: int, deadline: float, alive: Callable[[], None] = lambda: None) -> Search:
    """Look at each file of the root's file system; file systems mounted below are not its own.

    `alive` is called now and then.
    """
    beat = _Beat(alive)
    found, device, waiting = Search(), os.fstat(root).st_dev, [Names()]
    with descending(root) as descent:
        while waiting:
            names = waiting.pop()
            if time.monotonic() > deadline:
                found.left.append(names)
                continue
            try:
                waiting += _look_into(descent, names, device, found, beat)
            except (NotThere, FileNotFoundError):
                continue  # it went meanwhile: the tree is in use
            except OSError as error:
                found.closed.append((names, f"it cannot be listed: {error.strerror}"))
    found.databases.sort(key=lambda one: one.names)
    return found


@dataclass(slots=True)
class _Beat:
    """Says that the search goes on, though not at each file."""

    alive: Callable[[], None]
    last: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        if time.monotonic() - self.last > _BEAT:
            self.alive()
            self.last = time.monotonic()


def _look_into(
    descent: Descent, names: Names, device: int, found: Search, beat: _Beat
) -> list[Names]:
    """Find the databases in one directory; the directories in it.

    What fsck found lies at the root of each claim of ext4, closed to all but root: no live data,
    and left out as rsync leaves it out.
    """
    here = descent.enter(names)
    if os.fstat(here).st_dev != device:
        return []
    below = []
    for name, directory in _listed(here):
        beat.beat()
        if name.startswith(_RESERVED):
            continue
        if directory and not names and RECOVERED.matches(name):
            continue
        if directory:
            below.append((*names, name))
            continue
        try:
            status = _recognise(here, name, device)
        except OSError as error:
            found.closed.append(((*names, name), f"it cannot be read: {error.strerror}"))
            continue
        if status is not None:
            found.databases.append(_database(here, (*names, name), status))
    return below


def database_at(directory: int, name: bytes) -> DatabaseFile | None:
    """The database of that name in a directory; None where it is none, or is not there.

    Raises `OSError`.
    """
    status = _recognise(directory, name, os.fstat(directory).st_dev)
    return _database(directory, (name,), status) if status is not None else None


def _database(directory: int, names: Names, status: os.stat_result) -> DatabaseFile:
    return DatabaseFile(
        names=names,
        size=status.st_size,
        inode=(status.st_dev, status.st_ino),
        links=status.st_nlink,
        companions=tuple(one for one in COMPANIONS if _holds_something(directory, names[-1], one)),
    )


def _listed(parent: int) -> Iterator[tuple[bytes, bool]]:
    """Directories and regular files in a directory, in the order in which they lie on the disk."""
    inner = os.open(b".", _DIRECTORY, dir_fd=parent)
    try:
        with os.scandir(inner) as entries:
            while part := list(islice(entries, _AT_ONCE)):
                for entry in sorted(part, key=os.DirEntry.inode):
                    directory = entry.is_dir(follow_symlinks=False)
                    if directory or entry.is_file(follow_symlinks=False):
                        yield os.fsencode(entry.name), directory
    finally:
        os.close(inner)


def _recognise(parent: int, name: bytes, device: int) -> os.stat_result | None:
    """The status of a file that begins as a database does."""
    try:
        with pinned(parent, name) as pin:
            status = os.fstat(pin)
            if status.st_size < SMALLEST:
                return None
            if status.st_dev != device and _mount_of(pin) != _mount_of(parent):
                return None
            with reading(pin) as file:
                return status if os.pread(file, len(MAGIC), 0) == MAGIC else None
    except (FileNotFoundError, NoRegularFile):
        return None


def _mount_of(descriptor: int) -> bytes:
    """The mount in which it lies (proc(5), `mnt_id`).

    In an overlay, such as a container's root, files have other device numbers than directories;
    what is mounted over a file is another mount.
    """
    told = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes().splitlines()
    return next(line for line in told if line.startswith(b"mnt_id:"))


def _holds_something(parent: int, name: bytes, suffix: bytes) -> bool:
    """Whether a companion may hold data; what is no regular file is not for us to judge."""
    try:
        status = os.stat(name + suffix, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # then there can be none
            raise
        return False
    return status.st_size > 0 or not stat.S_ISREG(status.st_mode)


@contextmanager
def pinned(parent: int, name: bytes) -> Iterator[int]:
    """A descriptor that stands for a regular file, without having opened it.

    Raises `NoRegularFile`.
    """
    pin = os.open(name, _PIN, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(pin).st_mode):
            raise NoRegularFile
        yield pin
    finally:
        os.close(pin)


@contextmanager
def reading(pin: int) -> Iterator[int]:
    """A descriptor to read the very file that a pin stands for."""
    file = os.open(b"/proc/self/fd/%d" % pin, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)
