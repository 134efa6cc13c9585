"""Whether the journal is the one that the last run ended with.

Each run puts a new mark on the journal and on the state: a random number in the header of both
(SQLite's `application_id`). Where the two differ an older copy of one of them was put back, and
what changed since that copy is in no row of it.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Protocol

from engine.system.journal.sequence import Sequenced

_PUT_BACK = "it is not as the last run left it: an older journal, or an older state, was put back"


class Counterpart(Protocol):
    """What must bear the same mark."""

    def mark(self) -> int:
        """The mark that it bears; 0: none yet."""

    def set_mark(self, mark: int) -> None:
        """Put another mark on it."""


class Marked(Sequenced, ABC):
    """A journal that tells whether it belongs to a state."""

    @abstractmethod
    def add_gap(self, tree: str, reason: str, now: datetime) -> None:
        """Note for all readers of a tree that changes may be missing up to now."""

    def bind(self, state: Counterpart, now: datetime) -> None:
        """Where the two do not belong together all readers have a gap; then they do.

        A crash in between leaves them apart, which costs full passes and loses nothing.
        """
        if not self._belongs_to(state):
            rows = self._connection.execute("SELECT DISTINCT tree FROM consumer").fetchall()
            for (tree,) in rows:
                self.add_gap(tree, _PUT_BACK, now)
        with self._transaction() as db:  # one run at a time has a mark to put on both
            mark = secrets.randbelow(2**31 - 1) + 1
            db.execute(f"PRAGMA application_id = {mark:d}")
            state.set_mark(mark)

    def _belongs_to(self, state: Counterpart) -> bool:
        with self._transaction() as db:
            mine = int(db.execute("PRAGMA application_id").fetchone()[0])
            return state.mark() in {0, mine}
