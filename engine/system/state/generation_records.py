"""What is known of each generation, as the state database holds it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from engine.generations.names import Generation, Standing, moment_of
from engine.system.state.records import Stream

_THIS = "leg = ? AND source = ? AND place = ?"


class Generations:
    """The table `generation`, one row a generation that a leg has made.

    Whose they are says the table `owned`: a folder that bears such a name by chance, or was put
    there by a person, is no generation of anybody's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, stream: Stream, name: bytes, standing: Standing) -> None:
        """Note what is known of one."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO generation VALUES (?, ?, ?, ?, ?)",
                (*stream, name, standing.value),
            )

    def forget(self, stream: Stream, name: bytes) -> None:
        """Forget one that is gone, and whose it was."""
        with self._connection as db:
            for table in ("generation", "owned"):
                db.execute(f"DELETE FROM {table} WHERE {_THIS} AND name = ?", (*stream, name))  # noqa: S608 - only constants are put in

    def among(self, stream: Stream, names: Iterable[bytes]) -> tuple[Generation, ...]:
        """The leg's own generations among the folders of a place, the oldest first.

        Of one that was completed in the last instant of a killed run no more is known than that.
        """
        rows = self._connection.execute(
            f"SELECT owned.name, standing FROM owned LEFT JOIN generation "  # noqa: S608 - only constants are put in
            f"USING (leg, source, place, name) WHERE {_THIS}",
            stream,
        )
        known = {bytes(name): standing for name, standing in rows}
        return tuple(
            Generation(
                moment=moment,
                standing=Standing(known[name] or Standing.COMPLETE.value),
            )
            for name in sorted(names)
            if name in known and (moment := moment_of(name)) is not None
        )
