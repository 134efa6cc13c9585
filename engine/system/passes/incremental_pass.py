"""An incremental pass carried out: send what changed, count what is gone, and only then delete."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace

from engine.records.journal import Coverage, JournalSeen, UnknownReader
from engine.records.reports import RunStatus
from engine.rsync.command import gone_command
from engine.rsync.output import deletions_wanted, parse_figures, ways_blocked
from engine.runs.deletions import Counted
from engine.steps.model import CatchUp, DeleteGone, SelectChanges, SendChanges
from engine.system.journal.journal import Journal
from engine.system.passes.feed_runs import FeedRuns, FeedStopped, check_still_there
from engine.system.passes.increments import Increment, RootMoved
from policy.values import display


@dataclass(slots=True)
class IncrementalPasses:
    """The incremental passes of one run."""

    feeds: FeedRuns
    journal: Journal
    leg: str
    directory: bytes
    """The run's own directory."""
    follow: Callable[[str], JournalSeen]
    """Has the tracker catch up, and tells how the journal of a tracked feed stands then."""
    _increments: dict[str, Increment] = field(default_factory=dict)
    _looked: dict[str, Increment] = field(default_factory=dict)
    """What looked at each feed's source last."""
    _all: list[Increment] = field(default_factory=list)

    def select(self, step: SelectChanges) -> None:
        """Look at what the journal names. Raises `FeedStopped`."""
        self._increments[step.feed] = self._look(step, self.directory)

    def _look(self, step: SelectChanges, directory: bytes, above: int = 0) -> Increment:
        increment = Increment(step, directory, self.journal, self.leg, above)
        self._all.append(increment)
        self._looked[step.feed] = increment
        try:
            increment.select()
        except UnknownReader:
            reason = "an apply has changed whose changes are noted: the next run takes them"
            raise FeedStopped(RunStatus.FAILED, reason) from None
        except RootMoved:
            reason = f"{display(step.source.path)} is not what it was when the run began"
            raise FeedStopped(RunStatus.FAILED, f"{reason}: was it unmounted?") from None
        except OSError as error:
            reason = f"{display(step.source.path)} cannot be looked at: {error}"
            raise FeedStopped(RunStatus.FAILED, reason) from None
        return increment

    def _expect(self, feed: str, increment: Increment) -> None:
        if self.feeds.transfers.sink is not None:
            self.feeds.transfers.sink.expect(feed, entries=increment.entries, size=increment.size)

    def send(self, step: SendChanges) -> None:
        """Copy what changed, lot by lot. Raises `FeedStopped`."""
        check_still_there(step.still)
        increment = self._increments[step.feed]
        self._expect(step.feed, increment)
        known = len(increment.unreadable) if step.replaced else 0
        blocked: list[bytes] = []
        with closing(increment.lots(step)) as lots:
            for lot in lots:
                if lot.files:
                    blocked += self._send(step.feed, step.files, increment)
                if lot.others:
                    blocked += self._send(step.feed, step.others, increment)
        if blocked and step.replaced:
            reason = "a directory that holds something protected lies where a file is to go"
            raise FeedStopped(RunStatus.DEGRADED, f"{reason}: {display(blocked[0])}")
        increment.make_way(blocked)
        self._judge_unreadable(step.feed, increment.unreadable[known:])

    def _judge_unreadable(self, feed: str, paths: tuple[bytes, ...]) -> None:
        """What may not be looked at is neither sent nor deleted, and waits in the journal."""
        if not paths:
            return
        count = f"{len(paths):,} {'path' if len(paths) == 1 else 'paths'}"
        told = f"{count} cannot be looked at by this user, {display(paths[0])} for one"
        if not self.feeds.tolerates_unreadable:
            raise FeedStopped(RunStatus.DEGRADED, told)
        self.feeds.note(feed, RunStatus.NOTED, f"{told}, which is tolerated")

    def _send(self, feed: str, argv: tuple[bytes, ...], increment: Increment) -> tuple[bytes, ...]:
        """Run one command; what comes back are paths where directories lie in the way."""
        told = self.feeds.rsync(feed, argv, increment.step.target)
        self.feeds.add_figures(feed, replace(parse_figures(told.stdout), deleted=None))
        self.feeds.judge_transfer(feed, told)
        return ways_blocked(told.stderr)

    def select_late(self, step: CatchUp) -> bool:
        """Look at what has come since the pass looked; False where there is nothing to send.

        Raises `FeedStopped` where that cannot be known, and something would be deleted.
        """
        if not any(self.feeds.allowed.values()):
            return False
        missed = self._missed(step)
        if missed and step.before:
            raise self._nothing_deleted(f"what changed meanwhile is not known: {missed}")
        if missed:
            return False  # deleted already; the gap is there for the next run
        looked = self._looked.get(step.feed)
        above = looked.read_upto if looked is not None else step.above
        directory = self.directory + (b"/late" if step.before else b"/last")
        os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - bytes
        return self._look(step.select, directory, above).entries > 0

    def _missed(self, step: CatchUp) -> str:
        """Why the journal does not know what changed up to now; empty where it does."""
        try:
            seen = self.follow(step.feed)
            gap = self.journal.gap_above(self.leg, step.feed, step.above)
        except UnknownReader:
            return "an apply has changed whose changes are noted"
        if seen.coverage is not Coverage.FOLLOWED:
            return seen.detail or seen.coverage.value
        return gap or ""

    def send_late(self, step: CatchUp) -> None:
        """Copy it. Raises `FeedStopped` where not all of it can be."""
        late = self._looked[step.feed]
        blocked: list[bytes] = []
        with closing(late.lots(step.send)) as lots:
            for lot in lots:
                blocked += self._send(step.feed, step.send.files, late) if lot.files else ()
                blocked += self._send(step.feed, step.send.others, late) if lot.others else ()
        if step.before and (blocked or late.has_replaced or late.unreadable):
            raise self._nothing_deleted("what came meanwhile could not be copied yet")

    @staticmethod
    def _nothing_deleted(why: str) -> FeedStopped:
        return FeedStopped(RunStatus.DEGRADED, f"{why}; nothing was deleted, the next run does it")

    def count_gone(self, step: DeleteGone) -> None:
        """Count what is to be deleted, and delete nothing. Raises `FeedStopped`."""
        check_still_there(step.still)
        increment = self._increments[step.feed]
        for number in range(increment.prepare_deletions(step)):
            argv = gone_command(step, self.directory, number, 0)
            told = self.feeds.rsync(step.feed, argv, step.target)
            self.feeds.judge_transfer(step.feed, told)
            wanted = deletions_wanted(told.stdout, told.stderr) if told.whole else None
            if wanted is None:
                reason = "so many deletions are wanted that they were not counted"
                raise FeedStopped(RunStatus.GUARD, reason)
            increment.counted(number, wanted)
        total = sum(increment.deletions)
        self.feeds.put(replace(self.feeds.report(step.feed), deletions_wanted=total))
        # What a leg before has pruned was judged there: it is no loss.
        judged = sum(increment.deletions[increment.pruned_lots :])
        self.feeds.counted[step.feed] = Counted(
            entries=None, wanted=judged, examples=increment.first_gone
        )

    def delete_gone(self, step: DeleteGone) -> None:
        """Delete as much as was counted. Raises `FeedStopped`."""
        increment, late = self._increments[step.feed], self._looked[step.feed]
        most = None if self.feeds.allowed.get(step.feed, 0) else increment.pruned_lots
        if not any(increment.deletions[:most]):
            return
        check_still_there(step.still)
        # What was gone, and has come back and been sent meanwhile, is still on the list.
        if late is not increment and not increment.keep(late.sent, step):
            raise self._nothing_deleted("too much has come meanwhile to be told from what is gone")
        for number, count in enumerate(increment.deletions[:most]):
            if count:
                argv = gone_command(step, self.directory, number, count)
                self.feeds.judge_deleted(step.feed, self.feeds.rsync(step.feed, argv, step.target))

    def left_behind(self, feed: str) -> bool:
        """Whether something is gone whose name no rule can hold: only a full pass deletes it."""
        increment = self._increments.get(feed)
        return increment is not None and bool(increment.unwritable)

    def close(self) -> None:
        """Let all sources go."""
        for increment in self._all:
            increment.close()
