"""The change journal: what changed in each tree since each of its readers last took it.

One row a reader and path. A run takes what has a sequence up to the one it began with, and drops
just that after its transfer succeeded; what comes in meanwhile has a later one (law 5). What a leg
is about to write is noted before it does, and taken by nobody until the leg has ended.

Only this module knows the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.journal import Change, Consumer, Coverage, Gap, JournalSeen
from engine.system.journal_schema import HELD, JournalUnusable, connect

MOST = 2_000_000
"""Rows that one reader may have waiting; more fold into one gap."""
_NEVER_FULL = "it has had no full pass since the journal began"
_UPSERT = (
    "INSERT INTO pending VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "sequence = excluded.sequence, deep = deep | excluded.deep"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeCoverage:
    """How the tracker stands to one tree, as it last told."""

    standing: bool
    detail: str
    changed: datetime
    heartbeat: datetime
    watches: int
    events: int


class Journal:
    """An open journal."""

    def __init__(self, connection: sqlite3.Connection, *, most: int = MOST) -> None:
        self._connection = connection
        self._most = most
        self._recorded: dict[int, int] = {}

    # ── Readers ──────────────────────────────────────────────────────────────────────────────

    def register(self, consumers: Iterable[Consumer]) -> None:
        """Make sure that these readers are known; a new one, or one that moved, has a gap."""
        with self._transaction() as db:
            for one in consumers:
                self._register(db, one)

    def _register(self, db: sqlite3.Connection, one: Consumer) -> None:
        names = b"/".join(one.names)
        known = db.execute(
            "SELECT id, tree, names FROM consumer WHERE leg = ? AND reads = ?", (one.leg, one.reads)
        ).fetchone()
        if known is not None and (known[1], bytes(known[2])) == (one.tree, names):
            return
        if known is not None:
            self._drop(db, int(known[0]))
        cursor = db.execute(
            "INSERT INTO consumer (leg, reads, tree, names) VALUES (?, ?, ?, ?)",
            (one.leg, one.reads, one.tree, names),
        )
        assert cursor.lastrowid is not None
        self._put_gap(db, cursor.lastrowid, _NEVER_FULL, datetime.now(UTC))

    def keep_only(self, consumers: Iterable[Consumer]) -> None:
        """Forget readers that are no more."""
        kept = {(one.leg, one.reads) for one in consumers}
        with self._transaction() as db:
            rows = db.execute("SELECT id, leg, reads FROM consumer").fetchall()
            for number, leg, reads in rows:
                if (leg, reads) not in kept:
                    self._drop(db, number)

    def rename_leg(self, old: str, new: str) -> None:
        """Give a leg's rows its new name."""
        with self._transaction() as db:
            db.execute("UPDATE OR IGNORE consumer SET leg = ? WHERE leg = ?", (new, old))

    def rename_tree(self, old: str, new: str) -> None:
        """Give a source's or destination's rows its new name."""
        with self._transaction() as db:
            db.execute("UPDATE OR IGNORE consumer SET reads = ? WHERE reads = ?", (new, old))
            db.execute("UPDATE consumer SET tree = ? WHERE tree = ?", (new, old))
            db.execute("UPDATE OR IGNORE coverage SET tree = ? WHERE tree = ?", (new, old))
            db.execute("UPDATE OR IGNORE writing SET tree = ? WHERE tree = ?", (new, old))

    def consumers(self, tree: str) -> tuple[tuple[int, Consumer], ...]:
        """Who reads a tree."""
        rows = self._connection.execute(
            "SELECT id, leg, reads, names FROM consumer WHERE tree = ? ORDER BY id", (tree,)
        )
        return tuple(
            (
                int(number),
                Consumer(leg=leg, reads=reads, tree=tree, names=_names(names)),
            )
            for number, leg, reads, names in rows
        )

    @staticmethod
    def _drop(db: sqlite3.Connection, number: int) -> None:
        db.execute("DELETE FROM pending WHERE consumer = ?", (number,))
        db.execute("DELETE FROM gap WHERE consumer = ?", (number,))
        db.execute("DELETE FROM consumer WHERE id = ?", (number,))

    # ── Producers ────────────────────────────────────────────────────────────────────────────

    def record(self, rows: Iterable[tuple[int, Change]]) -> None:
        """Note changes, each for the reader of that number and relative to its root."""
        with self._transaction() as db:
            self._put(db, rows, self._next(db))
            self._bound(db)

    def record_tree(self, tree: str, changes: Iterable[Change], *, held: bool = False) -> None:
        """Note changes below a tree's root for all of its readers.

        `held`: they are about to be made; no run takes them until `end_writing` or `settle`.
        """
        readers = self.consumers(tree)
        if not readers:
            return
        with self._transaction() as db:
            sequence = HELD if held else self._next(db)
            moved: set[int] = set()
            self._put(db, _for_readers(readers, changes, moved), sequence)
            for number in moved:
                self._put_gap(db, number, "its root was replaced", datetime.now(UTC))
            self._bound(db)

    def begin_writing(self, tree: str, leg: str, reads: str, now: datetime) -> None:
        """Mark that a pass has begun whose changes are noted only as they are made."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO writing VALUES (?, ?, ?, ?)",
                (tree, leg, reads, now.isoformat()),
            )

    def end_writing(self, tree: str, leg: str, reads: str) -> None:
        """Take the mark away: all that the pass has changed is noted."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM writing WHERE tree = ? AND leg = ? AND reads = ?", (tree, leg, reads)
            )

    def settle(self, tree: str) -> None:
        """Let runs take what was held; a mark that was left becomes a gap.

        Only who holds the tree's lock, or knows that nobody does, may ask.
        """
        with self._transaction() as db:
            sequence = self._next(db)
            db.execute(
                "UPDATE pending SET sequence = ? WHERE sequence = ? AND consumer IN "
                "(SELECT id FROM consumer WHERE tree = ?)",
                (sequence, HELD, tree),
            )
            marks = db.execute("SELECT leg, since FROM writing WHERE tree = ?", (tree,)).fetchall()
            db.execute("DELETE FROM writing WHERE tree = ?", (tree,))
            for leg, since in marks:
                reason = f"a run of {leg} ended without telling all that it changed"
                for number, _ in self.consumers(tree):
                    self._put_gap(db, number, reason, datetime.fromisoformat(since))

    def add_gap(self, tree: str, reason: str, now: datetime) -> None:
        """Note for all readers of a tree that changes may be missing up to now."""
        with self._transaction() as db:
            for number, _ in self.consumers(tree):
                self._put_gap(db, number, reason, now)

    def add_reader_gap(self, leg: str, reads: str, reason: str, now: datetime) -> None:
        """Note a gap for one reader."""
        number, _ = self._reader(leg, reads)
        with self._transaction() as db:
            self._put_gap(db, number, reason, now)

    def _put(
        self, db: sqlite3.Connection, rows: Iterable[tuple[int, Change]], sequence: int
    ) -> None:
        counts = self._recorded

        def values() -> Iterator[tuple[int, bytes, int, bool]]:
            for number, change in rows:
                counts[number] = counts.get(number, 0) + 1
                yield number, change.path, sequence, change.deep

        db.executemany(_UPSERT, values())

    def _bound(self, db: sqlite3.Connection) -> None:
        """Fold what has grown too long; counting is dear, so it is not done each time."""
        for number, recorded in self._recorded.items():
            if recorded < self._most // 20:
                continue
            self._recorded[number] = 0
            count = db.execute(
                "SELECT count(*) FROM pending WHERE consumer = ?", (number,)
            ).fetchone()[0]
            if count > self._most:
                db.execute("DELETE FROM pending WHERE consumer = ?", (number,))
                reason = f"more than {self._most:,} changes were waiting"
                self._put_gap(db, number, reason, datetime.now(UTC))

    def _put_gap(self, db: sqlite3.Connection, number: int, reason: str, now: datetime) -> None:
        db.execute(
            "INSERT INTO gap VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
            (number, reason, self._next(db), now.isoformat()),
        )

    # ── Reading ──────────────────────────────────────────────────────────────────────────────

    def seen(self, leg: str, reads: str) -> JournalSeen:
        """What waits for one reader now; somebody else must say whether its tracker lives."""
        number, tree = self._reader(leg, reads)
        with self._transaction() as db:
            upto = self._sequence(db)
            pending = db.execute(
                "SELECT count(*) FROM pending WHERE consumer = ? AND sequence <= ?", (number, upto)
            ).fetchone()[0]
            gaps = db.execute(
                "SELECT reason, since FROM gap WHERE consumer = ? ORDER BY sequence", (number,)
            ).fetchall()
        told = self.coverage(tree)
        standing = told is None or told.standing
        return JournalSeen(
            upto=upto,
            pending=int(pending),
            gaps=tuple(
                Gap(reason=reason, since=datetime.fromisoformat(since)) for reason, since in gaps
            ),
            coverage=Coverage.FOLLOWED if standing else Coverage.STARTING,
            detail="" if told is None else told.detail,
        )

    def read(self, leg: str, reads: str, upto: int) -> Iterator[Change]:
        """Changes for one reader up to a sequence, in the order of their bytes."""
        number, _ = self._reader(leg, reads)
        rows = self._connection.execute(
            "SELECT path, deep FROM pending WHERE consumer = ? AND sequence <= ? ORDER BY path",
            (number, upto),
        )
        for path, deep in rows:
            yield Change(path, bool(deep))

    def done(self, leg: str, reads: str, upto: int, *, full: bool) -> None:
        """Drop what a run that succeeded has taken; a full pass closes the gaps before it.

        A gap stays where not all watches stood when the pass began.
        """
        number, tree = self._reader(leg, reads)
        with self._transaction() as db:
            db.execute("DELETE FROM pending WHERE consumer = ? AND sequence <= ?", (number, upto))
            if full:
                db.execute(
                    "DELETE FROM gap WHERE consumer = ? AND sequence <= ? AND NOT EXISTS "
                    "(SELECT 1 FROM coverage WHERE tree = ? "
                    "AND (stands_from IS NULL OR stands_from > ?))",
                    (number, upto, tree, upto),
                )

    def waiting(self, leg: str, reads: str) -> int:
        """How many changes wait for one reader, those held included."""
        number, _ = self._reader(leg, reads)
        row = self._connection.execute(
            "SELECT count(*) FROM pending WHERE consumer = ?", (number,)
        ).fetchone()
        return int(row[0])

    def knows(self, leg: str, reads: str) -> bool:
        """Whether the reader is registered."""
        row = self._connection.execute(
            "SELECT 1 FROM consumer WHERE leg = ? AND reads = ?", (leg, reads)
        ).fetchone()
        return row is not None

    def _reader(self, leg: str, reads: str) -> tuple[int, str]:
        row = self._connection.execute(
            "SELECT id, tree FROM consumer WHERE leg = ? AND reads = ?", (leg, reads)
        ).fetchone()
        if row is None:
            raise KeyError(f"{leg} is not known as a reader of {reads}")
        return int(row[0]), str(row[1])

    # ── The tracker ──────────────────────────────────────────────────────────────────────────

    def set_coverage(
        self, tree: str, *, standing: bool, detail: str, now: datetime, watches: int
    ) -> None:
        """Note whether all watches of a tree stand, from now on."""
        with self._transaction() as db:
            since = self._next(db) if standing else None
            db.execute(
                "INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?, ?, ?, 0)",
                (tree, since, detail, now.isoformat(), now.isoformat(), watches),
            )

    def heartbeat(self, tree: str, now: datetime, watches: int, events: int) -> None:
        """Note that the tracker is alive, and what it has seen in a tree."""
        with self._transaction() as db:
            db.execute(
                "UPDATE coverage SET heartbeat = ?, watches = ?, events = ? WHERE tree = ?",
                (now.isoformat(), watches, events, tree),
            )

    def coverage(self, tree: str) -> TreeCoverage | None:
        """What the tracker last told of a tree; None where it never did."""
        row = self._connection.execute(
            "SELECT stands_from, detail, changed, heartbeat, watches, events FROM coverage "
            "WHERE tree = ?",
            (tree,),
        ).fetchone()
        if row is None:
            return None
        return TreeCoverage(
            standing=row[0] is not None,
            detail=row[1],
            changed=datetime.fromisoformat(row[2]),
            heartbeat=datetime.fromisoformat(row[3]),
            watches=row[4],
            events=row[5],
        )

    # ── Sequences ────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield self._connection

    @staticmethod
    def _next(db: sqlite3.Connection) -> int:
        row = db.execute("UPDATE counter SET sequence = sequence + 1 RETURNING sequence").fetchone()
        return int(row[0])

    @staticmethod
    def _sequence(db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT sequence FROM counter").fetchone()[0])


def _for_readers(
    readers: tuple[tuple[int, Consumer], ...], changes: Iterable[Change], moved: set[int]
) -> Iterator[tuple[int, Change]]:
    """The changes as each reader names them; who lost its root is added to `moved`."""
    prefixes = [(number, b"".join(name + b"/" for name in one.names)) for number, one in readers]
    for change in changes:
        for number, prefix in prefixes:
            if not prefix:
                yield number, change
            elif change.path.startswith(prefix):
                yield number, Change(change.path[len(prefix) :], change.deep)
            elif change.deep and prefix.startswith(change.path + b"/"):
                moved.add(number)


def _names(joined: bytes) -> tuple[bytes, ...]:
    return tuple(bytes(joined).split(b"/")) if joined else ()


__all__ = ["Journal", "JournalUnusable", "TreeCoverage", "open_journal"]


@contextmanager
def open_journal(path: Path, *, most: int = MOST) -> Iterator[Journal]:
    """Open the journal, creating it when it is not there. Raises `JournalUnusable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = connect(path)
    except (OSError, sqlite3.Error) as error:
        told = f"the journal {path} cannot be opened: {error}"
        hint = "move it aside, and the next runs are full passes"
        raise JournalUnusable(f"{told}; {hint}") from error
    with closing(connection):
        yield Journal(connection, most=most)
