"""The run history as the state database holds it: what became of each run and each feed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from engine.records.reports import RunStatus
from engine.system.state.records import (
    ItemRecord,
    RunRecord,
    item_record,
    item_row,
    moment_text,
    run_record,
)

_SUCCEEDED = f"status IN ({', '.join(f'{one.value!r}' for one in RunStatus if one.succeeded)})"


class RunHistory:
    """The tables `run`, one row a run, and `item`, one row a feed of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The database itself, for tables that only few commands look at."""
        return self._connection

    def mark(self) -> int:
        """The mark that the last run left, on the journal as well; 0: none yet."""
        return int(self._connection.execute("PRAGMA application_id").fetchone()[0])

    def set_mark(self, mark: int) -> None:
        """Put another mark on it."""
        self._connection.execute(f"PRAGMA application_id = {mark:d}")

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
        return next(iter(self.item_successes(leg, item, most=1)), None)

    def item_successes(self, leg: str, item: str, *, most: int = 50) -> tuple[RunRecord, ...]:
        """The newest of those runs, newest first."""
        good = [status.value for status in RunStatus if status.succeeded]
        marks = ", ".join("?" * len(good))
        inside = f"SELECT run_id FROM item WHERE name = ? AND status IN ({marks})"  # noqa: S608 - only constants are put in
        return tuple(self._runs(f"leg = ? AND run_id IN ({inside})", leg, item, *good, most=most))

    def _one(self, where: str, *values: str) -> RunRecord | None:
        return next(self._runs(where, *values, most=1), None)

    def _runs(self, where: str, *values: str, most: int) -> Iterator[RunRecord]:
        # `where` is one of this module's own texts, never a value. The order is that of telling: by
        # `started` a run that was made while the clock was wrong would stay the newest for ever.
        sql = f"SELECT * FROM run WHERE {where} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - only constants are put in
        for row in self._connection.execute(sql, (*values, most)):
            yield run_record(row)
