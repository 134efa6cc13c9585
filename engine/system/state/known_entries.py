"""The entries at the top of each source that the last apply saw, as the state database holds them.

Beside them stands the path that they were seen at, which no entry's name can look like: it begins
with a slash. The entries of another path say nothing of this one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable


class KnownEntries:
    """The table `known_entry`, one row a name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, source: str, path: bytes) -> frozenset[bytes] | None:
        """The names that were seen at this path; None where nobody has looked there."""
        rows = self._connection.execute(
            "SELECT name FROM known_entry WHERE source = ?", (source,)
        ).fetchall()
        names = frozenset(bytes(name) for (name,) in rows)
        return names - {path} if path in names else None

    def replace(self, source: str, path: bytes, names: Iterable[bytes]) -> None:
        """Note what is there now, in place of what was known."""
        with self._connection as db:
            db.execute("DELETE FROM known_entry WHERE source = ?", (source,))
            db.executemany(
                "INSERT INTO known_entry VALUES (?, ?)", [(source, name) for name in (path, *names)]
            )

    def rename(self, old: str, new: str) -> None:
        """Give what is known of a source its new name."""
        with self._connection as db:
            known = db.execute("SELECT 1 FROM known_entry WHERE source = ?", (old,)).fetchone()
            if known is not None:
                db.execute("DELETE FROM known_entry WHERE source = ?", (new,))
                db.execute("UPDATE known_entry SET source = ? WHERE source = ?", (new, old))

    def keep_only(self, sources: Collection[str]) -> None:
        """Forget what is known of all other sources."""
        with self._connection as db:
            rows = db.execute("SELECT DISTINCT source FROM known_entry").fetchall()
            gone = [(source,) for (source,) in rows if source not in sources]
            db.executemany("DELETE FROM known_entry WHERE source = ?", gone)
