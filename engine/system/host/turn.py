"""Waiting in turn for a destination's lock: by (due time, name), not by luck.

Who waits holds a ticket: a file with a lock of its own, which dies with its process. A ticket is
named for its leg and never unlinked, so no two processes ever hold different files of one name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.system.host.lock import Locked, hold
from engine.system.host.lock_probe import is_held

_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Turn:
    """Whose turn comes first: the smaller one's."""

    due: datetime
    name: str

    @property
    def text(self) -> str:
        """The turn as a ticket holds it; texts sort as turns do."""
        return f"{self.due.timestamp():020.6f} {self.name}"


@contextmanager
def hold_in_turn(
    path: Path, *, turn: Turn, wait: float, on_wait: Callable[[], None] | None = None
) -> Iterator[int]:
    """Hold a lock for the length of the block, once nobody who waits comes before.

    Raises `Locked` after waiting that many seconds. `on_wait` is called once, should it wait. Gives
    the descriptor that has the lock.
    """
    deadline = time.monotonic() + wait
    queue = path.with_name(path.name + ".queue")
    told = False
    with ExitStack() as stack:
        with hold(queue / turn.name):
            (queue / f"{turn.name}.turn").write_text(turn.text)
            while True:
                try:
                    if not _others_first(queue, turn):
                        descriptor = stack.enter_context(hold(path))
                        break
                    busy = Locked(path, "another leg that is due before")
                except Locked as locked:
                    busy = locked
                if time.monotonic() >= deadline:
                    raise busy
                if on_wait is not None and not told:
                    on_wait()
                told = True
                time.sleep(min(_POLL, max(0.0, deadline - time.monotonic())))
        yield descriptor


def _others_first(queue: Path, mine: Turn) -> bool:
    """Whether somebody who still waits is due before."""
    for ticket in queue.glob("*.turn"):
        if ticket.name == f"{mine.name}.turn":
            continue
        try:
            text = ticket.read_bytes()  # whatever a power cut has left there
        except OSError:
            continue
        if text < mine.text.encode() and is_held(ticket.with_suffix("")):
            return True
    return False
