"""Drills as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from engine.drill.outcome import Drilled, DrillFacts, Fault, Status
from engine.system.state.records import moment_of

_KEPT = 200
"""Drills of one name that are remembered."""
_MOST_FAULTS = 1_000
"""Faults of one drill that are listed; all are counted."""
_COLUMNS = (
    "name, began, ended, source, place, status, reason, seed, data_as_of, files, bytes, seconds, "
    "compared, databases, whole, faults"
)
_ORDER = "ORDER BY began DESC"


class Drills:
    """The tables `drill`, one row a drill, `drill_fault`, what they found, and `drill_expected`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, one: Drilled) -> None:
        """Note a drill: at its beginning, and once more at its end."""
        row = (
            *(one.drill, one.began.isoformat(), _text(one.ended), one.source, one.place),
            *(one.status.value if one.status is not None else "", one.reason, one.seed),
            *(_text(one.data_as_of), one.files, one.bytes, one.seconds, one.compared),
            *(one.databases, one.whole, one.fault_count),
        )
        key = (one.drill, one.began.isoformat())
        with self._connection as db:
            db.execute(
                f"INSERT OR REPLACE INTO drill ({_COLUMNS}) "  # noqa: S608 - a constant
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            db.executemany(
                "INSERT OR REPLACE INTO drill_fault VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (*key, fault.place, fault.item, fault.path, fault.what)
                    for fault in one.faults[:_MOST_FAULTS]
                ],
            )
            for table in ("drill", "drill_fault"):
                db.execute(
                    f"DELETE FROM {table} WHERE name = ? AND began NOT IN "  # noqa: S608 - constants
                    f"(SELECT began FROM drill WHERE name = ? {_ORDER} LIMIT ?)",
                    (one.drill, one.drill, _KEPT),
                )

    def of(self, name: str) -> tuple[Drilled, ...]:
        """Those of one name, the newest first; only the newest lists its faults."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM drill WHERE name = ? {_ORDER}",  # noqa: S608 - constants
            (name,),
        ).fetchall()
        found = [_drilled(row, ()) for row in rows]
        if found:
            found[0] = _drilled(rows[0], self._faults(found[0]))
        return tuple(found)

    def expect(self, names: Collection[str], now: datetime) -> None:
        """Note which drills a plan has, from now on where they are new; forget all others."""
        with self._connection as db:
            rows = db.execute("SELECT name FROM drill UNION SELECT name FROM drill_expected")
            gone = [(name,) for (name,) in rows.fetchall() if name not in names]
            for table in ("drill", "drill_expected", "drill_fault"):
                db.executemany(
                    f"DELETE FROM {table} WHERE name = ?",  # noqa: S608 - three constants
                    gone,
                )
            db.executemany(
                "INSERT OR IGNORE INTO drill_expected VALUES (?, ?)",
                [(name, now.isoformat()) for name in sorted(names)],
            )

    def facts(self, name: str) -> DrillFacts:
        """All that is known of the drills of one name."""
        row = self._connection.execute(
            "SELECT since FROM drill_expected WHERE name = ?", (name,)
        ).fetchone()
        since = moment_of(row[0]) if row is not None else None
        return DrillFacts(expected_since=since, drills=self.of(name))

    def rename(self, old: str, new: str) -> bool:
        """Give what is known of a drill its new name; whether there was anything."""
        with self._connection as db:
            moved = [
                db.execute(
                    f"UPDATE OR REPLACE {table} SET name = ? WHERE name = ?",  # noqa: S608 - three constants
                    (new, old),
                ).rowcount
                for table in ("drill", "drill_fault", "drill_expected")
            ]
        return any(moved)

    def rename_source(self, old: str, new: str) -> None:
        """Give what is known of a source its new name."""
        self._rename("source", old, new)

    def rename_place(self, old: str, new: str) -> None:
        """Give what is known of a destination its new name."""
        self._rename("place", old, new)

    def _rename(self, column: str, old: str, new: str) -> None:
        with self._connection as db:
            db.execute(
                f"UPDATE drill SET {column} = ? WHERE {column} = ?",  # noqa: S608 - two constants
                (new, old),
            )

    def _faults(self, one: Drilled) -> tuple[Fault, ...]:
        rows = self._connection.execute(
            "SELECT place, item, path, what FROM drill_fault WHERE name = ? AND began = ? "
            "ORDER BY item, path, what",
            (one.drill, one.began.isoformat()),
        )
        return tuple(
            Fault(place=place, item=item, path=bytes(path), what=what)
            for place, item, path, what in rows
        )


_Figures = tuple[int, int, float, int, int, int | None, int]
_Row = tuple[str, str, str | None, str, str, str, str, int, str | None, *_Figures]


def _drilled(row: _Row, faults: tuple[Fault, ...]) -> Drilled:
    name, began, ended, source, place, status, reason, seed, as_of = row[:9]
    files, size, seconds, compared, databases, whole, fault_count = row[9:]
    return Drilled(
        drill=name,
        source=source,
        place=place,
        began=moment_of(began),
        ended=moment_of(ended) if ended is not None else None,
        status=Status(status) if status else None,
        reason=reason,
        seed=seed,
        data_as_of=moment_of(as_of) if as_of is not None else None,
        files=files,
        bytes=size,
        seconds=seconds,
        compared=compared,
        databases=databases,
        whole=whole,
        faults=faults,
        fault_count=fault_count,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
