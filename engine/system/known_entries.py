"""The entries at the top of each source that the last apply saw, as the state database holds them.

Beside them stands the path that they were seen at, which no entry's name can look like: it begins
with a slash. The entries of another path say nothing of this one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable

from engine.coverage import Entry, Known, Seen, counts_as_seen, watched_sources
from engine.plan import Plan
from engine.system.places import Places


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


def known_of(plan: Plan, entries: KnownEntries) -> Known:
    """What the last apply saw at each source's path; of a renamed source under its old name."""
    found = {}
    for one in watched_sources(plan):
        names = entries.of(one.name, one.path.text)
        if names is None and one.was is not None:
            names = entries.of(one.was, one.path.text)
        found[one.name] = names
    return found


def see_sources(plan: Plan, places: Places) -> Seen:
    """List the top of each source that is there."""
    return {one.name: _list(places.below_root(one.path)) for one in watched_sources(plan)}


def _list(path: bytes) -> frozenset[Entry] | None:
    try:
        with os.scandir(path) as entries:
            found = frozenset(
                Entry(name=one.name, directory=one.is_dir(follow_symlinks=False)) for one in entries
            )
    except OSError:
        return None
    return found if counts_as_seen(found) else None
