"""The state database: what runs did, what legs own, which file systems destinations are.

SQLite with a write-ahead log and full synchronisation: what was told is there after a power cut.
Only this module knows the tables; others get and give typed records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from engine.orphans.noted_copies import Arrival
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.system.state.arrivals import Arrivals, There
from engine.system.state.generation_records import Generations
from engine.system.state.generation_rooms import GenerationRooms
from engine.system.state.known_entries import KnownEntries
from engine.system.state.measurements import Measurements
from engine.system.state.orphans import Orphans
from engine.system.state.pauses import Pauses
from engine.system.state.records import (
    Below,
    ItemRecord,
    LastSeen,
    Left,
    RoomRecord,
    RunRecord,
    Stream,
    landing_of,
    landing_rows,
    moment_of,
    moment_text,
    number_of,
)
from engine.system.state.rooms import Rooms
from engine.system.state.run_history import RunHistory
from engine.system.state.schema import WAY_OUT, StateUnusable, connect


def stream_of(plan: Plan, leg: LegPlan, feed: Feed, state: State) -> Stream:
    """The stream that a feed is.

    Its place is more than a name: with another disk, path or account under the same name, what
    lies there was never this leg's.
    """
    place = place_text(plan, feed.writes, state) if feed.writes is not None else ""
    return Stream(leg=leg.name, source=feed.reads, place=place)


def place_text(plan: Plan, place: Location, state: State) -> str:
    """A directory at a destination, with the disk, path and account that are meant by its name."""
    destination = plan.destination(place.holder)
    if destination is None:
        return f"{place}"
    account = destination.ssh.account if destination.ssh else ""
    identity = state.destination_identity(place.holder)
    return f"{place} at {account}:{destination.path} on {identity}"


def items_below(plan: Plan, leg: LegPlan, feed: Feed, state: State) -> Below:
    """The streams of a leg's items. The feed writes somewhere."""
    assert feed.writes is not None
    return streams_below(plan, leg.name, feed.writes, state)


def streams_below(plan: Plan, leg: str, place: Location, state: State) -> Below:
    """The streams of a leg at places below one."""
    tail = place_text(plan, place, state).removeprefix(str(place))
    return Below(leg=leg, head=str(place).rstrip("/") + "/", tail=tail)


ADOPTED = "adopted-"
"""Begins the id under which `adopt` notes what a leg has taken over."""
_THIS = "leg = ? AND source = ? AND place = ?"
_STREAM_TABLES = ("owned", "begun", "last_seen", "mount", "generation", "generation_room")
_BY_SOURCE = (*_STREAM_TABLES, "verification", "differing")


