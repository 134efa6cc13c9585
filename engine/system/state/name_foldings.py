"""Which places do not tell names apart, as the state database holds it."""

from __future__ import annotations

import sqlite3

from engine.reach.name_folding import Folding


class NameFoldings:
    """The table `name_folding`, one row for each place of a disk that was asked."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, place: str) -> Folding | None:
        """What was found there; None: nobody has asked."""
        row = self._connection.execute(
            "SELECT folds_case, folds_form FROM name_folding WHERE place = ?", (place,)
        ).fetchone()
        return Folding(case=bool(row[0]), form=bool(row[1])) if row is not None else None

    def note(self, place: str, found: Folding) -> None:
        """Keep what was found."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO name_folding VALUES (?, ?, ?)",
                (place, found.case, found.form),
            )
