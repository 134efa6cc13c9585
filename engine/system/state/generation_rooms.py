"""How much room generations take, as the state database holds it."""

from __future__ import annotations

import sqlite3

from engine.records.measurement import GenerationRoom, Volume
from engine.system.state.records import Stream, moment_of


class GenerationRooms:
    """The table `generation_room`, one row for each place where a leg keeps generations."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, stream: Stream, room: GenerationRoom) -> None:
        """Note what was counted, in place of what was before."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO generation_room VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *stream,
                    room.generations,
                    room.volume.files,
                    room.volume.bytes,
                    room.unreadable,
                    room.at.isoformat(),
                ),
            )

    def of(self, stream: Stream, place: str) -> GenerationRoom | None:
        """What was counted last at that place; None: never."""
        row = self._connection.execute(
            "SELECT generations, files, bytes, unreadable, at FROM generation_room "
            "WHERE leg = ? AND source = ? AND place = ?",
            stream,
        ).fetchone()
        if row is None:
            return None
        return GenerationRoom(
            leg=stream.leg,
            place=place,
            generations=int(row[0]),
            volume=Volume(files=int(row[1]), bytes=int(row[2])),
            unreadable=int(row[3]),
            at=moment_of(row[4]),
        )
