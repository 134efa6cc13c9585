"""Walking a tree to count what lies in each directory, in several processes at once.

Every directory is reached from the root's descriptor (`engine.system.host.descent`), so that
whatever somebody does to names meanwhile, nothing outside the tree is counted (law 41). File
systems that are mounted below are walked, as mirrors read them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import NamedTuple

from engine.plan.selection import Ignore
from engine.records.measurement import DirectoryVolume, Volume
from engine.routing.dropped import Dropping, Names, dropping
from engine.system.host.descent import Descent, NotThere, descending
from engine.system.measure.inodes import Inodes

_CHUNK = 20_000
"""Entries after which a process hands back what it has found, and what it has yet to look at."""
_AT_MOST = 8
"""Processes: more only make a disk's heads jump."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WalkFailed(Exception):
    """A process that walked was killed, as where memory runs out."""


Told = Callable[[int, int], None]
"""Is told how many files and bytes were counted so far."""


class _Waiting(NamedTuple):
    """A directory that is yet to be looked at."""

    names: Names
    dropped: bool
    """Whether it lies in something that is dropped: then all in it is."""


class _Linked(NamedTuple):
    """A file with several names: its bytes count where its first name lies."""

    dropped: bool
    path: bytes
    """The directory."""
    device: int
    inode: int
    size: int


@dataclass(slots=True)
class _Found:
    """What was counted so far; bytes of files with several names apart."""

    rows: list[DirectoryVolume] = field(default_factory=list)
    linked: list[_Linked] = field(default_factory=list)
    ignored_files: int = 0
    ignored_bytes: int = 0
    unreadable: int = 0
    waiting: list[_Waiting] = field(default_factory=list)
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a whole tree holds."""

    rows: tuple[DirectoryVolume, ...]
    """Directories that hold files, in order of their paths."""
    ignored: Volume
    unreadable: int
    """Directories that could not be read, of those that are not dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a tree holds that was not counted before."""

    volume: Volume
    unreadable: int


def walk(root: int, ignores: Sequence[Ignore], told: Told | None = None) -> Walked:
    """Count a tree that the caller holds open. Raises `WalkFailed`."""
    drops = tuple(ignores)
    tally = _Tally(told)
    waiting = tally.take(_walk_some(root, drops, [_Waiting((), dropped=False)]))
    if waiting:
        _in_processes(root, drops, waiting, tally)
    return tally.sum()


def _in_processes(
    root: int, ignores: tuple[Ignore, ...], waiting: list[_Waiting], tally: _Tally
) -> None:
    with _workers(root, ignores) as idle:
        busy: list[Connection] = []
        while waiting or busy:
            if idle:
                for part in _parts(waiting, len(idle)):
                    busy.append(idle.pop())
                    _send(busy[-1], part)
                waiting = []
            for done in wait(busy):
                assert isinstance(done, Connection)
                waiting += tally.take(_received(done))
                busy.remove(done)
                idle.append(done)


@contextmanager
def _workers(root: int, ignores: tuple[Ignore, ...]) -> Iterator[list[Connection]]:
    """The near ends of processes that walk what they are sent, and answer with what they found."""
    # Forked, so that they have the root's descriptor: a path could lead elsewhere by now.
    forking = multiprocessing.get_context("fork")
    near: list[Connection] = []
    processes: list[ForkProcess] = []
    try:
        for _ in range(min(_AT_MOST, len(os.sched_getaffinity(0)))):
            mine, other = forking.Pipe()
            process = forking.Process(target=_work, args=(other, [*near, mine], root, ignores))
            process.start()
            other.close()
            near.append(mine)
            processes.append(process)
        yield list(near)
    except BaseException:
        for process in processes:
            process.kill()
        raise
    finally:
        for one in near:
            one.close()
        for process in processes:
            process.join()


def _work(
    here: Connection, others: list[Connection], root: int, ignores: tuple[Ignore, ...]
) -> None:
    """Until the other end is closed: then there is nothing left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    for one in others:
        one.close()  # a copy that stays open would hide that the parent has closed its own
    with suppress(EOFError, ConnectionError):
        while True:
            here.send(_walk_some(root, ignores, here.recv()))


_KILLED = "a process that counted was killed (out of memory?)"


def _send(worker: Connection, part: list[_Waiting]) -> None:
    try:
        worker.send(part)
    except ConnectionError:
        raise WalkFailed(_KILLED) from None


def _received(worker: Connection) -> _Found:
    try:
        found = worker.recv()
    except (EOFError, ConnectionError):
        raise WalkFailed(_KILLED) from None
    assert isinstance(found, _Found)
    return found


