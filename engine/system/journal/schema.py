"""The tables of the change journal, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from engine.system.host.write_ahead import use_write_ahead_log

SCHEMA = 1
BUSY_SECONDS = 60.0
HELD = 2**62
"""The sequence of what is about to be written: no run takes it before it has one of its own."""
assert HELD == 4_611_686_018_427_387_904, "the table names it in its index"

_TABLES = """
CREATE TABLE counter (sequence INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (0);
CREATE TABLE consumer (
    id INTEGER PRIMARY KEY,
    leg TEXT NOT NULL,
    reads TEXT NOT NULL,
    tree TEXT NOT NULL,
    names BLOB NOT NULL,
    UNIQUE (leg, reads)
) STRICT;
CREATE TABLE pending (
    consumer INTEGER NOT NULL,
    path BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    deep INTEGER NOT NULL,
    PRIMARY KEY (consumer, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX held ON pending (consumer) WHERE sequence = 4611686018427387904;
CREATE TABLE gap (
    consumer INTEGER NOT NULL,
    reason TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (consumer, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE writing (
    tree TEXT NOT NULL,
    leg TEXT NOT NULL,
    reads TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (tree, leg, reads)
) STRICT, WITHOUT ROWID;
CREATE TABLE coverage (
    tree TEXT PRIMARY KEY,
    stands_from INTEGER,
    detail TEXT NOT NULL,
    changed TEXT NOT NULL,
    heartbeat TEXT NOT NULL,
    watches INTEGER NOT NULL,
    events INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


class JournalUnusable(Exception):
    """The journal cannot be opened, or was written by a later version."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal, and make its tables when they are not there yet.

    Every commit is on the disk when it returns: a list that was written ahead must outlive a power
    cut in the transfer that it announces.
    """
    # Created here and not by SQLite, so that nobody else can ever read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        use_write_ahead_log(connection, BUSY_SECONDS)
        _create(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables; two processes may come here at once."""
    if _schema(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            if _schema(connection) == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
    if _schema(connection) != SCHEMA:
        raise JournalUnusable(f"the journal {path} was written by another version")


def _schema(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
