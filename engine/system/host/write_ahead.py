"""Opening a database with a write-ahead log, when several processes may do so at once."""

from __future__ import annotations

import sqlite3
import time

_POLL = 0.05


def use_write_ahead_log(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch to the log, and have each commit on the disk when it returns.

    SQLite does not wait for others with this one statement, whatever its time-out: two that begin
    at once would deadlock (sqlite3_busy_handler). So the waiting is done here.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_POLL)
    connection.execute("PRAGMA synchronous = FULL")