def _parts(waiting: list[_Waiting], most: int) -> Iterator[list[_Waiting]]:
    """At most so many, neighbours together: they share most of their way."""
    size = max(1, -(-len(waiting) // most))
    for at in range(0, len(waiting), size):
        yield waiting[at : at + size]


@dataclass(slots=True)
class _Tally:
    """What all processes have found."""

    told: Told | None
    found: _Found = field(default_factory=_Found)
    files: int = 0
    bytes: int = 0

    def take(self, part: _Found) -> list[_Waiting]:
        """Add a part; what is yet to be looked at."""
        mine = self.found
        mine.rows += part.rows
        mine.linked += part.linked
        mine.ignored_files += part.ignored_files
        mine.ignored_bytes += part.ignored_bytes
        mine.unreadable += part.unreadable
        self.files += sum(row.files for row in part.rows)
        self.bytes += sum(row.bytes for row in part.rows)
        if self.told is not None:
            self.told(self.files, self.bytes)
        return part.waiting

    def sum(self) -> Walked:
        """All of it, each inode's bytes counted once: where it is not dropped, if it can be."""
        more: dict[bytes, int] = {}
        seen: set[tuple[int, int]] = set()
        ignored = self.found.ignored_bytes
        for one in sorted(self.found.linked):
            if (one.device, one.inode) in seen:
                continue
            seen.add((one.device, one.inode))
            if one.dropped:
                ignored += one.size
            else:
                more[one.path] = more.get(one.path, 0) + one.size
        return Walked(
            rows=tuple(
                row._replace(bytes=row.bytes + more[row.path]) if row.path in more else row
                for row in sorted(self.found.rows)
            ),
            ignored=Volume(files=self.found.ignored_files, bytes=ignored),
            unreadable=self.found.unreadable,
        )


# ── In one process ───────────────────────────────────────────────────────────────────────────


def _walk_some(root: int, ignores: tuple[Ignore, ...], waiting: list[_Waiting]) -> _Found:
    """Look at these directories and what is below, until enough was found for once."""
    found, drops = _Found(waiting=waiting), dropping(ignores)
    with descending(root) as descent:
        while found.waiting and found.entries < _CHUNK:
            one = found.waiting.pop()
            try:
                found.waiting += _look(descent, one, drops, found)
            except (NotThere, FileNotFoundError):
                continue  # it vanished, or is no directory any more
            except OSError:
                found.unreadable += not one.dropped
    return found


def _look(descent: Descent, at: _Waiting, drops: Dropping, found: _Found) -> list[_Waiting]:
    """Count the files of one directory; the directories in it, the last one first."""
    inside, path = drops.inside(at.names), b"/".join(at.names)
    below: list[_Waiting] = []
    files = size = 0
    with _listed(descent.enter(at.names)) as entries:
        for entry in entries:
            found.entries += 1
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                dropped = at.dropped or name in inside.directories
                below.append(_Waiting((*at.names, name), dropped))
                continue
            status = _status(entry)
            if status is None:
                continue
            dropped = at.dropped or name in inside.files
            own = status.st_size
            if status.st_nlink > 1:
                found.linked.append(_Linked(dropped, path, status.st_dev, status.st_ino, own))
                own = 0
            if dropped:
                found.ignored_files += 1
                found.ignored_bytes += own
            else:
                files += 1
                size += own
    if files:
        found.rows.append(DirectoryVolume(path, files, size))
    return sorted(below, reverse=True)


def count_once(root: int, below: Names, inodes: Inodes) -> Counted:
    """Count the files below a directory that were not counted yet, all in one process."""
    files = size = unreadable = 0
    waiting = [below]
    with descending(root) as descent:
        while waiting:
            names = waiting.pop()
            try:
                with _listed(descent.enter(names)) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append((*names, os.fsencode(entry.name)))
                            continue
                        status = _status(entry)
                        if status is not None and inodes.is_new(status):
                            files, size = files + 1, size + status.st_size
            except (NotThere, FileNotFoundError):
                continue
            except OSError:
                unreadable += 1
    return Counted(volume=Volume(files=files, bytes=size), unreadable=unreadable)


def list_files(
    descent: Descent, names: Names, drops: Dropping, seen: set[tuple[int, int]]
) -> list[tuple[bytes, int]]:
    """Names and bytes of the files directly in a directory that are not dropped.

    An inode that was `seen` has no bytes any more. Raises `NotThere` and `OSError`.
    """
    hits, found = drops.inside(names).files, []
    with _listed(descent.enter(names)) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False) or name in hits:
                continue
            status = _status(entry)
            if status is None:
                continue
            inode = (status.st_dev, status.st_ino)
            found.append((name, 0 if inode in seen else status.st_size))
            if status.st_nlink > 1:
                seen.add(inode)
    return found


@contextmanager
def _listed(directory: int) -> Iterator[Iterator[os.DirEntry[str]]]:
    # A descriptor that was opened for its path alone cannot be read.
    inner = os.open(b".", _DIRECTORY, dir_fd=directory)
    try:
        with os.scandir(inner) as entries:
            yield entries
    finally:
        os.close(inner)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None where it vanished while the tree was being walked: then there is nothing to count."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
