"""Orphans and tombstones as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.orphans.noted_copies import Orphan
from engine.plan.spots import Spot, spot, spot_named
from engine.system.state.records import moment_of, number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanRecord:
    """An orphan, since when it is one, and its size when it was last looked at."""

    orphan: Orphan
    since: datetime
    files: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What became of an orphan: `gc` has removed it, or `migrate` renamed it.

    Counts are of what came to its end.
    """

    place: Spot
    removed: datetime
    since: datetime
    why: str
    files: int
    bytes: int
    renamed: str = ""
    """Where it lies now; empty: it was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanTotal:
    """How many orphans there are, and how large those are that were looked at."""

    count: int = 0
    bytes: int = 0
    unknown: int = 0
    """Of how many the size is not known."""


class Orphans:
    """The tables `orphan` and `tombstone`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, orphans: Iterable[Orphan], now: datetime) -> None:
        """Note what an apply leaves behind; what is known already keeps its time."""
        rows = [
            (
                *(one.place.holder, one.place.text, now.isoformat(), one.leg, one.reads),
                *(one.live.name, one.why, one.form),
            )
            for one in orphans
        ]
        with self._connection as db:
            db.executemany(
                "INSERT OR IGNORE INTO orphan (holder, path, since, leg, reads, live, why, form) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def all(self) -> tuple[OrphanRecord, ...]:
        """All that is known, in the order of their names."""
        rows = self._connection.execute(
            "SELECT holder, path, since, leg, reads, live, why, form, files, bytes FROM orphan "
            "ORDER BY holder, path"
        )
        return tuple(_record(row) for row in rows)

    def total(self) -> OrphanTotal:
        """How many there are, and how large they were when last looked at."""
        known = self.all()
        return OrphanTotal(
            count=len(known),
            bytes=sum(one.bytes or 0 for one in known),
            unknown=sum(one.bytes is None for one in known),
        )

    def measured(self, place: Spot, files: int, size: int) -> None:
        """Note how much lies there."""
        with self._connection as db:
            db.execute(
                "UPDATE orphan SET files = ?, bytes = ? WHERE holder = ? AND path = ?",
                (files, size, place.holder, place.text),
            )

    def drop(self, place: Spot) -> None:
        """Forget an orphan: a leg carries it again, or nothing is there."""
        with self._connection as db:
            db.execute("DELETE FROM orphan WHERE holder = ? AND path = ?", _key(place))

    def bury(self, stone: Tombstone) -> None:
        """Forget an orphan that was removed, and note that."""
        moments = (stone.removed.isoformat(), stone.since.isoformat())
        with self._connection as db:
            db.execute("DELETE FROM orphan WHERE holder = ? AND path = ?", _key(stone.place))
            db.execute(
                "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *_key(stone.place),
                    *moments,
                    *(stone.why, stone.files, stone.bytes, stone.renamed),
                ),
            )

    def tombstones(self) -> tuple[Tombstone, ...]:
        """What became of orphans, the newest first."""
        rows = self._connection.execute(
            "SELECT holder, path, removed, since, why, files, bytes, renamed FROM tombstone "
            "ORDER BY removed DESC, holder, path"
        )
        return tuple(
            Tombstone(
                place=spot(holder, bytes(path)),
                removed=moment_of(removed),
                since=moment_of(since),
                why=str(why),
                files=int(files),
                bytes=int(size),
                renamed=str(renamed),
            )
            for holder, path, removed, since, why, files, size, renamed in rows
        )

    def rename(self, old: str, new: str) -> None:
        """Give a leg, source or destination its new name; they share one name space."""
        with self._connection as db:
            for column in ("leg", "reads", "holder"):
                db.execute(
                    f"UPDATE OR REPLACE orphan SET {column} = ? WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (new, old),
                )
            db.execute(
                "UPDATE orphan SET form = trim(replace('/' || form || '/', ?, ?), '/')",
                (f"/{old}/", f"/{new}/"),
            )
            head = old.encode() + b":/"
            db.execute(
                "UPDATE orphan SET live = CAST(? || substr(live, ?) AS BLOB) "
                "WHERE substr(live, 1, ?) = ?",
                (new.encode() + b":/", len(head) + 1, len(head), head),
            )


def _key(place: Spot) -> tuple[str, bytes]:
    return place.holder, place.text


_Row = tuple[str, bytes, str, str, str, bytes, str, str | None, int | None, int | None]


def _record(row: _Row) -> OrphanRecord:
    holder, path, since, leg, reads, live, why, form, files, size = row
    orphan = Orphan(
        place=spot(holder, bytes(path)),
        leg=leg,
        reads=reads,
        live=spot_named(bytes(live)),
        why=why,
        form=form,
    )
    return OrphanRecord(
        orphan=orphan, since=moment_of(since), files=number_of(files), bytes=number_of(size)
    )
