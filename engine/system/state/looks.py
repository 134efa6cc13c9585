"""The looks of checks as the state database holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from engine.checks.outcome import Checked, CheckFacts, Status, Verdict
from engine.system.state.records import moment_of

_KEPT = 200
"""Looks of one check that are remembered, besides the last one that found all well."""
_COLUMNS = "name, began, ended, status, reason, looked, newest, bytes, oldest"


class Looks:
    """The tables `look`, one row a look, and `check_expected`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, one: Checked) -> None:
        """Note a look: at its beginning, and once more at its end."""
        verdict = one.verdict
        row = (
            *(one.check, one.began.isoformat(), _text(one.ended)),
            *((verdict.status.value, verdict.reason) if verdict is not None else ("", "")),
            verdict.looked if verdict is not None else 0,
            _text(verdict.newest) if verdict is not None else None,
            verdict.bytes if verdict is not None else None,
            _text(verdict.oldest) if verdict is not None else None,
        )
        with self._connection as db:
            db.execute(
                f"INSERT OR REPLACE INTO look ({_COLUMNS}) "  # noqa: S608 - a constant
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            db.execute(
                "DELETE FROM look WHERE name = ?1 AND began NOT IN "
                "(SELECT began FROM look WHERE name = ?1 ORDER BY began DESC LIMIT ?2) "
                "AND began IS NOT (SELECT max(began) FROM look WHERE name = ?1 AND status = ?3)",
                (one.check, _KEPT, Status.OK.value),
            )

    def of(self, name: str) -> tuple[Checked, ...]:
        """Those of one check, the newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM look WHERE name = ? ORDER BY began DESC",  # noqa: S608 - constants
            (name,),
        )
        return tuple(_checked(row) for row in rows)

    def expect(self, names: Collection[str], now: datetime) -> None:
        """Note which checks a plan has, from now on where they are new; forget all others.

        What a check compares with may have a name of its own among them.
        """
        with self._connection as db:
            rows = db.execute("SELECT name FROM look UNION SELECT name FROM check_expected")
            gone = [(name,) for (name,) in rows.fetchall() if name not in names]
            for table in ("look", "check_expected"):
                db.executemany(
                    f"DELETE FROM {table} WHERE name = ?",  # noqa: S608 - two constants
                    gone,
                )
            db.executemany(
                "INSERT OR IGNORE INTO check_expected VALUES (?, ?)",
                [(name, now.isoformat()) for name in sorted(names)],
            )

    def rename(self, old: str, new: str) -> bool:
        """Give what is known of a check its new name; whether there was anything."""
        with self._connection as db:
            moved = [
                db.execute(
                    f"UPDATE OR REPLACE {table} SET name = ? WHERE name = ?",  # noqa: S608 - two constants
                    (new, old),
                ).rowcount
                for table in ("look", "check_expected")
            ]
        return any(moved)

    def facts(self, name: str) -> CheckFacts:
        """All that is known of the looks of one check."""
        return CheckFacts(expected_since=self.since(name), looks=self.of(name))

    def since(self, name: str) -> datetime | None:
        """When a plan first had a check, or what one compares with; None: not known."""
        row = self._connection.execute(
            "SELECT since FROM check_expected WHERE name = ?", (name,)
        ).fetchone()
        return moment_of(row[0]) if row is not None else None


_Row = tuple[str, str, str | None, str, str, int, str | None, int | None, str | None]


def _checked(row: _Row) -> Checked:
    name, began, ended, status, reason, looked, newest, size, oldest = row
    verdict = None
    if status:
        verdict = Verdict(
            status=Status(status),
            reason=reason,
            looked=looked,
            newest=moment_of(newest) if newest is not None else None,
            bytes=size,
            oldest=moment_of(oldest) if oldest is not None else None,
        )
    return Checked(
        check=name,
        began=moment_of(began),
        ended=moment_of(ended) if ended is not None else None,
        verdict=verdict,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
