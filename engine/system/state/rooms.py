"""Room at destinations as the state database holds it: as last seen, and day by day."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date

from engine.standing.forecast import RoomDay
from engine.system.state.records import RoomRecord, moment_of, number_of

KEPT = 732
"""Days: two years."""


class Rooms:
    """The tables `room`, one row a destination, and `room_day`, one row a day of it (UTC)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def record(self, destination: str, room: RoomRecord) -> None:
        """Note how much room was seen; of each day the last figure stays."""
        day = room.measured.astimezone(UTC).date().isoformat()
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO room VALUES (?, ?, ?, ?)",
                (destination, room.free, room.total, room.measured.isoformat()),
            )
            if room.free is None or room.total is None:
                return
            db.execute(
                "INSERT OR REPLACE INTO room_day VALUES (?, ?, ?, ?)",
                (destination, day, room.free, room.total),
            )
            # By their number and not by today: a clock that is wrong once must not end them all.
            db.execute(
                "DELETE FROM room_day WHERE destination = ? AND day NOT IN "
                "(SELECT day FROM room_day WHERE destination = ? ORDER BY day DESC LIMIT ?)",
                (destination, destination, KEPT),
            )

    def of(self, destination: str) -> RoomRecord | None:
        """The room that was last seen; None where nobody has looked yet."""
        row = self._connection.execute(
            "SELECT free, total, measured FROM room WHERE destination = ?", (destination,)
        ).fetchone()
        if row is None:
            return None
        return RoomRecord(
            free=number_of(row[0]), total=number_of(row[1]), measured=moment_of(row[2])
        )

    def days(self, destination: str) -> tuple[RoomDay, ...]:
        """Day by day, the oldest first."""
        rows = self._connection.execute(
            "SELECT day, free, total FROM room_day WHERE destination = ? ORDER BY day",
            (destination,),
        )
        return tuple(
            RoomDay(day=date.fromisoformat(day), free=free, total=total)
            for day, free, total in rows
        )
