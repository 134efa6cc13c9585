"""Measurements of sources as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from engine.records.measurement import DirectoryVolume, Measurement, Volume
from engine.system.state.records import moment_of


class Measurements:
    """The tables `measured`, one row a source, and `volume`, one a directory that holds files."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, source: str) -> Measurement | None:
        """The last measurement of a source, directories in order of their paths; None: none."""
        found = self._connection.execute(
            "SELECT at, seconds, ignores, ignored_files, ignored_bytes, unreadable "
            "FROM measured WHERE source = ?",
            (source,),
        ).fetchone()
        if found is None:
            return None
        rows = self._connection.execute(
            "SELECT path, files, bytes FROM volume WHERE source = ? ORDER BY path", (source,)
        )
        at, seconds, ignores, files, size, unreadable = found
        return Measurement(
            at=moment_of(at),
            seconds=seconds,
            ignores=ignores,
            rows=tuple(map(DirectoryVolume._make, rows)),
            ignored=Volume(files=files, bytes=size),
            unreadable=unreadable,
        )

    def below(self, source: str, path: bytes) -> Volume | None:
        """How much lies at a directory and below it, as measured; None: never measured."""
        known = self._connection.execute("SELECT 1 FROM measured WHERE source = ?", (source,))
        if known.fetchone() is None:
            return None
        where, values = "source = ?", [source]
        bounds: list[bytes] = []
        if path:
            # All paths below it lie between these two: `0` is the byte after `/`.
            where, bounds = (
                f"{where} AND (path = ? OR path > ? AND path < ?)",
                [
                    path,
                    path + b"/",
                    path + b"0",
                ],
            )
        files, size = self._connection.execute(
            f"SELECT total(files), total(bytes) FROM volume WHERE {where}",  # noqa: S608 - only constants are put in
            (*values, *bounds),
        ).fetchone()
        return Volume(files=int(files), bytes=int(size))

    def put(self, source: str, measurement: Measurement) -> None:
        """Note a measurement, in place of the one of before."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    source,
                    measurement.at.isoformat(),
                    measurement.seconds,
                    measurement.ignores,
                    measurement.ignored.files,
                    measurement.ignored.bytes,
                    measurement.unreadable,
                ),
            )
            db.execute("DELETE FROM volume WHERE source = ?", (source,))
            db.executemany(
                "INSERT INTO volume VALUES (?, ?, ?, ?)",
                ((source, *row) for row in measurement.rows),
            )

    def rename(self, old: str, new: str) -> bool:
        """Give a source's measurement its new name; whether there was one."""
        with self._connection as db:
            known = db.execute("SELECT 1 FROM measured WHERE source = ?", (old,)).fetchone()
            if known is None:
                return False
            # What an earlier source of the new name has left is not this one's.
            db.execute("DELETE FROM volume WHERE source = ?", (new,))
            db.execute("UPDATE OR REPLACE measured SET source = ? WHERE source = ?", (new, old))
            db.execute("UPDATE volume SET source = ? WHERE source = ?", (new, old))
        return True

    def keep_only(self, sources: Collection[str]) -> None:
        """Let the measurements of all other sources go."""
        with self._connection as db:
            rows = db.execute("SELECT source FROM measured").fetchall()
            gone = [(source,) for (source,) in rows if source not in sources]
            db.executemany("DELETE FROM measured WHERE source = ?", gone)
            db.executemany("DELETE FROM volume WHERE source = ?", gone)
