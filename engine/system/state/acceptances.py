"""Accepted shortfalls as the state database holds them: since when each is accepted."""

from __future__ import annotations

import sqlite3

from engine.moves.acceptances import Accepted, Noted
from engine.system.state.records import moment_of


class Acceptances:
    """The table `acceptance`, one row for each routing line or objective that may fall short."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> dict[str, Accepted]:
        """All that the applied plan accepts, as far as an apply has noted it."""
        rows = self._connection.execute("SELECT text, because, since FROM acceptance")
        return {
            str(text): Accepted(because=str(because), since=moment_of(since))
            for text, because, since in rows
        }

    def replace(self, found: Noted) -> None:
        """Note what is accepted from now on, in place of what was."""
        with self._connection as db:
            db.execute("DELETE FROM acceptance")
            db.executemany(
                "INSERT INTO acceptance VALUES (?, ?, ?)",
                [(text, one.because, one.since.isoformat()) for text, one in found.items()],
            )
