"""Rollbacks of volumes as the state database holds them."""

from __future__ import annotations

import sqlite3

from engine.items.thin_names import LvName
from engine.plan.typed_json import Registry
from engine.rollback.remaining import Direction, Rollback
from engine.rollback.workloads import Workload
from engine.system.state.records import moment_of, moment_text

_REGISTRY = Registry()
_Stopped = tuple[Workload, ...]
_COLUMNS = (
    "volume_group, volume, moment, source, item, snapshot, before, active, skipped, direction, "
    "stopped, ended"
)
_Row = tuple[str, str, str, str, str, str, str, int, int, str, str, str | None]


class Rollbacks:
    """The table `rollback`, one row each.

    None is ever forgotten: they are few, and tell who has set aside what.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, record: Rollback) -> None:
        """Note one, or what has become of it."""
        row = (
            record.volume.group,
            record.volume.volume,
            record.moment.isoformat(),
            record.source,
            record.item,
            record.snapshot,
            record.before,
            int(record.active),
            int(record.skipped),
            record.direction.value,
            _REGISTRY.dumps(_Stopped, record.stopped),
            moment_text(record.ended),
        )
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO rollback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            )

    def of(self, source: str, item: str) -> tuple[Rollback, ...]:
        """Those of one item, the newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM rollback WHERE source = ? AND item = ? ORDER BY moment DESC",  # noqa: S608 - a constant
            (source, item),
        )
        return tuple(map(_record, rows.fetchall()))

    def half_done(self) -> tuple[Rollback, ...]:
        """Those that were cut off, the oldest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM rollback WHERE ended IS NULL ORDER BY moment"  # noqa: S608 - a constant
        )
        return tuple(map(_record, rows.fetchall()))


def _record(row: _Row) -> Rollback:
    group, volume, moment, source, item, snapshot, before = row[:7]
    active, skipped, direction, stopped, ended = row[7:]
    return Rollback(
        volume=LvName(group=group, volume=volume),
        moment=moment_of(moment),
        source=source,
        item=item,
        snapshot=snapshot,
        before=before,
        active=bool(active),
        skipped=bool(skipped),
        direction=Direction(direction),
        stopped=_REGISTRY.loads(_Stopped, stopped),
        ended=moment_of(ended) if ended else None,
    )
