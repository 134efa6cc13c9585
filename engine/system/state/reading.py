"""State and journal opened only to be read: asking changes nothing, not even a file beside them.

A database with a write-ahead log cannot be read without a file of shared memory. Where nobody has
it open there is neither, and nothing to wait for: it is read as it lies.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote_from_bytes

from engine.system.journal.journal import Journal
from engine.system.journal.schema import SCHEMA as JOURNAL_SCHEMA
from engine.system.state.schema import SCHEMA as STATE_SCHEMA
from engine.system.state.schema import WAY_OUT, StateUnusable, create
from engine.system.state.state import State
from engine.system.state.status_file import LeftStatus

_BUSY_SECONDS = 5.0


@contextmanager
def read_state(path: Path) -> Iterator[State | None]:
    """The state database, to be read; None where no run or apply has made one yet.

    Raises `StateUnusable`.
    """
    if not path.exists():
        yield None
        return
    try:
        connection = _open(path)
    except (OSError, sqlite3.Error) as error:
        raise StateUnusable(f"the state {path} cannot be read: {error}; {WAY_OUT}") from error
    with closing(connection):
        version = _version(connection)
        if version == 0:  # the first run is just making it
            yield None
            return
        if version != STATE_SCHEMA:
            raise StateUnusable(
                f"the state {path} was written by another version; "
                "the next run or apply brings it up to this one, if it is older"
            )
        yield State(connection)


@contextmanager
def state_of(left: LeftStatus) -> Iterator[State]:
    """What a run elsewhere has left, as a state database of its own."""
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, Path(":memory:"))
        state = State(connection)
        for one in reversed(left.runs):
            state.finish(one)
        yield state


@contextmanager
def read_journal(path: Path) -> Iterator[Journal | None]:
    """The change journal, to be read; None where there is none that this version can read."""
    connection = _journal(path)
    if connection is None:
        yield None
        return
    with closing(connection):
        yield Journal(connection)


def _journal(path: Path) -> sqlite3.Connection | None:
    try:
        if not path.exists():
            return None
        connection = _open(path)
    except (OSError, sqlite3.Error):
        return None
    if _version(connection) == JOURNAL_SCHEMA:
        return connection
    connection.close()
    return None


def _open(path: Path) -> sqlite3.Connection:
    name = quote_from_bytes(os.fsencode(path.absolute()))
    log = path.with_name(path.name + "-wal")
    how = "mode=ro" if log.exists() else "immutable=1"
    connection = sqlite3.connect(f"file:{name}?{how}", uri=True, timeout=_BUSY_SECONDS)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
