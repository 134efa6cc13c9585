"""Running rsync for one leg: within its time limits, again where the connection broke.

What rsync says it changed goes into the journal as it comes; what it says else is kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from engine.exit_codes import is_refusal, may_pass, meaning_of
from engine.progress import OPTION, ProgressReader, ProgressSink
from engine.reach.targets import Target
from engine.records.journal import Change
from engine.rsync.itemized import ItemReader
from engine.system.host.process import Command, Completed, Running, complete, run, start
from engine.system.journal.journal import Journal
from engine.system.passes.increments import below

BACK_OFF = (5.0, 20.0, 60.0)
"""Seconds before each further try, where the connection to another machine broke."""
_MOST = re.compile(rb"--max-delete=[1-9][0-9]*")


class OutOfTime(Exception):
    """The run's time limit has passed."""


class ItemOutOfTime(Exception):
    """The time limit of one feed has passed, or nothing is heard of it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command of one feed that has been started."""

    feed: str
    running: Running
    own_limit: bool
    """Whether the feed's time ends before the run's."""


@dataclass(slots=True)
class Transfers:
    """Runs the commands of one run."""

    journal: Journal
    progress: Callable[[str], None]
    seconds: float | None
    """Until the run has to end, from when this was made; None: no limit."""
    each: float | None = None
    """Seconds that one feed may use."""
    sink: ProgressSink | None = None
    locks: tuple[int, ...] = ()
    """Descriptors of the run's locks. Should it be killed, nobody else writes to the destination
    before the last rsync of it has ended."""
    retried: dict[str, int] = field(default_factory=dict)
    """How often a feed's commands were tried again."""
    _began: float = field(default_factory=time.monotonic)
    _used: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds until the run has to end."""
        if self.seconds is None:
            return float("inf")
        return self._began + self.seconds - time.monotonic()

    def rsync(self, feed: str, argv: tuple[bytes, ...], target: Target) -> Completed:
        """Run a command, and again where that may help. Raises `OutOfTime`, `ItemOutOfTime`."""
        if self.sink is not None:
            argv = tuple(OPTION if word == b"--info=stats2" else word for word in argv)
        pauses = iter(BACK_OFF if target.ssh is not None and not _deletes_counted(argv) else ())
        while True:
            told = self._once(feed, argv, target)
            again = may_pass(told.code) and not is_refusal(told.stderr)
            pause = next(pauses, None) if again else None
            if pause is None or pause >= min(self.left, self._left_of(feed)):
                return told
            self.retried[feed] = self.retried.get(feed, 0) + 1
            self.progress(f"{feed}: {meaning_of(told.code)}: once more in {pause:.0f} s")
            time.sleep(pause)

    def _once(self, feed: str, argv: tuple[bytes, ...], target: Target) -> Completed:
        left, mine = self.left, self._left_of(feed)
        if left <= 0:
            raise OutOfTime
        with self._reading(feed, target) as read:
            began = time.monotonic()
            command = Command(
                argv=argv, timeout=min(left, mine), on_output=read, keep_open=self.locks
            )
            try:
                told = run(command)
            finally:
                self._used[feed] = self._used.get(feed, 0.0) + time.monotonic() - began
        if told.timed_out:
            raise ItemOutOfTime("its own time limit has passed") if mine < left else OutOfTime
        return told

    def command(self, feed: str, command: Command) -> Completed:
        """Run any command of a feed within its own time and the feed's.

        Raises `OutOfTime`, `ItemOutOfTime`, `CommandNotStarted`, and whatever `on_output` raises.
        """
        left, mine = self.left, self._left_of(feed)
        if left <= 0:
            raise OutOfTime
        told = run(
            replace(
                command,
                timeout=min(left, mine, command.timeout),
                keep_open=(*command.keep_open, *self.locks),
            )
        )
        self._used[feed] = self._used.get(feed, 0.0) + told.seconds
        if told.timed_out:
            raise ItemOutOfTime("its own time limit has passed") if mine < left else OutOfTime
        return told

    # ── Several at a time ────────────────────────────────────────────────────────────────────

    def start(self, feed: str, argv: tuple[bytes, ...], *, silence: float | None = None) -> Started:
        """Start a command that changes nothing which anybody reads. Raises `OutOfTime`.

        `silence`: seconds without a word after which it is taken for one that hangs.
        `finish` is for when it has ended (`process.first_ended`).
        """
        left, mine = self.left, self._left_of(feed)
        if left <= 0:
            raise OutOfTime
        if self.sink is not None:
            argv = tuple(OPTION if word == b"--info=stats2" else word for word in argv)
        read = self._showing(feed, ProgressReader())
        command = Command(
            argv=argv,
            timeout=min(left, mine),
            silence=silence,
            on_output=read,
            keep_open=self.locks,
        )
        return Started(feed=feed, running=start(command), own_limit=mine < left)

    def finish(self, one: Started) -> Completed:
        """How it ended. Raises `OutOfTime`, `ItemOutOfTime`."""
        told = complete(one.running)
        self._used[one.feed] = self._used.get(one.feed, 0.0) + told.seconds
        if told.fell_silent:
            raise ItemOutOfTime(f"nothing was heard of it for {one.running.command.silence:.0f} s")
        if told.timed_out:
            raise ItemOutOfTime("its own time limit has passed") if one.own_limit else OutOfTime
        return told

    def _showing(self, feed: str, progress: ProgressReader) -> Callable[[bytes], bytes]:
        """Takes progress out of what rsync prints, for who watches."""

        def read(chunk: bytes) -> bytes:
            if self.sink is None:
                return chunk
            newest, chunk = progress.feed(chunk)
            if newest is not None:
                self.sink.advance(feed, newest)
            return chunk

        return read

    # ── Limits, and what is said ─────────────────────────────────────────────────────────────

    def _left_of(self, feed: str) -> float:
        if self.each is None:
            return float("inf")
        return max(0.0, self.each - self._used.get(feed, 0.0))

    @contextmanager
    def _reading(self, feed: str, target: Target) -> Iterator[Callable[[bytes], bytes]]:
        """Reads what rsync prints: changes for the journal, progress for who watches."""

        def note(changes: list[Change]) -> None:
            self.journal.record_tree(target.holder, below(target.names, changes))

        items, show = ItemReader(note), self._showing(feed, ProgressReader())
        try:
            yield lambda chunk: items.feed(show(chunk))
        finally:
            items.close()


def _deletes_counted(argv: tuple[bytes, ...]) -> bool:
    """Whether a command may delete just as much as was counted.

    A try that broke has deleted some of that and cannot say how much, so a second one with the same
    number might delete more than was judged (law 11). The next run counts anew.
    """
    return any(_MOST.fullmatch(word) for word in argv)
