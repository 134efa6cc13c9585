"""The journal's counter: whatever is noted later has a greater sequence, over all readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class Sequenced:
    """A journal's database, whose changes are numbered in the order in which they were noted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def latest(self) -> int:
        """The sequence of what was noted last."""
        return int(self._connection.execute("SELECT sequence FROM counter").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection as db:  # begun within: a signal in between leaves nothing open
            db.execute("BEGIN IMMEDIATE")
            yield db

    @staticmethod
    def _next(db: sqlite3.Connection) -> int:
        row = db.execute("UPDATE counter SET sequence = sequence + 1 RETURNING sequence").fetchone()
        return int(row[0])