class State(RunHistory):
    """An open state database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.pauses = Pauses(connection)
        self.orphans = Orphans(connection)
        self.arrivals = Arrivals(connection)
        self.generations = Generations(connection)
        self.generation_rooms = GenerationRooms(connection)
        self.measurements = Measurements(connection)
        self.known_entries = KnownEntries(connection)
        self.rooms = Rooms(connection)

    # ── Copies that have yet to come ─────────────────────────────────────────────────────────

    def awaited(self, there: There) -> tuple[Arrival, ...]:
        """The copies that the applied plan makes, and that have not come."""
        return self.arrivals.awaited(self._last_began, there)

    def forget_come(self, there: There) -> None:
        """Forget those that have come."""
        self.arrivals.forget_come(self._last_began, there)

    def _last_began(self, leg: str) -> datetime | None:
        success = self.last_success(leg)
        return success.started if success is not None else None

    # ── Room at destinations ─────────────────────────────────────────────────────────────────

    def record_room(self, destination: str, room: RoomRecord) -> None:
        """Note how much room was seen at a destination."""
        self.rooms.record(destination, room)

    def room(self, destination: str) -> RoomRecord | None:
        """The room that was last seen at a destination."""
        return self.rooms.of(destination)

    # ── What a leg owns, and what it saw ─────────────────────────────────────────────────────

    def owned(self, stream: Stream) -> frozenset[bytes]:
        """Top-level entries that this leg may delete there."""
        query = f"SELECT name FROM owned WHERE {_THIS}"  # noqa: S608 - a constant
        return frozenset(bytes(row[0]) for row in self._connection.execute(query, stream))

    def claim(self, stream: Stream, run_id: str, names: Iterable[bytes]) -> None:
        """Note entries that a run is about to create."""
        with self._connection as db:
            db.executemany(
                "INSERT OR IGNORE INTO owned VALUES (?, ?, ?, ?, ?, 0)",
                [(*stream, name, run_id) for name in names],
            )

    def claimed(self, stream: Stream, run_id: str) -> frozenset[bytes]:
        """What a run was about to create, as long as no pass has been completed since."""
        query = f"SELECT name FROM owned WHERE {_THIS} AND run_id = ? AND NOT seen"  # noqa: S608 - a constant
        rows = self._connection.execute(query, (*stream, run_id))
        return frozenset(bytes(row[0]) for row in rows)

    def owned_by(self, leg: str) -> dict[Stream, frozenset[bytes]]:
        """The same at all places where a leg has written."""
        query = "SELECT DISTINCT leg, source, place FROM owned WHERE leg = ?"
        streams = [Stream(*row) for row in self._connection.execute(query, (leg,))]
        return {stream: self.owned(stream) for stream in streams}

    def disown(self, stream: Stream, name: bytes) -> None:
        """Forget an entry: it was removed."""
        with self._connection as db:
            db.execute(f"DELETE FROM owned WHERE {_THIS} AND name = ?", (*stream, name))  # noqa: S608 - only constants are put in

    def record_pass(
        self, stream: Stream, run_id: str, names: Iterable[bytes], seen: LastSeen
    ) -> None:
        """Note what a completed pass saw: from now on the leg owns this there, and no more."""
        with self._connection as db:
            db.execute(f"DELETE FROM owned WHERE {_THIS}", stream)  # noqa: S608 - only constants are put in
            db.executemany(
                "INSERT INTO owned VALUES (?, ?, ?, ?, ?, 1)",
                [(*stream, name, run_id) for name in names],
            )
            db.execute(
                "INSERT OR REPLACE INTO last_seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *stream,
                    run_id,
                    seen.rules,
                    seen.entries,
                    seen.file_system,
                    moment_text(seen.full_began),
                    seen.size,
                    seen.tree,
                ),
            )
            db.execute(f"DELETE FROM mount WHERE {_THIS}", stream)  # noqa: S608 - only constants are put in
            db.executemany(
                "INSERT INTO mount VALUES (?, ?, ?, ?)",
                [(*stream, path) for path in (*seen.mounts, *landing_rows(seen.landing))],
            )

    def passed(self, stream: Stream, run_id: str) -> bool:
        """Whether a pass of this run was completed there."""
        row = self._connection.execute(
            f"SELECT 1 FROM last_seen WHERE {_THIS} AND run_id = ?",  # noqa: S608 - a constant
            (*stream, run_id),
        ).fetchone()
        return row is not None

    def last_seen(self, stream: Stream) -> LastSeen | None:
        """What the last successful pass saw."""
        row = self._connection.execute(
            f"SELECT rules, entries, file_system, full_began, size, tree FROM last_seen "  # noqa: S608 - only constants are put in
            f"WHERE {_THIS}",
            stream,
        ).fetchone()
        if row is None:
            return None
        query = f"SELECT path FROM mount WHERE {_THIS} ORDER BY path"  # noqa: S608 - a constant
        paths = [bytes(mount[0]) for mount in self._connection.execute(query, stream)]
        return LastSeen(
            rules=str(row[0]),
            entries=number_of(row[1]),
            file_system=str(row[2]),
            mounts=tuple(path for path in paths if path.startswith(b"/")),
            landing=landing_of(paths),
            full_began=moment_of(row[3]) if row[3] else None,
            size=number_of(row[4]),
            tree=bytes(row[5]) if row[5] is not None else None,
        )

    def hand_over(self, stream: Stream) -> None:
        """Note that what lies there became this leg's without a pass of it having made it so."""
        with self._connection as db:
            db.execute(f"UPDATE last_seen SET tree = x'' WHERE {_THIS}", stream)  # noqa: S608 - only constants are put in
            db.execute(f"DELETE FROM begun WHERE {_THIS}", stream)  # noqa: S608 - a constant

    def is_adopted(self, stream: Stream) -> bool:
        """Whether a person was shown all that the leg owns there, and what will go of it."""
        row = self._connection.execute(
            f"SELECT min(substr(run_id, 1, ?) = ?) FROM owned WHERE {_THIS}",  # noqa: S608 - only constants are put in
            (len(ADOPTED), ADOPTED, *stream),
        ).fetchone()
        return bool(row[0])

    # ── Places ───────────────────────────────────────────────────────────────────────────────

    def set_places(self, places: Iterable[Location]) -> None:
        """Note the places of an applied plan; those of earlier ones are retired from now on."""
        with self._connection as db:
            db.execute("UPDATE place SET current = 0")
            db.executemany(
                "INSERT OR REPLACE INTO place VALUES (?, ?, 1)",
                [(one.holder, b"/".join(one.names)) for one in places],
            )

    def retired(self, inside: Location) -> tuple[tuple[bytes, ...], ...]:
        """Places below this one, relative to it, whose legs have left."""
        return inside.inner(self.all_retired())

    def all_retired(self) -> tuple[Location, ...]:
        """Places of legs that have left."""
        rows = self._connection.execute(
            "SELECT holder, path FROM place WHERE current = 0 ORDER BY holder, path"
        )
        return tuple(
            Location(holder=str(holder), names=tuple(bytes(path).split(b"/")))
            for holder, path in rows
            if path
        )

    def forget_retired(self, at: Location) -> None:
        """Let a retired place go, and those below it: another leg has taken it over."""
        for names in ((), *self.retired(at)):
            with self._connection as db:
                db.execute(
                    "DELETE FROM place WHERE holder = ? AND path = ? AND current = 0",
                    (at.holder, b"/".join((*at.names, *names))),
                )

    def keep_only(
        self,
        streams: Iterable[Stream],
        below: Collection[Below] = (),
        left: Collection[Left] = (),
        items_left: Collection[Below] = (),
    ) -> None:
        """Forget what legs owned at places that they no longer write.

        `below`: where legs keep items, of which nobody knows which there are. `left`: what stays
        known as an orphan's: only that may be removed, and nothing else of the same leg.
        `items_left`: the same of items.
        """
        kept = set(streams)
        with self._connection as db:
            for table in _STREAM_TABLES:
                rows = db.execute(f"SELECT DISTINCT leg, source, place FROM {table}")  # noqa: S608 - only constants are put in
                gone = [
                    stream
                    for stream in (Stream(*row) for row in rows)
                    if stream not in kept and not any(one.holds(stream) for one in below)
                ]
                if table != "owned":
                    db.executemany(f"DELETE FROM {table} WHERE {_THIS}", gone)  # noqa: S608 - only constants are put in
                    continue
                lapsed = [
                    (*stream, name)
                    for stream in gone
                    if not any(one.holds(stream) for one in items_left)
                    for name in self.owned(stream)
                    if not any(one.holds(stream, name) for one in left)
                ]
                db.executemany(f"DELETE FROM owned WHERE {_THIS} AND name = ?", lapsed)  # noqa: S608 - only constants are put in

    # ── Renames ──────────────────────────────────────────────────────────────────────────────

    def rename_leg(self, old: str, new: str) -> bool:
        """Give a leg's history and ownership its new name; whether there was any."""
        return self._rename("leg", old, new, ("run", *_BY_SOURCE))

    def rename_source(self, old: str, new: str) -> bool:
        """Give what was seen of a source its new name; whether there was anything."""
        measured = self.measurements.rename(old, new)
        identified = self._rename("name", old, new, ("destination",))  # where snapshots lie in it
        with self._connection as db:  # what others of the name have set aside is never forgotten
            db.execute("UPDATE rollback SET source = ? WHERE source = ?", (new, old))
        return self._rename("source", old, new, _BY_SOURCE) or measured or identified

    def rename_destination(self, old: str, new: str) -> bool:
        """Give a destination's identity, and what its legs own there, its new name."""
        moved = self._rename("name", old, new, ("destination",))
        moved |= self._rename("source", old, new, _BY_SOURCE)
        self._rename("holder", old, new, ("place",))
        self._rename("destination", old, new, ("room", "room_day"))
        with self._connection as db:
            for table in _STREAM_TABLES:
                db.execute(
                    f"UPDATE OR IGNORE {table} SET place = ? || substr(place, ?) "  # noqa: S608 - only constants are put in
                    "WHERE substr(place, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, old + ":"),
                )
        return moved

    def _rename(self, column: str, old: str, new: str, tables: tuple[str, ...]) -> bool:
        moved = 0
        with self._connection as db:
            for table in tables:
                known = db.execute(
                    f"SELECT 1 FROM {table} WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (old,),
                ).fetchone()
                if known and table != "run":
                    # What an earlier thing of the new name has left is not this one's.
                    db.execute(f"DELETE FROM {table} WHERE {column} = ?", (new,))  # noqa: S608 - only constants are put in
                cursor = db.execute(
                    f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?",  # noqa: S608 - only constants are put in
                    (new, old),
                )
                moved += cursor.rowcount
        return moved > 0

    # ── Destinations ─────────────────────────────────────────────────────────────────────────

    def destination_identity(self, name: str) -> str | None:
        """The identity recorded for a destination, or for a source that holds its snapshots."""
        row = self._connection.execute(
            "SELECT identity FROM destination WHERE name = ?", (name,)
        ).fetchone()
        return str(row[0]) if row else None

    def record_destination(self, name: str, identity: str, now: datetime) -> None:
        """Record which file system a destination is."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO destination VALUES (?, ?, ?)",
                (name, identity, now.isoformat()),
            )


__all__ = [
    "ItemRecord",
    "LastSeen",
    "RoomRecord",
    "RunRecord",
    "State",
    "StateUnusable",
    "Stream",
    "open_state",
    "stream_of",
]


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """Open the database, creating it when it is not there. Raises `StateUnusable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StateUnusable(f"the state {path} cannot be opened: {error}; {WAY_OUT}") from error
    with closing(connection):
        yield State(connection)
