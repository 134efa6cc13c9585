"""Pauses as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from engine.schedule.pauses import Pause
from engine.system.state.records import moment_of


class Pauses:
    """The table `pause`, one row a leg. A row whose time has passed counts for nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, leg: str, now: datetime) -> Pause | None:
        """The pause of a leg; None where it has none that lasts."""
        row = self._connection.execute(
            "SELECT until, since, reason FROM pause WHERE leg = ?", (leg,)
        ).fetchone()
        if row is None:
            return None
        until, since, reason = row
        found = Pause(leg=leg, until=moment_of(until), since=moment_of(since), reason=reason)
        return found if found.lasts(now) else None

    def begin(self, pause: Pause) -> None:
        """Note a pause, in place of the one that the leg may have."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO pause VALUES (?, ?, ?, ?)",
                (pause.leg, pause.until.isoformat(), pause.since.isoformat(), pause.reason),
            )

    def end(self, leg: str) -> None:
        """Let a leg's pause go; that there is none is fine."""
        with self._connection as db:
            db.execute("DELETE FROM pause WHERE leg = ?", (leg,))

    def rename(self, old: str, new: str) -> None:
        """Give a leg's pause its new name."""
        with self._connection as db:
            db.execute("UPDATE OR REPLACE pause SET leg = ? WHERE leg = ?", (new, old))

    def keep_only(self, legs: Collection[str]) -> None:
        """Let the pauses of all other legs go."""
        with self._connection as db:
            rows = db.execute("SELECT leg FROM pause").fetchall()
            gone = [(leg,) for (leg,) in rows if leg not in legs]
            db.executemany("DELETE FROM pause WHERE leg = ?", gone)
