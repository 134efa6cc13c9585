"""Carrying out steps: one exhaustive match that decides nothing.

A step that fails stops its feed; the other feeds go on (law 35). What must end the whole run is
an exception.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.deletions import Counted, judge_deletions
from engine.exit_codes import Outcome, meaning_of, outcome_of
from engine.legs.kind import Run
from engine.reports import FeedReport, RunStatus
from engine.rsync_output import (
    Figures,
    deletions_wanted,
    only_lacks_room_for_types,
    only_unreadable,
    parse_figures,
)
from engine.steps import (
    ClaimEntries,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    Identity,
    RecordProvenance,
    Step,
    Transfer,
    WriteRules,
    explain_steps,
)
from engine.system.directories import make_below, still_there, write_private
from engine.system.observe import taken_entries
from engine.system.process import Command, CommandNotStarted, Completed, run
from engine.system.remote import Remote, Unreachable
from engine.system.state import LastSeen, State, Stream
from policy.values import display

_STATUS = {
    Outcome.OK: RunStatus.OK,
    Outcome.OK_NOTED: RunStatus.NOTED,
    Outcome.DEGRADED: RunStatus.DEGRADED,
    Outcome.GUARD: RunStatus.GUARD,
    Outcome.TIMED_OUT: RunStatus.TIMED_OUT,
    Outcome.FAILED: RunStatus.FAILED,
}


_PARTIAL = 23
"""rsync's code for a partial transfer (rsync(1), EXIT VALUES)."""


class OutOfTime(Exception):
    """The run's time limit has passed."""


class HookFailed(Exception):
    """A command that had to come first did not succeed."""


