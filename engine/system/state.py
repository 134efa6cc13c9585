"""The state database: what runs did, what legs own, which file systems destinations are.

SQLite with a write-ahead log and full synchronisation: what was told is there after a power cut.
Only this module knows the tables; others get and give typed records.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.reports import RunStatus

SCHEMA = 1
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
    entries INTEGER
) STRICT;
CREATE INDEX run_by_leg ON run (leg, started);
CREATE TABLE owned (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    name BLOB NOT NULL,
    run_id TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (leg, source, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE last_seen (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT NOT NULL,
    rules TEXT NOT NULL,
    entries INTEGER,
    file_system TEXT NOT NULL,
    PRIMARY KEY (leg, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE mount (
    leg TEXT NOT NULL,
    source TEXT NOT NULL,
    path BLOB NOT NULL,
    PRIMARY KEY (leg, source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE destination (
    name TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    recorded TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


class StateUnusable(Exception):
    """The state database cannot be opened, or was written by a later version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as the history holds it; without an end it is running, or was killed."""

    run_id: str
    leg: str
    started: datetime
    ended: datetime | None
    status: RunStatus | None
    """None: it has not told yet."""
    mode: str = "full"
    due: datetime | None = None
    reason: str = ""
    bytes_sent: int = 0
    files: int = 0
    deletions: int = 0
    entries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """What the last successful pass of a feed found in its source."""

    rules: str
    """Digest of the rules it went by: under other rules its numbers compare with nothing."""
    entries: int | None
    file_system: str
    mounts: tuple[bytes, ...]


class State:
    """An open state database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # ── Runs ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, record: RunRecord) -> None:
        """Note that a run has begun, so that even a killed one leaves a trace."""
        self._put(record)

    def finish(self, record: RunRecord) -> None:
        """Note how a run ended."""
        self._put(record)

    def end_killed(self, leg: str, now: datetime) -> tuple[str, ...]:
        """Close runs of a leg that ended without telling; only its lock's holder may ask."""
        with self._connection as db:
            rows = db.execute(
                "UPDATE run SET ended = ?, status = ?, reason = ? "
                "WHERE leg = ? AND ended IS NULL RETURNING run_id",
                (
                    now.isoformat(),
                    RunStatus.INTERRUPTED.value,
                    "it ended without telling: killed, or a power cut",
                    leg,
                ),
            ).fetchall()
        return tuple(str(row[0]) for row in rows)

    def last_run(self, leg: str) -> RunRecord | None:
        """The newest run of a leg, refusals because of its own lock aside."""
        return self._one("leg = ? AND status != ?", leg, RunStatus.LOCKED.value)

    def last_success(self, leg: str) -> RunRecord | None:
        """The newest run of a leg that succeeded."""
        good = [status.value for status in RunStatus if status.succeeded]
        marks = ", ".join("?" * len(good))
        return self._one(f"leg = ? AND status IN ({marks})", leg, *good)

    def history(self, leg: str, *, most: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs of a leg, newest first, lock refusals included."""
        return tuple(self._runs("leg = ?", leg, most=most))

    def _put(self, record: RunRecord) -> None:
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.run_id,
                    record.leg,
                    record.mode,
                    record.started.isoformat(),
                    record.ended.isoformat() if record.ended else None,
                    record.due.isoformat() if record.due else None,
                    record.status.value if record.status else "running",
                    record.reason,
                    record.bytes_sent,
                    record.files,
                    record.deletions,
                    record.entries,
                ),
            )

    def _one(self, where: str, *values: str) -> RunRecord | None:
        return next(self._runs(where, *values, most=1), None)

    def _runs(self, where: str, *values: str, most: int) -> Iterator[RunRecord]:
        # `where` is one of this module's own texts, never a value.
        sql = f"SELECT * FROM run WHERE {where} ORDER BY started DESC, rowid DESC LIMIT ?"  # noqa: S608
        for row in self._connection.execute(sql, (*values, most)):
            yield _run_record(row)

    # ── What a leg owns, and what it saw ─────────────────────────────────────────────────────

    def owned(self, leg: str, source: str) -> frozenset[bytes]:
        """Top-level entries that this leg may delete."""
        rows = self._connection.execute(
            "SELECT name FROM owned WHERE leg = ? AND source = ?", (leg, source)
        )
        return frozenset(bytes(row[0]) for row in rows)

    def claim(self, leg: str, source: str, run_id: str, names: Iterable[bytes]) -> None:
        """Note entries that a run is about to create."""
        with self._connection as db:
            db.executemany(
                "INSERT OR IGNORE INTO owned VALUES (?, ?, ?, ?, 0)",
                [(leg, source, name, run_id) for name in names],
            )

    def record_pass(
        self, leg: str, source: str, run_id: str, names: Iterable[bytes], seen: LastSeen
    ) -> None:
        """Note what a completed pass saw: from now on the leg owns this and nothing else."""
        key = (leg, source)
        with self._connection as db:
            db.execute("DELETE FROM owned WHERE leg = ? AND source = ?", key)
            db.executemany(
                "INSERT INTO owned VALUES (?, ?, ?, ?, 1)",
                [(leg, source, name, run_id) for name in names],
            )
            db.execute(
                "INSERT OR REPLACE INTO last_seen VALUES (?, ?, ?, ?, ?, ?)",
                (leg, source, run_id, seen.rules, seen.entries, seen.file_system),
            )
            db.execute("DELETE FROM mount WHERE leg = ? AND source = ?", key)
            db.executemany(
                "INSERT INTO mount VALUES (?, ?, ?)",
                [(leg, source, path) for path in seen.mounts],
            )

    def last_seen(self, leg: str, source: str) -> LastSeen | None:
        """What the last successful pass saw."""
        key = (leg, source)
        row = self._connection.execute(
            "SELECT rules, entries, file_system FROM last_seen WHERE leg = ? AND source = ?", key
        ).fetchone()
        if row is None:
            return None
        mounts = self._connection.execute(
            "SELECT path FROM mount WHERE leg = ? AND source = ? ORDER BY path", key
        )
        return LastSeen(
            rules=str(row[0]),
            entries=_number(row[1]),
            file_system=str(row[2]),
            mounts=tuple(bytes(mount[0]) for mount in mounts),
        )

    # ── Destinations ─────────────────────────────────────────────────────────────────────────

    def destination_identity(self, name: str) -> str | None:
        """The identity recorded for a destination."""
        row = self._connection.execute(
            "SELECT identity FROM destination WHERE name = ?", (name,)
        ).fetchone()
        return str(row[0]) if row else None

    def record_destination(self, name: str, identity: str, now: datetime) -> None:
        """Record which file system a destination is."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO destination VALUES (?, ?, ?)",
                (name, identity, now.isoformat()),
            )


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """Open the database, creating it when it is not there. Raises `StateUnusable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StateUnusable(f"the state {path} cannot be opened: {error}") from error
    with closing(connection):
        yield State(connection)


def _connect(path: Path) -> sqlite3.Connection:
    # Created here and not by SQLite, so that nobody else can ever read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _create(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables; two processes may come here at once."""
    found = _schema(connection)
    if found == 0:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            if _schema(connection) == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
    elif found != SCHEMA:
        raise StateUnusable(f"the state {path} was written by another version ({found})")


def _schema(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


_Row = tuple[str, str, str, str, str | None, str | None, str, str, int, int, int, int | None]


def _run_record(row: _Row) -> RunRecord:
    run_id, leg, mode, started, ended, due, status, reason, size, files, deletions, entries = row
    return RunRecord(
        run_id=run_id,
        leg=leg,
        mode=mode,
        started=_time(started),
        ended=_time(ended) if ended else None,
        due=_time(due) if due else None,
        status=None if status == "running" else RunStatus(status),
        reason=reason,
        bytes_sent=size,
        files=files,
        deletions=deletions,
        entries=entries,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
