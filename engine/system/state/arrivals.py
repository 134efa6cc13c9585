"""Copies that have yet to come, as the state database holds them.

An applied plan makes a copy that the one before did not; until its leg has succeeded since, it may
not be there, or not all of it. A success alone says little: by a clock that was wrong it is of
before, and by a source of which a part was not mounted that part has not come.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

from engine.orphans.noted_copies import Arrival
from engine.plan.model import Plan
from engine.plan.spots import Spot, spot
from engine.system.host.directories import list_directory
from engine.system.host.places import Places
from engine.system.state.records import moment_of
from policy.patterns import Component

Success = Callable[[str], datetime | None]
"""When the last run that succeeded of a leg began."""
There = Callable[[Spot], bool]
"""Whether something lies at a spot."""


class Arrivals:
    """The table `arrival`, one row a place."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """Note what has to come; what was awaited already is awaited anew."""
        moment = now.isoformat()
        with self._connection as db:
            db.executemany(
                "INSERT OR REPLACE INTO arrival (holder, path, leg, since, form) "
                "VALUES (?, ?, ?, ?, ?)",
                [(one.place.holder, one.place.text, one.leg, moment, one.form) for one in arrivals],
            )

    def awaited(self, success: Success, there: There) -> tuple[Arrival, ...]:
        """What has not come yet."""
        return tuple(one for one, since in self._all() if not _has_come(one, since, success, there))

    def forget_come(self, success: Success, there: There) -> None:
        """Forget what has come; what goes from there afterwards is not awaited again."""
        come = [
            (one.place.holder, one.place.text)
            for one, since in self._all()
            if _has_come(one, since, success, there)
        ]
        with self._connection as db:
            db.executemany("DELETE FROM arrival WHERE holder = ? AND path = ?", come)

    def _all(self) -> tuple[tuple[Arrival, datetime], ...]:
        rows = self._connection.execute(
            "SELECT holder, path, leg, since, form FROM arrival ORDER BY holder, path"
        )
        return tuple(
            (Arrival(place=spot(holder, bytes(path)), leg=leg, form=form), moment_of(since))
            for holder, path, leg, since, form in rows
        )

    def rename(self, old: str, new: str) -> None:
        """Give a leg or a destination its new name; they share one name space."""
        with self._connection as db:
            for column in ("leg", "holder"):
                db.execute(
                    f"UPDATE OR REPLACE arrival SET {column} = ? WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (new, old),
                )


def _has_come(arrival: Arrival, since: datetime, success: Success, there: There) -> bool:
    last = success(arrival.leg)
    if last is None or last < since:
        return False
    # What lies there in another form than live data bears other names.
    return arrival.form != "" or there(arrival.place)


def there_by(plan: Plan, places: Places) -> There:
    """Whether something lies at a spot; yes where that cannot be looked at: over SSH."""

    def there(place: Spot) -> bool:
        destination = plan.destination(place.holder)
        if destination is None or places.reaches_over_ssh(destination):
            return True
        return _holds_something(places.destination_root(destination), place.pattern.components)

    return there


def _holds_something(path: bytes, components: tuple[Component, ...]) -> bool:
    """Whether anything matches below a directory; an empty one is what a mount point leaves."""
    if not components:
        return bool(_entries(path))
    return any(
        _holds_something(path + b"/" + name, components[1:]) if directory else not components[1:]
        for name, directory in _entries(path)
        if components[0].matches(name)
    )


def _entries(path: bytes) -> tuple[tuple[bytes, bool], ...]:
    try:
        return list_directory(path)
    except OSError:
        return ()
