"""The tables of the state database, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from engine.system.host.write_ahead import use_write_ahead_log

SCHEMA = 11
BUSY_SECONDS = 30.0

_TABLES = """
CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    leg TEXT NOT NULL,
    mode TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    due TEXT,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    bytes_sent INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    deletions INTEGER NOT NULL DEFAULT 0,
    entries INTEGER,
    data_as_of TEXT,
    told TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX run_by_leg ON run (leg, started);
CREATE TABLE item (
    run_id TEXT NOT NULL REFERENCES run (run_id),
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    mode TEXT NOT NULL,
    bytes_sent INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    deletions INTEGER NOT NULL DEFAULT 0,
    entries INTEGER,
    pending INTEGER NOT NULL DEFAULT 0,
    data_as_of TEXT,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE room (
    destination TEXT PRIMARY KEY,
    free INTEGER,
    total INTEGER,
    measured TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE owned (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    name BLOB NOT NULL,
    run_id TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (leg, source, place, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE last_seen (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    run_id TEXT NOT NULL,
    rules TEXT NOT NULL,
    entries INTEGER,
    file_system TEXT NOT NULL,
    full_began TEXT,
    size INTEGER,
    tree BLOB,
    PRIMARY KEY (leg, source, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE mount (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    path BLOB NOT NULL,
    PRIMARY KEY (leg, source, place, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE place (
    holder TEXT NOT NULL,
    path BLOB NOT NULL,
    current INTEGER NOT NULL,
    PRIMARY KEY (holder, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE destination (
    name TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    recorded TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE pause (
    leg TEXT PRIMARY KEY,
    until TEXT NOT NULL,
    since TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE room_day (
    destination TEXT NOT NULL,
    day TEXT NOT NULL,
    free INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (destination, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE measured (
    source TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    seconds REAL NOT NULL,
    ignores TEXT NOT NULL,
    ignored_files INTEGER NOT NULL,
    ignored_bytes INTEGER NOT NULL,
    unreadable INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE volume (
    source TEXT NOT NULL,
    path BLOB NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE known_entry (
    source TEXT NOT NULL,
    name BLOB NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE orphan (
    holder TEXT NOT NULL,
    path BLOB NOT NULL,
    since TEXT NOT NULL,
    leg TEXT NOT NULL,
    reads TEXT NOT NULL,
    live BLOB NOT NULL,
    why TEXT NOT NULL,
    files INTEGER,
    bytes INTEGER,
    form TEXT,
    PRIMARY KEY (holder, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE generation (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    name BLOB NOT NULL,
    standing TEXT NOT NULL,
    PRIMARY KEY (leg, source, place, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE arrival (
    holder TEXT NOT NULL,
    path BLOB NOT NULL,
    leg TEXT NOT NULL,
    since TEXT NOT NULL,
    form TEXT,
    PRIMARY KEY (holder, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone (
    holder TEXT NOT NULL,
    path BLOB NOT NULL,
    removed TEXT NOT NULL,
    since TEXT NOT NULL,
    why TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    renamed TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (holder, path, removed)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollback (
    volume_group TEXT NOT NULL,
    volume TEXT NOT NULL,
    moment TEXT NOT NULL,
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    before TEXT NOT NULL,
    active INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    direction TEXT NOT NULL,
    stopped TEXT NOT NULL,
    ended TEXT,
    PRIMARY KEY (volume_group, volume, moment)
) STRICT, WITHOUT ROWID;
CREATE TABLE verification (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    began TEXT NOT NULL,
    ended TEXT NOT NULL,
    seed INTEGER,
    compared INTEGER NOT NULL,
    compared_bytes INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    counts TEXT NOT NULL,
    refused TEXT NOT NULL,
    PRIMARY KEY (leg, source, began)
) STRICT, WITHOUT ROWID;
CREATE TABLE differing (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    path BLOB NOT NULL,
    difference TEXT NOT NULL,
    PRIMARY KEY (leg, source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE generation_room (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    generations INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (leg, source, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE name_folding (
    place TEXT PRIMARY KEY,
    folds_case INTEGER NOT NULL,
    folds_form INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE acceptance (
    text TEXT PRIMARY KEY,
    because TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE begun (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    tree BLOB NOT NULL,
    file_system TEXT NOT NULL,
    mounts BLOB NOT NULL,
    PRIMARY KEY (leg, source, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE left_plan (
    place TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE drill (
    name TEXT NOT NULL,
    began TEXT NOT NULL,
    ended TEXT,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    seed INTEGER NOT NULL,
    data_as_of TEXT,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    seconds REAL NOT NULL,
    compared INTEGER NOT NULL,
    databases INTEGER NOT NULL,
    whole INTEGER,
    faults INTEGER NOT NULL,
    PRIMARY KEY (name, began)
) STRICT, WITHOUT ROWID;
CREATE TABLE drill_expected (
    name TEXT PRIMARY KEY,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE drill_fault (
    name TEXT NOT NULL,
    began TEXT NOT NULL,
    place TEXT NOT NULL,
    item TEXT NOT NULL,
    path BLOB NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (name, began, place, item, path, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE look (
    name TEXT NOT NULL,
    began TEXT NOT NULL,
    ended TEXT,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    looked INTEGER NOT NULL,
    newest TEXT,
    bytes INTEGER,
    oldest TEXT,
    PRIMARY KEY (name, began)
) STRICT, WITHOUT ROWID;
CREATE TABLE check_expected (
    name TEXT PRIMARY KEY,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


_UPGRADE_TO_4 = "ALTER TABLE last_seen ADD COLUMN size INTEGER"
_UPGRADE_TO_6 = "ALTER TABLE last_seen ADD COLUMN tree BLOB"
_UPGRADES_FROM = {
    1: """
ALTER TABLE run ADD COLUMN data_as_of TEXT;
ALTER TABLE run ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE last_seen ADD COLUMN full_began TEXT
""",
    4: """
ALTER TABLE orphan ADD COLUMN form TEXT;
ALTER TABLE tombstone ADD COLUMN renamed TEXT NOT NULL DEFAULT ''
""",
    5: "ALTER TABLE arrival ADD COLUMN form TEXT",
    10: "ALTER TABLE look ADD COLUMN oldest TEXT",
}
"""What a table of just that version lacks; those of earlier versions come with it."""
_NEW_TABLES = {
    2: ("item", "room"),
    3: ("pause",),
    4: ("room_day", "measured", "volume", "known_entry", "orphan", "tombstone"),
    5: ("arrival", "generation"),
    6: ("rollback",),
    7: ("acceptance", "generation_room", "name_folding", "verification", "differing"),
    8: ("begun", "left_plan"),
    9: ("drill", "drill_expected", "drill_fault"),
    10: ("look", "check_expected"),
}
"""By the version that brought them."""


class StateUnusable(Exception):
    """The state database cannot be opened, or was written by a later version."""


WAY_OUT = (
    "move it aside and run `policyctl apply`; then runs begin with full passes, and delete nothing "
    "until `policyctl adopt` has given them back what is theirs"
)
"""What to do where the state is lost."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, and make its tables when they are not there yet."""
    # Created here and not by SQLite, so that nobody else can ever read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        use_write_ahead_log(connection, BUSY_SECONDS)
        create(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def bring_up(path: Path) -> None:
    """Bring what an earlier version wrote up to this one, where it is. Raises `StateUnusable`."""
    try:
        if path.exists():
            connect(path).close()
    except (OSError, sqlite3.Error) as error:
        raise StateUnusable(f"the state {path} cannot be opened: {error}; {WAY_OUT}") from error


def create(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or add what a later version has; two processes may come here at once."""
    if _schema(connection) == SCHEMA:
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        version = _schema(connection)
        if version == 0:
            _execute(connection, _TABLES)
        elif version < SCHEMA:
            _upgrade(connection, version)
        elif version != SCHEMA:
            raise StateUnusable(f"the state {path} was written by another version ({version})")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Add what came after a version."""
    if version in _UPGRADES_FROM:
        _execute(connection, _UPGRADES_FROM[version])
    if version < 4:
        _execute(connection, _UPGRADE_TO_4)
    if version < 6:
        _execute(connection, _UPGRADE_TO_6)
    for since, tables in _NEW_TABLES.items():
        if since > version:
            _add(connection, *tables)


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    """Statement by statement: `executescript` would end the transaction."""
    for statement in statements.split(";"):
        connection.execute(statement)


def _add(connection: sqlite3.Connection, *tables: str) -> None:
    for name in tables:
        connection.execute(_table_named(name))


def _table_named(name: str) -> str:
    return next(
        one for one in _TABLES.split(";") if one.strip().startswith(f"CREATE TABLE {name} (")
    )


def _schema(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
