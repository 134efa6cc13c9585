"""Copies that have yet to come, as the state database holds them.

An applied plan makes a copy that the one before did not; until its leg has succeeded since, it may
not be there, or not all of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

from engine.migration import Arrival
from engine.spots import spot
from engine.system.records import moment_of


class Arrivals:
    """The table `arrival`, one row a place."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """Note what has to come; what was awaited already is awaited anew."""
        moment = now.isoformat()
        with self._connection as db:
            db.executemany(
                "INSERT OR REPLACE INTO arrival VALUES (?, ?, ?, ?)",
                [(one.place.holder, one.place.text, one.leg, moment) for one in arrivals],
            )

    def awaited(self, success: Callable[[str], datetime | None]) -> tuple[Arrival, ...]:
        """What has not come yet. `success` says when the last run that succeeded of a leg began."""
        rows = self._connection.execute(
            "SELECT holder, path, leg, since FROM arrival ORDER BY holder, path"
        )
        return tuple(
            Arrival(place=spot(holder, bytes(path)), leg=leg)
            for holder, path, leg, since in rows
            if not _has_come(success(leg), since)
        )

    def forget_come(self, success: Callable[[str], datetime | None]) -> None:
        """Forget what has come."""
        rows = self._connection.execute("SELECT holder, path, leg, since FROM arrival").fetchall()
        there = [row[:2] for row in rows if _has_come(success(row[2]), row[3])]
        with self._connection as db:
            db.executemany("DELETE FROM arrival WHERE holder = ? AND path = ?", there)

    def rename(self, old: str, new: str) -> None:
        """Give a leg or a destination its new name; they share one name space."""
        with self._connection as db:
            for column in ("leg", "holder"):
                db.execute(
                    f"UPDATE OR REPLACE arrival SET {column} = ? WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (new, old),
                )


def _has_come(last: datetime | None, since: str) -> bool:
    return last is not None and last >= moment_of(since)