class _FeedStopped(Exception):
    """This feed does nothing more in this run."""

    def __init__(self, status: RunStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Executor:
    """Carries out the steps of one run, and keeps what each feed reports."""

    def __init__(
        self,
        *,
        streams: dict[str, Stream],
        this_run: Run,
        state: State,
        rules: dict[str, str],
        seconds: float,
        tolerates_unreadable: bool,
        progress: Callable[[str], None],
    ) -> None:
        self._streams = streams
        self._run = this_run
        self._state = state
        self._rules = rules
        self._deadline = time.monotonic() + seconds
        self._tolerates = tolerates_unreadable
        self._progress = progress
        self._counted: dict[str, Counted] = {}
        self._allowed: dict[str, int] = {}
        self._stopped: set[str] = set()
        self.feeds: dict[str, FeedReport] = {}

    def carry_out(self, steps: Iterable[Step]) -> None:
        """Do all steps in order; those that come afterwards run whatever happens before."""
        ordered = tuple(steps)
        try:
            for step in ordered:
                if not (isinstance(step, HookStep) and step.always):
                    self._one(step)
        finally:
            for step in ordered:
                if isinstance(step, HookStep) and step.always:
                    self._finally(step)

    def _one(self, step: Step) -> None:
        feed = None if isinstance(step, HookStep | GuardDeletions) else step.feed
        if feed in self._stopped:
            return
        self._progress(explain_steps((step,))[0])
        try:
            self._match(step)
        except _FeedStopped as stop:
            assert feed is not None
            self._stop(feed, stop.status, str(stop))

    def _match(self, step: Step) -> None:  # noqa: C901 - one case a step, nothing decided
        match step:
            case HookStep():
                self._hook(step)
            case EnsureDirectory():
                self._ensure_directory(step)
            case WriteRules():
                write_private(step.path, step.text)
            case ClaimEntries():
                self._state.claim(self._streams[step.feed], self._run.run_id, step.names)
            case Transfer():
                self._transfer(step)
            case GuardDeletions():
                self._guard(step)
            case DeletePass():
                self._delete(step)
            case RecordProvenance():
                self._record(step)
            case ExpireDeleted():
                self._expire(step)

    # ── Reports ──────────────────────────────────────────────────────────────────────────────

    def _report(self, feed: str) -> FeedReport:
        return self.feeds.get(feed, FeedReport(feed=feed, status=RunStatus.OK))

    def _note(self, feed: str, status: RunStatus, reason: str) -> None:
        report = self._report(feed)
        joined = "; ".join(filter(None, (report.reason, reason)))
        self.feeds[feed] = replace(report, status=report.status.worse(status), reason=joined)

    def _stop(self, feed: str, status: RunStatus, reason: str) -> None:
        self._note(feed, status, reason)
        self._stopped.add(feed)

    # ── Steps ────────────────────────────────────────────────────────────────────────────────

    def _command(self, argv: tuple[bytes, ...]) -> Completed:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OutOfTime
        try:
            told = run(Command(argv=argv, timeout=left))
        except CommandNotStarted as error:
            raise _FeedStopped(RunStatus.FAILED, str(error)) from None
        if told.timed_out:
            raise OutOfTime
        return told

    def _hook(self, step: HookStep) -> None:
        argv = tuple(os.fsencode(word) for word in step.run)
        left = self._deadline - time.monotonic()
        try:
            told = run(Command(argv=argv, timeout=max(0.0, min(step.timeout, left))))
        except CommandNotStarted as error:
            raise HookFailed(str(error)) from None
        if told.timed_out or told.code != 0:
            how = "took too long" if told.timed_out else f"ended with {told.code}"
            words = f": {told.last_words}" if told.last_words else ""
            raise HookFailed(f"the command {step.run[0]} {how}{words}")

    def finish(self, steps: Iterable[HookStep]) -> None:
        """Run the closing commands, one after another."""
        for step in steps:
            self._finally(step)

    def _finally(self, step: HookStep) -> None:
        """Run a closing command by its own limit: the run's may have passed already."""
        self._progress(explain_steps((step,))[0])
        self._deadline = time.monotonic() + step.timeout
        self._hook(step)

    def _ensure_directory(self, step: EnsureDirectory) -> None:
        target = step.target
        try:
            if target.ssh is None:
                make_below(target.root, target.names)
            else:
                Remote(target, self._run).ensure_directory()
        except (OSError, Unreachable, CommandNotStarted) as error:
            reason = f"the directory {target} cannot be made: {error}"
            raise _FeedStopped(RunStatus.FAILED, reason) from None

    def _transfer(self, step: Transfer) -> None:
        self.feeds[step.feed] = self._report(step.feed)
        self._check_still_there(step.still)
        told = self._command(step.argv)
        figures = parse_figures(told.stdout)
        wanted = deletions_wanted(told.stdout, told.stderr) if told.whole else None
        self.feeds[step.feed] = replace(
            self._report(step.feed),
            entries=_entries(figures),
            files=figures.files or 0,
            bytes_sent=figures.bytes_sent or 0,
            deletions_wanted=wanted or 0,
        )
        self._check_still_there(step.still)
        whole = self._judge_transfer(step.feed, told)
        stuck = told.code == _PARTIAL and told.whole and only_lacks_room_for_types(told.stderr)
        if stuck and not wanted:
            # A directory in the way of a file holds something protected, and stays.
            raise _FeedStopped(RunStatus.DEGRADED, _sentence(told))
        self._counted[step.feed] = Counted(entries=_entries(figures), wanted=wanted if whole else 0)

    def _judge_transfer(self, feed: str, told: Completed) -> bool:
        """Stop the feed, or say whether the source was seen whole, so that it may delete."""
        outcome = outcome_of(told.code)
        if outcome is Outcome.DEGRADED and told.whole:
            if only_lacks_room_for_types(told.stderr):
                outcome = Outcome.GUARD
            elif self._tolerates and only_unreadable(told.stderr):
                tolerated = "some of it cannot be read, which is tolerated; nothing was deleted"
                self._note(feed, RunStatus.NOTED, tolerated)
                return False
        if outcome is Outcome.OK_NOTED:
            self._note(feed, RunStatus.NOTED, meaning_of(told.code))
        # Here the guard only counts: whether so much may go is judged for all feeds together.
        if outcome not in {Outcome.OK, Outcome.OK_NOTED, Outcome.GUARD}:
            raise _FeedStopped(_STATUS[outcome], _sentence(told))
        return True

    def _guard(self, step: GuardDeletions) -> None:
        counted = {feed: one for feed, one in self._counted.items() if feed not in self._stopped}
        verdict = judge_deletions(step, counted)
        self._allowed = dict(verdict.allowed)
        for feed, reason in verdict.stopped.items():
            self._stop(feed, RunStatus.GUARD, reason)

    def _delete(self, step: DeletePass) -> None:
        count = self._allowed.get(step.feed, 0)
        if count == 0:
            return
        self._check_still_there(step.still)
        told = self._command(step.limited(count))
        deleted = parse_figures(told.stdout).deleted or 0
        self.feeds[step.feed] = replace(self._report(step.feed), deleted=deleted)
        self._check_still_there(step.still)
        outcome = outcome_of(told.code)
        if outcome in {Outcome.OK_NOTED, Outcome.GUARD}:
            self._note(step.feed, RunStatus.NOTED, _left_over_sentence(outcome, told))
        elif outcome is not Outcome.OK:
            raise _FeedStopped(_STATUS[outcome], f"while deleting: {_sentence(told)}")

    def _check_still_there(self, expected: tuple[Identity, ...]) -> None:
        """An unmounted source is an empty one, and must never be mirrored."""
        for one in expected:
            if not still_there(one):
                reason = f"{display(one.path)} is not what it was when the run began"
                raise _FeedStopped(RunStatus.FAILED, f"{reason}: was it unmounted?")

    def _record(self, step: RecordProvenance) -> None:
        seen = LastSeen(
            rules=self._rules[step.feed],
            entries=self._report(step.feed).entries,
            file_system=step.file_system,
            mounts=step.mounts,
        )
        late = set(taken_entries(step.source, step.selection)) - step.present
        names = sorted(late.union(step.names))
        self._state.record_pass(self._streams[step.feed], self._run.run_id, names, seen)

    def _expire(self, step: ExpireDeleted) -> None:
        told = self._command(step.argv)
        if told.code != 0:
            reason = f"what older runs set aside could not be dropped: {_sentence(told)}"
            self._note(step.feed, RunStatus.NOTED, reason)


def _entries(figures: Figures) -> int | None:
    """What the pass saw below its source: rsync counts the source's root too."""
    return None if figures.entries is None else max(0, figures.entries - 1)


def _sentence(told: Completed) -> str:
    words = f": {told.last_words}" if told.last_words else ""
    return f"{meaning_of(told.code)}{words}"


def _left_over_sentence(outcome: Outcome, told: Completed) -> str:
    if outcome is Outcome.OK_NOTED:
        return meaning_of(told.code)
    return "more became due for deletion while it ran; it waits for the next pass"
