"""The change journal: what changed in each tree since each of its readers last took it.

One row a reader and path. A run looks at all that waits, and after its transfer succeeded drops
what has a sequence up to the one it began with: what came in meanwhile has a later one, and is
looked at again (law 5). What a leg is about to write is noted before it does, and taken by nobody
until the leg has ended.

Only this module knows the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path

from engine.records.journal import (
    Change,
    Consumer,
    Coverage,
    Gap,
    JournalSeen,
    TreeCoverage,
    UnknownReader,
    for_readers,
)
from engine.system.journal.mark import Marked
from engine.system.journal.schema import HELD, JournalUnusable, connect

MOST = 2_000_000
"""Rows that one reader may have waiting; more fold into one gap."""
_NEVER_FULL = "it has had no full pass since the journal began"
_READ_AT_ONCE = _WRITTEN_AT_ONCE = 10_000
_NUMBER = itemgetter(0)
Row = tuple[int, bytes, bool]  # a reader's number, and a `Change`
# What is held stays so until its leg has ended: `HELD` is the greatest of all sequences.
_UPSERT = (
    "INSERT INTO pending VALUES (?, ?, {:d}, ?) ON CONFLICT DO UPDATE SET "
    "sequence = max(sequence, excluded.sequence), deep = deep | excluded.deep"
)


class Journal(Marked):
    """An open journal."""

    def __init__(self, connection: sqlite3.Connection, *, most: int = MOST) -> None:
        super().__init__(connection)
        self._most = most
        self._limit, self._at_most = most + most // 20, dict[int, int]()
        """By reader: rows that may wait at most, since the same path is often noted again."""

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
        number = self._next(db)  # never given twice: the tracker may still have one that left
        db.execute(
            "INSERT INTO consumer (id, leg, reads, tree, names) VALUES (?, ?, ?, ?, ?)",
            (number, one.leg, one.reads, one.tree, names),
        )
        self._put_gap(number, _NEVER_FULL, datetime.now(UTC))

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
            for column in ("leg", "reads"):  # its own feeds, and those that read its product
                db.execute(
                    f"UPDATE OR IGNORE consumer SET {column} = ? WHERE {column} = ?",  # noqa: S608 - constants only
                    (new, old),
                )

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
                Consumer(
                    leg=leg, reads=reads, tree=tree, names=tuple(names.split(b"/")) if names else ()
                ),
            )
            for number, leg, reads, names in rows
        )

    @staticmethod
    def _drop(db: sqlite3.Connection, number: int) -> None:
        db.execute("DELETE FROM pending WHERE consumer = ?", (number,))
        db.execute("DELETE FROM gap WHERE consumer = ?", (number,))
        db.execute("DELETE FROM consumer WHERE id = ?", (number,))

    # ── Producers ────────────────────────────────────────────────────────────────────────────

    def record(self, rows: Iterable[Row]) -> frozenset[int]:
        """Note changes, relative to their readers' roots.

        Gives the numbers that no reader has any more: their rows are dropped.
        """
        rows = list(rows)
        with self._transaction() as db:
            known = {int(row[0]) for row in db.execute("SELECT id FROM consumer")}
            gone = set(map(_NUMBER, rows)) - known
            kept = [row for row in rows if row[0] in known] if gone else rows
            self._put(db, kept, self._next(db))
            self._bound(db)
        return frozenset(gone)

    def record_for(self, leg: str, reads: str, changes: Iterable[Change]) -> None:
        """Note changes for one reader, relative to its root."""
        number, _ = self._reader(leg, reads)
        self.record((number, *change) for change in changes)

    def record_tree(self, tree: str, changes: Iterable[Change], *, held: bool = False) -> None:
        """Note changes below a tree's root for all of its readers.

        `held`: they are about to be made; no run takes them until `settle`. So it is with all that
        is noted under a mark: rsync tells of a file before it has written it.
        """
        with self._transaction() as db:
            readers = self.consumers(tree)
            if not readers:
                return
            mark = db.execute("SELECT 1 FROM writing WHERE tree = ?", (tree,)).fetchone()
            held = held or mark is not None
            moved: set[int] = set()
            sequence = HELD if held else self._next(db)
            rows = ((number, *one) for number, one in for_readers(readers, changes, moved))
            self._put(db, rows, sequence)
            for number in moved:
                self._put_gap(number, "its root was replaced", datetime.now(UTC), held=held)
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
            mine = "(SELECT id FROM consumer WHERE tree = ?)"
            db.execute(
                f"UPDATE pending INDEXED BY held SET sequence = ? WHERE sequence = {HELD} "  # noqa: S608 - constants only
                f"AND consumer IN {mine}",
                (sequence, tree),
            )
            db.execute(
                f"UPDATE gap SET sequence = ? WHERE sequence = ? AND consumer IN {mine}",  # noqa: S608 - constants only
                (sequence, HELD, tree),
            )
            marks = db.execute("SELECT leg, since FROM writing WHERE tree = ?", (tree,)).fetchall()
            db.execute("DELETE FROM writing WHERE tree = ?", (tree,))
            for leg, since in marks:
                reason = f"a run of {leg} ended without telling all that it changed"
                for number, _ in self.consumers(tree):
                    self._put_gap(number, reason, datetime.fromisoformat(since))

    def add_gap(self, tree: str, reason: str, now: datetime) -> None:
        """Note for all readers of a tree that changes may be missing up to now."""
        with self._transaction():
            for number, _ in self.consumers(tree):
                self._put_gap(number, reason, now)

    def add_reader_gap(self, leg: str, reads: str, reason: str, now: datetime) -> None:
        """Note a gap for one reader."""
        number, _ = self._reader(leg, reads)
        with self._transaction():
            self._put_gap(number, reason, now)

    def _put(self, db: sqlite3.Connection, rows: Iterable[Row], sequence: int) -> None:
        # With the sequence in the statement rows go in as they are: there may be millions.
        upsert, rest = _UPSERT.format(sequence), iter(rows)
        while batch := list(islice(rest, _WRITTEN_AT_ONCE)):
            for number in set(map(_NUMBER, batch)):
                # What was there before this process is counted at its first row.
                before = self._at_most.get(number, self._limit)
                self._at_most[number] = before + len(batch)
            db.executemany(upsert, batch)

    def _bound(self, db: sqlite3.Connection) -> None:
        """Fold what has grown too long; counting is dear, so it waits until that may be so."""
        for number, at_most in self._at_most.items():
            if at_most <= self._limit:
                continue
            count, held = db.execute(
                "SELECT count(*), count(*) FILTER (WHERE sequence = ?) FROM pending "
                "WHERE consumer = ?",
                (HELD, number),
            ).fetchone()
            self._at_most[number] = int(count)
            if count > self._most:
                self._at_most[number] = 0
                db.execute("DELETE FROM pending WHERE consumer = ?", (number,))
                reason = f"more than {self._most:,} changes were waiting"
                self._put_gap(number, reason, datetime.now(UTC), held=held > 0)

    def _put_gap(self, number: int, reason: str, now: datetime, *, held: bool = False) -> None:
        """`held`: it stands for what is about to be made, and no pass that runs now closes it."""
        db = self._connection
        db.execute(
            "INSERT INTO gap VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET sequence = max(sequence, excluded.sequence)",
            (number, reason, HELD if held else self._next(db), now.isoformat()),
        )

    # ── Reading ──────────────────────────────────────────────────────────────────────────────

    def seen(self, leg: str, reads: str) -> JournalSeen:
        """What waits for one reader now; somebody else must say whether its tracker lives."""
        number, tree = self._reader(leg, reads)
        with self._transaction() as db:
            upto = self.latest()
            pending = db.execute(
                "SELECT count(*) FROM pending WHERE consumer = ? AND sequence <= ?", (number, upto)
            ).fetchone()[0]
            gaps = db.execute(
                "SELECT reason, since FROM gap WHERE consumer = ? ORDER BY sequence", (number,)
            ).fetchall()
            told = self.coverage(tree)
        coverage = Coverage.FOLLOWED
        if told is not None and not told.standing:
            coverage = Coverage.FAILED if told.detail else Coverage.STARTING
        return JournalSeen(
            upto=upto,
            pending=int(pending),
            gaps=tuple(
                Gap(reason=reason, since=datetime.fromisoformat(since)) for reason, since in gaps
            ),
            coverage=coverage,
            detail="" if told is None else told.detail,
        )

    def read(self, leg: str, reads: str, *, above: int = 0) -> Iterator[Change]:
        """Changes that wait for one reader, in the order of their bytes; later than a sequence.

        Also those that came in since a run began: a file that is written without a pause has
        always a sequence of a moment ago, and would never be taken.
        Read page by page: beside a cursor that was left open nothing could be written any more.
        """
        number, _ = self._reader(leg, reads)
        after = b""
        while page := self._connection.execute(
            "SELECT path, deep FROM pending WHERE consumer = ? AND path > ? "
            "AND sequence > ? AND sequence < ? ORDER BY path LIMIT ?",
            (number, after, above, HELD, _READ_AT_ONCE),
        ).fetchall():
            yield from [Change(path, deep == 1) for path, deep in page]
            after = page[-1][0]

    def gap_above(self, leg: str, reads: str, sequence: int) -> str | None:
        """Why changes may be missing since a sequence; None where none are."""
        number, _ = self._reader(leg, reads)
        row = self._connection.execute(
            "SELECT reason FROM gap WHERE consumer = ? AND sequence > ?", (number, sequence)
        ).fetchone()
        return None if row is None else str(row[0])

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
            raise UnknownReader(f"{leg} is not known as a reader of {reads}")
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
