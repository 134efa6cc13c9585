"""Copying every SQLite database below a root, one after the other.

A database is somebody else's file, and may be made to harm who reads it. So each is copied by a
process of its own: one that hangs or crashes costs that copy, and the next has its turn.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection

from engine.sqlite.copies import CopyRules, CopyStatus, DatabaseCopy, read_line, write_line
from engine.sqlite.files import Names, names_without_companions
from engine.system.host.descent import remove_tree
from engine.system.sqlite.search import Search, database_at, search
from engine.system.sqlite.verified import Task, copy_database

WORK = b".policyctl-sqlite"
"""Where copies are made, in the directory that they go to."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GRACE = 10.0
"""Seconds for a killed process to go: one that waits for a dead disk may never."""
_LONGEST = 1e6
"""Seconds: beyond some weeks the kernel's own limit for waiting is reached."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def copy_databases(
    root: int,
    target: int,
    rules: CopyRules,
    alive: Callable[[], None] = lambda: None,
    *,
    only: bytes | None = None,
) -> Iterator[DatabaseCopy]:
    """Copy all databases below a directory into another one; both are held open.

    `alive` is called now and then while they are searched for. `only`: the one of that name in the
    directory is copied, and no other is looked for.

    What lies there under the same names is replaced. The calling process may have none of the
    databases open: SQLite would take its locks into the forked ones. Raises `OSError` where the
    target cannot be worked in.
    """
    end = time.monotonic() + rules.all
    found = search(root, end, alive) if only is None else _the_one(root, only)
    for names, reason in found.closed:
        yield _failed(names, CopyStatus.UNREADABLE, reason)
    for names in found.left:
        yield _failed(names, CopyStatus.TOO_SLOW, "not looked into: the time for all has ended")
    bare = names_without_companions(found.databases) if rules.frozen else {}
    for database in found.databases:
        if database.names in bare:
            other = b"/".join(bare[database.names]).decode("utf-8", "backslashreplace")
            reason = f"its latest rows lie beside {other}, another name of the same file"
            yield _failed(database.names, CopyStatus.INCOMPLETE, reason, database.size)
            continue
        began = time.monotonic()
        with _working(target) as work:
            task = Task(root=root, target=target, work=work, database=database, rules=rules)
            copy = _in_own_process(task, min(rules.each, end - began, _LONGEST))
        if copy is not None:
            yield replace(copy, milliseconds=round((time.monotonic() - began) * 1000))


def _the_one(root: int, name: bytes) -> Search:
    database = database_at(root, name)
    return Search(databases=[database] if database is not None else [])


def _failed(names: Names, status: CopyStatus, reason: str, size: int = 0) -> DatabaseCopy:
    return DatabaseCopy(path=b"/".join(names), status=status, reason=reason, size=size)


@contextmanager
def _working(target: int) -> Iterator[int]:
    """An empty directory of our own on the file system of the copies."""
    path = b"/proc/self/fd/%d/%s" % (target, WORK)
    remove_tree(path)  # of a process that was killed
    os.mkdir(WORK, 0o700, dir_fd=target)
    work = os.open(WORK, _DIRECTORY, dir_fd=target)
    try:
        yield work
    finally:
        os.close(work)
        remove_tree(path)


def _in_own_process(task: Task, seconds: float) -> DatabaseCopy | None:
    """What became of it; None where it has gone, as may happen in a tree that is in use."""
    if seconds <= 0:
        return task.failed(CopyStatus.TOO_SLOW, "the time for all has ended")
    # Forked, so that it has the descriptors: a path could lead elsewhere by now.
    forking = multiprocessing.get_context("fork")
    here, there = forking.Pipe(duplex=False)
    process = forking.Process(target=_work, args=(there, task, os.getpid()))
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            return task.failed(CopyStatus.TOO_SLOW, f"not done within {seconds:.0f} s")
        line = here.recv_bytes()
        return read_line(line) if line else None
    except EOFError:
        process.join(_GRACE)
        return task.failed(CopyStatus.UNREADABLE, _how_ended(process.exitcode))
    finally:
        here.close()
        process.kill()
        process.join(_GRACE)


def _how_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process that copied it was killed by {signal.Signals(-code).name}"
    return f"the process that copied it ended with {code}"


def _work(there: Connection, task: Task, parent: int) -> None:
    # A run that is killed must leave nobody behind who writes.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    _close_output()
    if os.getppid() == parent:
        copy = copy_database(task)
        there.send_bytes(b"" if copy is None else write_line(copy))


def _close_output() -> None:
    """Whoever reads what the parent says must not wait for this process, which may hang."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
