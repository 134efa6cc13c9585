"""Opening a database that is to be copied, so that SQLite reads that one, and all of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from engine.sqlite.copies import CopyStatus, NotCopied
from engine.sqlite.files import (
    COMPANIONS,
    FRAME_HEADER,
    HEADER,
    JOURNAL,
    JOURNAL_TAIL,
    SHM,
    WAL,
    WAL_HEADER,
    DatabaseFile,
    Inode,
    Way,
    committed_frames,
    header_problem,
    is_hot,
    is_whole,
    names_super_journal,
    read_wal_header,
    way_to_open,
)
from engine.system.sqlite.reading import Reader, opened
from engine.system.sqlite.search import NoRegularFile, pinned, reading

_PLAIN = b"source"
"""Its name while it is recovered: SQLite finds companions by the name."""
_CHUNK = 1 << 24
_WAIT = 30.0
"""Seconds for which a writer that holds a lock is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A database, opened."""

    reader: Reader
    way: Way
    still: bool
    """Whether all that is read of it is one state of it."""
    status: os.stat_result
    """Of its main file."""


@contextmanager
def opened_source(
    database: DatabaseFile, parent: int, work: int, *, frozen: bool
) -> Iterator[Source]:
    """Open a database that lies in a directory; `work` is an empty one of our own.

    Raises `NotCopied`, `FileNotFoundError`, other `OSError` and `sqlite3.Error`.
    """
    name = database.names[-1]
    try:
        # Held until SQLite has closed the file: to close any descriptor of it ends its locks.
        with pinned(parent, name) as pin, reading(pin) as file:
            problem = header_problem(os.pread(file, HEADER, 0))
            if problem:
                raise NotCopied(CopyStatus.NOT_A_DATABASE, problem)
            where = os.readlink(b"/proc/self/fd/%d" % parent)  # noqa: PTH115 - bytes
            way = way_to_open(database, frozen=frozen, path_length=len(where) + 1 + len(name))
            before = os.fstat(pin)
            with _opened(database, way, (parent, pin, file), work) as (reader, still):
                yield Source(reader=reader, way=way, still=still, status=before)
                if frozen and _changed(before, os.fstat(pin)):
                    raise NotCopied(CopyStatus.UNREADABLE, "it was written while it was read")
    except NoRegularFile:
        raise NotCopied(CopyStatus.UNREADABLE, "it is no regular file any more") from None


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)


@contextmanager
def _opened(
    database: DatabaseFile, way: Way, held: tuple[int, int, int], work: int
) -> Iterator[tuple[Reader, bool]]:
    parent, pin, file = held
    name = database.names[-1]
    match way:
        case Way.IMMUTABLE:
            with _in_place(parent, name, pin, "mode=ro&immutable=1") as reader:
                yield reader, True
        case Way.LOCKED:
            with _in_place(parent, name, pin, "mode=ro") as reader:
                yield reader, _hold(reader)
        case Way.RECOVERED:
            _copy_bytes(file, work, _PLAIN)
            for suffix in database.companions:
                _copy_companion(parent, name + suffix, work, _PLAIN + suffix)
            with _recovered(work) as reader:
                yield reader, True


# ── Where it lies ────────────────────────────────────────────────────────────────────────────


@contextmanager
def _in_place(parent: int, name: bytes, pin: int, query: str) -> Iterator[Reader]:
    """Open it by its path, and make sure that this led to the very files in that directory."""
    before = _open_files()
    with opened(parent, name, query, wait=_WAIT) as reader:
        reader.ask("PRAGMA schema_version")  # now all files of it are open
        new = {inode for number, inode in _open_files().items() if before.get(number) != inode}
        status = os.fstat(pin)
        if (status.st_dev, status.st_ino) not in new or new - _beside(parent, name):
            reason = "its path led to another file: a directory or a name was replaced meanwhile"
            raise NotCopied(CopyStatus.UNREADABLE, reason)
        yield reader


def _open_files() -> dict[int, Inode]:
    """What this process holds open."""
    found = {}
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - numbers, not paths
        with suppress(OSError):  # the listing's own
            status = os.fstat(number)
            found[number] = (status.st_dev, status.st_ino)
    return found


def _beside(parent: int, name: bytes) -> set[Inode]:
    """The main file and its companions as they lie in that directory now."""
    found = set()
    for suffix in (b"", *COMPANIONS, SHM):
        with suppress(OSError):
            status = os.stat(name + suffix, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                found.add((status.st_dev, status.st_ino))
    return found


def _hold(reader: Reader) -> bool:
    """Stay at one state of a database in use, where this keeps no writer waiting."""
    if reader.ask("PRAGMA journal_mode") != [(b"wal",)]:
        return False
    reader.ask("BEGIN")
    reader.ask("SELECT count(*) FROM sqlite_master")  # it begins with the first read
    return True


# ── As a copy that is recovered ──────────────────────────────────────────────────────────────


def _copy_companion(parent: int, name: bytes, work: int, copy: bytes) -> None:
    shown = name.decode("utf-8", "backslashreplace")
    try:
        with pinned(parent, name) as pin, reading(pin) as file:
            _copy_bytes(file, work, copy)
    except NoRegularFile:
        raise NotCopied(CopyStatus.UNREADABLE, f"{shown} is no regular file") from None
    except FileNotFoundError:
        raise NotCopied(CopyStatus.UNREADABLE, f"{shown} vanished") from None


def _copy_bytes(file: int, work: int, name: bytes) -> None:
    """Copy a file that nothing changes, byte by byte."""
    size = os.fstat(file).st_size
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    copy = os.open(name, flags, 0o600, dir_fd=work)
    try:
        done = 0
        while count := os.sendfile(copy, file, done, _CHUNK):
            done += count
    finally:
        os.close(copy)
    if done != size:
        raise NotCopied(CopyStatus.UNREADABLE, "it was written while it was read")


@contextmanager
def _recovered(work: int) -> Iterator[Reader]:
    """Have SQLite recover the copy, and hold what comes of it against what has to."""
    frames, hot = _frames_to_find(work), _is_to_be_rolled_back(work)
    with opened(work, _PLAIN, "mode=rw") as reader:
        reader.ask("PRAGMA synchronous = OFF")
        reader.ask("PRAGMA schema_version")  # now it is recovered
        found = _frames_found(reader) if frames else 0
        if found < frames:
            reason = f"SQLite recovers {found} of the {frames} frames of its -wal: that is damaged"
            raise NotCopied(CopyStatus.INCOMPLETE, reason)
        if hot and _exists(work, _PLAIN + JOURNAL):
            raise NotCopied(CopyStatus.INCOMPLETE, "SQLite does not roll back its cut transaction")
        yield reader


def _frames_found(reader: Reader) -> int:
    """How many frames the log has for SQLite: the second of three numbers, -1 where it has none."""
    _, log, _ = reader.ask("PRAGMA wal_checkpoint(PASSIVE)")[0]
    return max(0, log) if isinstance(log, int) else 0


def _exists(work: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=work)
    except FileNotFoundError:
        return False
    return True


def _frames_to_find(work: int) -> int:
    """How many frames of its write-ahead log have to be recovered."""
    with suppress(FileNotFoundError), _beginning(work, WAL, WAL_HEADER) as (file, size, header):
        wal = read_wal_header(header)
        if wal is None:
            raise NotCopied(CopyStatus.INCOMPLETE, "its -wal is damaged at its beginning")
        places = range(WAL_HEADER, size - FRAME_HEADER + 1, FRAME_HEADER + wal.page_size)
        return committed_frames(wal, (os.pread(file, FRAME_HEADER, place) for place in places))
    return 0


def _is_to_be_rolled_back(work: int) -> bool:
    """Whether a transaction was cut, which its journal undoes."""
    with suppress(FileNotFoundError), _beginning(work, JOURNAL, 1) as (file, size, beginning):
        if not is_hot(beginning):
            return False
        if not is_whole(lambda place, length: os.pread(file, length, place)):
            raise NotCopied(CopyStatus.INCOMPLETE, "its -journal is damaged")
        if names_super_journal(os.pread(file, JOURNAL_TAIL, max(0, size - JOURNAL_TAIL))):
            reason = "a transaction over several databases was cut: its application has to end it"
            raise NotCopied(CopyStatus.INCOMPLETE, reason)
        return True
    return False


@contextmanager
def _beginning(work: int, suffix: bytes, length: int) -> Iterator[tuple[int, int, bytes]]:
    file = os.open(_PLAIN + suffix, os.O_RDONLY | os.O_CLOEXEC, dir_fd=work)
    try:
        yield file, os.fstat(file).st_size, os.pread(file, length, 0)
    finally:
        os.close(file)
