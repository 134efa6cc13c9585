"""One SQLite database: copied aside, checked, compared with its source, and only then named."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from engine.sqlite.copies import (
    COUNTED_MOST,
    Check,
    Contents,
    CopyRules,
    CopyStatus,
    DatabaseCopy,
    NotCopied,
    choose_check,
    difference,
    schema_differs,
)
from engine.sqlite.files import DatabaseFile, Way
from engine.system.host.descent import Descent, NotThere, descending
from engine.system.sqlite.links import link_unchanged
from engine.system.sqlite.reading import find_problems, opened, read_contents, said
from engine.system.sqlite.source import Source, opened_source

_COPY = b"copy"
_LINK = b"linked"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP = 4 << 20
"""Bytes copied at a time; between two steps others may write a database in use."""
_PAUSE = 0.005
"""Seconds between two steps."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A database to be copied; all directories are held open."""

    root: int
    target: int
    work: int
    """An empty directory of our own on the target's file system."""
    database: DatabaseFile
    rules: CopyRules

    @property
    def path(self) -> bytes:
        """Of the database below the root, and of its copy below the target."""
        return b"/".join(self.database.names)

    def failed(self, status: CopyStatus, reason: str) -> DatabaseCopy:
        """That there is no copy, and why."""
        size = self.database.size
        return DatabaseCopy(path=self.path, status=status, reason=reason, size=size)


def copy_database(task: Task) -> DatabaseCopy | None:
    """What became of it; None where it has gone, as may happen in a tree that is in use."""
    try:
        with descending(task.root) as descent:
            return _copy(descent, task)
    except NotCopied as error:
        return task.failed(error.status, error.reason)
    except (NotThere, FileNotFoundError):
        return task.failed(CopyStatus.UNREADABLE, "it vanished") if task.rules.frozen else None
    except sqlite3.Error as error:
        return task.failed(_status_of(error), f"SQLite says: {said(error)}")
    except OSError as error:
        full = error.errno in _NO_ROOM
        status = CopyStatus.UNWRITTEN if full else CopyStatus.UNREADABLE
        return task.failed(status, error.strerror or str(error))


def _status_of(error: sqlite3.Error) -> CopyStatus:
    """What SQLite's code comes to; its upper bits are details."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT:
            return CopyStatus.CORRUPT
        case sqlite3.SQLITE_NOTADB:
            return CopyStatus.NOT_A_DATABASE
        case sqlite3.SQLITE_FULL:
            return CopyStatus.UNWRITTEN
        case _:
            return CopyStatus.UNREADABLE


def _copy(descent: Descent, task: Task) -> DatabaseCopy:
    parent = descent.enter(task.database.names[:-1])
    counted = task.database.size <= COUNTED_MOST
    with opened_source(task.database, parent, task.work, frozen=task.rules.frozen) as source:
        before = read_contents(source.reader, counted=counted and source.still)
        _back_up(source, task.work)
        after = before if source.still else read_contents(source.reader, counted=False)
    judged = _judge(task, source, (before, after))
    return replace(judged, linked=_settle(task, source.status))


def _back_up(source: Source, work: int) -> None:
    """Copy page by page, through SQLite's own interface for it."""
    pages = max(1, _STEP // source.reader.ask_number("PRAGMA page_size"))
    in_use = source.way is Way.LOCKED and not source.still

    def leave_room(_status: int, _left: int, _total: int) -> None:
        if in_use:
            time.sleep(_PAUSE)

    with opened(work, _COPY, "mode=rwc") as copy:
        # It counts once it is synced and renamed: a cut one is thrown away.
        copy.ask("PRAGMA journal_mode = OFF")
        copy.ask("PRAGMA synchronous = OFF")
        source.reader.connection.backup(
            copy.connection, pages=pages, progress=leave_room, sleep=_PAUSE
        )


# ── The judgement ────────────────────────────────────────────────────────────────────────────


def _judge(task: Task, source: Source, states: tuple[Contents, Contents]) -> DatabaseCopy:
    """Check a copy and compare it with its source. Raises `NotCopied`."""
    size = os.stat(_COPY, dir_fd=task.work).st_size
    with opened(task.work, _COPY, "mode=ro&immutable=1") as reader:
        check, problems = find_problems(reader, choose_check(size, task.rules.quick_above))
        if problems:
            raise NotCopied(CopyStatus.CORRUPT, f"{check.value} finds: {problems}")
        copy = read_contents(reader, counted=size <= COUNTED_MOST)
        remark = _remark(copy, tuple(reader.foreign), check)
    lacks = _what_lacks(states, copy, still=source.still)
    if lacks:
        raise NotCopied(CopyStatus.INCOMPLETE, lacks)
    return DatabaseCopy(
        path=task.path,
        status=CopyStatus.OK,
        reason=remark,
        size=size,
        tables=copy.tables,
        rows=copy.all_rows,
        check=check,
        way=source.way,
    )


def _what_lacks(states: tuple[Contents, Contents], copy: Contents, *, still: bool) -> str:
    """What a copy lacks; of a database that was written meanwhile, either schema will do."""
    if not still and any(not schema_differs(state, copy) for state in states):
        return ""
    return difference(states[0], copy)


def _remark(copy: Contents, foreign: tuple[str, ...], check: Check) -> str:
    if not copy.tables:
        return "it is empty: it holds no table"
    if foreign:
        return f"{check.value} only: {', '.join(foreign)} is known to its application alone"
    return ""


# ── The copy in its place ────────────────────────────────────────────────────────────────────


def _settle(task: Task, status: os.stat_result) -> bool:
    """Give a copy the attributes of its original, and its name once it is on the disk.

    Whether it is the file of the generation before now, to which an equal one is linked.
    """
    try:
        linked = _finish(task, status)
        with descending(task.target) as descent:
            _place(task, _LINK if linked else _COPY, descent)
    except (NotThere, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else "a file lies in its way"
        raise NotCopied(CopyStatus.UNWRITTEN, f"the copy cannot be put in place: {said}") from None
    return linked


def _finish(task: Task, status: os.stat_result) -> bool:
    """Complete a copy; whether a link to an equal file lies beside it, which is on the disk."""
    copy = os.open(_COPY, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=task.work)
    try:
        if os.geteuid() == 0:
            os.fchown(copy, status.st_uid, status.st_gid)
        os.fchmod(copy, stat.S_IMODE(status.st_mode) & 0o777)
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        linked = bool(task.rules.former) and _link_unchanged(task, copy)
        if not linked:
            os.fsync(copy)
    finally:
        os.close(copy)
    return linked


def _link_unchanged(task: Task, copy: int) -> bool:
    beside = os.open(b"..", _DIRECTORY, dir_fd=task.target)
    try:
        names = (task.rules.former, *task.database.names)
        return link_unchanged(beside, names, copy, task.work, _LINK)
    finally:
        os.close(beside)


def _place(task: Task, name: bytes, descent: Descent) -> None:
    names = task.database.names
    for depth in range(1, len(names)):
        parent = descent.enter(names[: depth - 1])
        with suppress(FileExistsError):
            os.mkdir(names[depth - 1], 0o700, dir_fd=parent)
            _sync_directory(parent)
    parent = descent.enter(names[:-1])
    os.rename(name, names[-1], src_dir_fd=task.work, dst_dir_fd=parent)
    _sync_directory(parent)


def _sync_directory(directory: int) -> None:
    """Have its names on the disk."""
    inner = os.open(b".", _DIRECTORY, dir_fd=directory)
    try:
        os.fsync(inner)
    finally:
        os.close(inner)
