"""The state database: what runs did, what legs own, which file systems destinations are.

SQLite with a write-ahead log and full synchronisation: what was told is there after a power cut.
Only this module knows the tables; others get and give typed records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from engine.plan import Feed, LegPlan, Location, Plan
from engine.reports import RunStatus
from engine.system.pauses import Pauses
from engine.system.records import (
    ItemRecord,
    LastSeen,
    RoomRecord,
    RunRecord,
    Stream,
    item_record,
    item_row,
    moment_of,
    moment_text,
    number_of,
    run_record,
)
from engine.system.state_schema import WAY_OUT, StateUnusable, connect


def stream_of(plan: Plan, leg: LegPlan, feed: Feed, state: State) -> Stream:
    """The stream that a feed is.

    Its place is more than a name: with another disk, path or account under the same name, what
    lies there was never this leg's.
    """
    holder = feed.writes.holder if feed.writes is not None else ""
    destination = plan.destination(holder)
    where = ""
    if destination is not None:
        account = destination.ssh.account if destination.ssh else ""
        where = f" at {account}:{destination.path} on {state.destination_identity(holder)}"
    return Stream(leg=leg.name, source=feed.reads, place=f"{feed.writes or ''}{where}")


_SUCCEEDED = f"status IN ({', '.join(f'{one.value!r}' for one in RunStatus if one.succeeded)})"
_THIS = "leg = ? AND source = ? AND place = ?"
_STREAM_TABLES = ("owned", "last_seen", "mount")


class State:
    """An open state database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.pauses = Pauses(connection)

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

    def last_begun(self, leg: str) -> RunRecord | None:
        """The newest run of a leg that did begin: neither locked, nor only waiting for a disk."""
        never = (RunStatus.LOCKED.value, RunStatus.WAITED_TOO_LONG.value)
        return self._one("leg = ? AND status NOT IN (?, ?)", leg, *never)

    def last_success(self, leg: str) -> RunRecord | None:
        """The newest run of a leg that succeeded."""
        return self._one(f"leg = ? AND {_SUCCEEDED}", leg)

    def succeeded_before(self, leg: str, moment: datetime) -> bool:
        """Whether a run of a leg that began by then has succeeded."""
        where = f"leg = ? AND {_SUCCEEDED} AND started <= ?"
        return self._one(where, leg, moment.isoformat()) is not None

    def last_refusal(self, leg: str) -> RunRecord | None:
        """The newest run of a leg that was refused because of its own lock."""
        return self._one("leg = ? AND status = ?", leg, RunStatus.LOCKED.value)

    def history(self, leg: str, *, most: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs of a leg, newest first, lock refusals included."""
        return tuple(self._runs("leg = ?", leg, most=most))

    def unlocked(self, leg: str, *, most: int = 50) -> tuple[RunRecord, ...]:
        """The same without lock refusals: while a seed goes on there may be hundreds of them."""
        return tuple(self._runs("leg = ? AND status != ?", leg, RunStatus.LOCKED.value, most=most))

    def _put(self, record: RunRecord) -> None:
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    moment_text(record.data_as_of),
                    record.told,
                ),
            )
            db.executemany(
                "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [item_row(record.run_id, one) for one in record.items],
            )

    def note_told(self, run_id: str, why_not: str) -> None:
        """Note why the figures of a run could not be told; empty where they were."""
        with self._connection as db:
            db.execute("UPDATE run SET told = ? WHERE run_id = ?", (why_not, run_id))

    def items(self, run_id: str) -> tuple[ItemRecord, ...]:
        """What became of each feed in a run."""
        rows = self._connection.execute(
            "SELECT name, status, reason, mode, bytes_sent, files, deletions, entries, pending, "
            "data_as_of FROM item WHERE run_id = ? ORDER BY name",
            (run_id,),
        )
        return tuple(item_record(row) for row in rows)

    def last_item_success(self, leg: str, item: str) -> RunRecord | None:
        """The newest run in which one feed of a leg succeeded, whatever became of the others."""
        good = [status.value for status in RunStatus if status.succeeded]
        marks = ", ".join("?" * len(good))
        inside = f"SELECT run_id FROM item WHERE name = ? AND status IN ({marks})"  # noqa: S608 - only constants are put in
        return self._one(f"leg = ? AND run_id IN ({inside})", leg, item, *good)

    def _one(self, where: str, *values: str) -> RunRecord | None:
        return next(self._runs(where, *values, most=1), None)

    def _runs(self, where: str, *values: str, most: int) -> Iterator[RunRecord]:
        # `where` is one of this module's own texts, never a value. The order is that of telling: by
        # `started` a run that was made while the clock was wrong would stay the newest for ever.
        sql = f"SELECT * FROM run WHERE {where} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - only constants are put in
        for row in self._connection.execute(sql, (*values, most)):
            yield run_record(row)

    # ── Room at destinations ─────────────────────────────────────────────────────────────────

    def record_room(self, destination: str, room: RoomRecord) -> None:
        """Note how much room was seen at a destination."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO room VALUES (?, ?, ?, ?)",
                (destination, room.free, room.total, room.measured.isoformat()),
            )

    def room(self, destination: str) -> RoomRecord | None:
        """The room that was last seen at a destination."""
        row = self._connection.execute(
            "SELECT free, total, measured FROM room WHERE destination = ?", (destination,)
        ).fetchone()
        if row is None:
            return None
        return RoomRecord(
            free=number_of(row[0]), total=number_of(row[1]), measured=moment_of(row[2])
        )

    # ── What a leg owns, and what it saw ─────────────────────────────────────────────────────

    def owned(self, stream: Stream) -> frozenset[bytes]:
        """Top-level entries that this leg may delete there."""
        rows = self._connection.execute(
            f"SELECT name FROM owned WHERE {_THIS}",  # noqa: S608 - a constant
            stream,
        )
        return frozenset(bytes(row[0]) for row in rows)

    def claim(self, stream: Stream, run_id: str, names: Iterable[bytes]) -> None:
        """Note entries that a run is about to create."""
        with self._connection as db:
            db.executemany(
                "INSERT OR IGNORE INTO owned VALUES (?, ?, ?, ?, ?, 0)",
                [(*stream, name, run_id) for name in names],
            )

    def record_pass(
        self, stream: Stream, run_id: str, names: Iterable[bytes], seen: LastSeen
    ) -> None:
        """Note what a completed pass saw: from now on the leg owns this there, and no more."""
        with self._connection as db:
            db.execute(f"DELETE FROM owned WHERE {_THIS}", stream)  # noqa: S608 - only constants are put in
            db.executemany(
                "INSERT INTO owned VALUES (?, ?, ?, ?, ?, 1)",
                [(*stream, name, run_id) for name in names],
            )
            db.execute(
                "INSERT OR REPLACE INTO last_seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *stream,
                    run_id,
                    seen.rules,
                    seen.entries,
                    seen.file_system,
                    moment_text(seen.full_began),
                    seen.size,
                ),
            )
            db.execute(f"DELETE FROM mount WHERE {_THIS}", stream)  # noqa: S608 - only constants are put in
            db.executemany(
                "INSERT INTO mount VALUES (?, ?, ?, ?)",
                [(*stream, path) for path in seen.mounts],
            )

    def passed(self, stream: Stream, run_id: str) -> bool:
        """Whether a pass of this run was completed there."""
        row = self._connection.execute(
            f"SELECT 1 FROM last_seen WHERE {_THIS} AND run_id = ?",  # noqa: S608 - a constant
            (*stream, run_id),
        ).fetchone()
        return row is not None

    def last_seen(self, stream: Stream) -> LastSeen | None:
        """What the last successful pass saw."""
        row = self._connection.execute(
            f"SELECT rules, entries, file_system, full_began, size FROM last_seen WHERE {_THIS}",  # noqa: S608 - only constants are put in
            stream,
        ).fetchone()
        if row is None:
            return None
        mounts = self._connection.execute(
            f"SELECT path FROM mount WHERE {_THIS} ORDER BY path",  # noqa: S608 - only constants are put in
            stream,
        )
        return LastSeen(
            rules=str(row[0]),
            entries=number_of(row[1]),
            file_system=str(row[2]),
            mounts=tuple(bytes(mount[0]) for mount in mounts),
            full_began=moment_of(row[3]) if row[3] else None,
            size=number_of(row[4]),
        )

    # ── Places ───────────────────────────────────────────────────────────────────────────────

    def set_places(self, places: Iterable[Location]) -> None:
        """Note the places of an applied plan; those of earlier ones are retired from now on."""
        with self._connection as db:
            db.execute("UPDATE place SET current = 0")
            db.executemany(
                "INSERT OR REPLACE INTO place VALUES (?, ?, 1)",
                [(one.holder, b"/".join(one.names)) for one in places],
            )

    def retired(self, inside: Location) -> tuple[tuple[bytes, ...], ...]:
        """Places below this one, relative to it, whose legs have left."""
        rows = self._connection.execute(
            "SELECT path FROM place WHERE holder = ? AND current = 0 ORDER BY path",
            (inside.holder,),
        )
        names = [tuple(bytes(row[0]).split(b"/")) for row in rows if row[0]]
        depth = len(inside.names)
        return tuple(
            one[depth:] for one in names if one[:depth] == inside.names and len(one) > depth
        )

    def forget_retired(self, at: Location) -> None:
        """Let a retired place go, and those below it: another leg has taken it over."""
        for names in ((), *self.retired(at)):
            with self._connection as db:
                db.execute(
                    "DELETE FROM place WHERE holder = ? AND path = ? AND current = 0",
                    (at.holder, b"/".join((*at.names, *names))),
                )

    def keep_only(self, streams: Iterable[Stream]) -> None:
        """Forget what legs owned at places that they no longer write."""
        kept = set(streams)
        with self._connection as db:
            for table in _STREAM_TABLES:
                rows = db.execute(f"SELECT DISTINCT leg, source, place FROM {table}")  # noqa: S608 - only constants are put in
                gone = [row for row in rows if Stream(*row) not in kept]
                db.executemany(f"DELETE FROM {table} WHERE {_THIS}", gone)  # noqa: S608 - only constants are put in

    # ── Renames ──────────────────────────────────────────────────────────────────────────────

    def rename_leg(self, old: str, new: str) -> bool:
        """Give a leg's history and ownership its new name; whether there was any."""
        return self._rename("leg", old, new, ("run", *_STREAM_TABLES))

    def rename_source(self, old: str, new: str) -> bool:
        """Give what was seen of a source its new name; whether there was anything."""
        return self._rename("source", old, new, _STREAM_TABLES)

    def rename_destination(self, old: str, new: str) -> bool:
        """Give a destination's identity, and what its legs own there, its new name."""
        moved = self._rename("name", old, new, ("destination",))
        moved |= self._rename("source", old, new, _STREAM_TABLES)
        self._rename("holder", old, new, ("place",))
        with self._connection as db:
            for table in _STREAM_TABLES:
                db.execute(
                    f"UPDATE OR IGNORE {table} SET place = ? || substr(place, ?) "  # noqa: S608 - only constants are put in
                    "WHERE substr(place, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, old + ":"),
                )
        return moved

    def _rename(self, column: str, old: str, new: str, tables: tuple[str, ...]) -> bool:
        moved = 0
        with self._connection as db:
            for table in tables:
                known = db.execute(
                    f"SELECT 1 FROM {table} WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (old,),
                ).fetchone()
                if known and table != "run":
                    # What an earlier thing of the new name has left is not this one's.
                    db.execute(f"DELETE FROM {table} WHERE {column} = ?", (new,))  # noqa: S608 - only constants are put in
                cursor = db.execute(
                    f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (new, old),
                )
                moved += cursor.rowcount
        return moved > 0

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


__all__ = [
    "ItemRecord",
    "LastSeen",
    "RoomRecord",
    "RunRecord",
    "State",
    "StateUnusable",
    "Stream",
    "open_state",
    "stream_of",
]


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """Open the database, creating it when it is not there. Raises `StateUnusable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StateUnusable(f"the state {path} cannot be opened: {error}; {WAY_OUT}") from error
    with closing(connection):
        yield State(connection)
