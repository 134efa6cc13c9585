"""Comparisons of copies as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from engine.system.state.records import moment_of
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified

_KEPT = 100
"""Comparisons of one feed that are remembered."""
_COLUMNS = (
    "leg, source, began, ended, seed, compared, compared_bytes, files, bytes, changed, unreadable, "
    "counts, refused"
)
_Row = tuple[str, str, str, str, int | None, int, int, int, int, int, int, str, str]


class Verifications:
    """The tables `verification`, one row a comparison, and `differing`, what the last one found."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, one: Verified) -> None:
        """Note a comparison. One that could not be made says nothing of what differs.

        Nor does one for which nothing was left, every file having changed: it is not noted.
        """
        if one.sound and one.changed and not one.files:
            return
        row = (
            *(one.leg, one.reads, one.began.isoformat(), one.ended.isoformat(), one.seed),
            *(one.compared, one.compared_bytes, one.files, one.bytes, one.changed),
            one.unreadable,
            " ".join(f"{what.value}={number}" for what, number in one.counts),
            one.refused,
        )
        this = (one.leg, one.reads)
        with self._connection as db:
            db.execute(
                f"INSERT OR REPLACE INTO verification ({_COLUMNS}) "  # noqa: S608 - a constant
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            db.execute(
                "DELETE FROM verification WHERE leg = ? AND source = ? AND began NOT IN (SELECT "
                "began FROM verification WHERE leg = ? AND source = ? ORDER BY began DESC LIMIT ?)",
                (*this, *this, _KEPT),
            )
            if not one.refused:
                db.execute("DELETE FROM differing WHERE leg = ? AND source = ?", this)
                db.executemany(
                    "INSERT OR REPLACE INTO differing VALUES (?, ?, ?, ?)",
                    [(*this, found.path, found.difference.value) for found in one.found],
                )

    def of(self, leg: str, reads: str) -> tuple[Verified, ...]:
        """Those of one feed, the newest first; only the newest that was made lists its paths."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM verification WHERE leg = ? AND source = ? "  # noqa: S608 - a constant
            "ORDER BY began DESC",
            (leg, reads),
        ).fetchall()
        return tuple(self._read(rows))

    def last(self, leg: str, reads: str) -> Verified | None:
        """The newest of one feed that was made, without its paths; None: there is none."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM verification WHERE leg = ? AND source = ? "  # noqa: S608 - a constant
            "AND refused = '' ORDER BY began DESC LIMIT 1",
            (leg, reads),
        ).fetchone()
        return _verified(row, ()) if row is not None else None

    def known(self, leg: str) -> dict[str, frozenset[bytes]]:
        """What the last comparison found to differ, by what the leg's feeds read."""
        rows = self._connection.execute("SELECT source, path FROM differing WHERE leg = ?", (leg,))
        found: dict[str, set[bytes]] = {}
        for reads, path in rows:
            found.setdefault(reads, set()).add(bytes(path))
        return {reads: frozenset(paths) for reads, paths in found.items()}

    def _read(self, rows: list[_Row]) -> Iterator[Verified]:
        listed = False
        for row in rows:
            made = not row[12]
            yield _verified(row, self._differing(row[0], row[1]) if made and not listed else ())
            listed = listed or made

    def _differing(self, leg: str, reads: str) -> tuple[Found, ...]:
        rows = self._connection.execute(
            "SELECT path, difference FROM differing WHERE leg = ? AND source = ? ORDER BY path",
            (leg, reads),
        )
        return tuple(Found(path=bytes(path), difference=Difference(what)) for path, what in rows)


def _verified(row: _Row, found: tuple[Found, ...]) -> Verified:
    leg, reads, began, ended, seed, *figures, counts, refused = row
    compared, compared_bytes, files, size, changed, unreadable = figures
    numbers = (one.partition("=") for one in str(counts).split())
    return Verified(
        leg=leg,
        reads=reads,
        began=moment_of(began),
        ended=moment_of(ended),
        seed=seed,
        compared=int(compared),
        compared_bytes=int(compared_bytes),
        files=int(files),
        bytes=int(size),
        changed=int(changed),
        found=found,
        counts=tuple((Difference(what), int(number)) for what, _, number in numbers),
        unreadable=int(unreadable),
        refused=str(refused),
    )
