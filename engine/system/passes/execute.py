"""Carrying out steps: one exhaustive match that decides nothing.

A step that fails stops its feed; the other feeds go on (law 35). What must end the whole run is
an exception.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from engine.legs.kind import Run
from engine.records.journal import JournalSeen, UnknownReader
from engine.records.reports import RunStatus
from engine.runs.deletions import judge_deletions
from engine.steps.dumps import JudgeDump, MakeArtefact
from engine.steps.fetches import FetchFile
from engine.steps.generations import (
    CompleteGeneration,
    CopyDatabases,
    CopyGeneration,
    PruneGenerations,
    StageGeneration,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import (
    BeginPass,
    CatchUp,
    ClaimEntries,
    CompareForeign,
    DeleteGone,
    DeletePass,
    EnsureDirectory,
    ExpireDeleted,
    GuardDeletions,
    HookStep,
    RecordProvenance,
    SelectChanges,
    SendChanges,
    Step,
    Transfer,
    WriteRules,
)
from engine.steps.modes import Mode
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from engine.system.host.directories import flush, make_below, write_private
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.host.remote import Remote, Unreachable
from engine.system.host.taken import taken_entries
from engine.system.journal.journal import Journal
from engine.system.passes import abreast, full_pass
from engine.system.passes.feed_runs import FeedRuns, FeedStopped, sentence
from engine.system.passes.incremental_pass import IncrementalPasses
from engine.system.passes.transfers import ItemOutOfTime, Started
from engine.system.state.state import LastSeen, State, Stream

if TYPE_CHECKING:
    from engine.system.passes.generation_runs import GenerationRuns
    from engine.system.passes.item_runs import ItemRuns


def say_nothing(sentence: str) -> None:
    """What is told to nobody."""
    del sentence


class HookFailed(Exception):
    """A command that had to come first did not succeed."""


class Executor:
    """Carries out the steps of one run."""

    def __init__(
        self,
        *,
        leg: str,
        streams: dict[str, Stream],
        this_run: Run,
        state: State,
        journal: Journal,
        feeds: FeedRuns,
        rules: dict[str, str],
        progress: Callable[[str], None],
        follow: Callable[[str], JournalSeen],
    ) -> None:
        self._leg = leg
        self._streams = streams
        self._run = this_run
        self._state = state
        self._journal = journal
        self._feeds = feeds
        self._rules = rules
        self._progress = progress
        self._changed = IncrementalPasses(feeds, journal, leg, this_run.directory, follow)
        self._claimed: dict[str, set[bytes]] = {}

    # What only some legs need is loaded and made when a step of theirs comes.

    @cached_property
    def _items(self) -> ItemRuns:
        from engine.system.passes.item_runs import ItemRuns

        return ItemRuns(self._feeds, self._progress)

    @cached_property
    def _generations(self) -> GenerationRuns:
        from engine.system.passes.generation_runs import GenerationRuns

        return GenerationRuns(
            feeds=self._feeds,
            journal=self._journal,
            state=self._state,
            run=self._run,
            streams=self._streams,
            rules=self._rules,
            progress=self._progress,
            items=self._items,
        )

    def carry_out(self, steps: Iterable[Step], at_once: int = 1) -> None:
        """Do all steps in order; those that come afterwards run whatever happens before.

        At most so many feeds are copied at once, where a feed is copied by one command.
        """
        ordered = tuple(steps)
        before = [one for one in ordered if not (isinstance(one, HookStep) and one.always)]
        try:
            abreast.carry_out(before, self, at_once)
        finally:
            self._changed.close()
            if "_items" in vars(self):
                self._items.close_all()
            self.finish(step for step in ordered if isinstance(step, HookStep) and step.always)

    def finish(self, steps: Iterable[HookStep]) -> None:
        """Run closing commands by their own limits: the run's may have passed already."""
        for step in steps:
            self._show(step)
            self._hook(step)

    def _show(self, step: Step) -> None:
        """Say what comes, where somebody listens: to load the words takes a moment."""
        if self._progress is not say_nothing:
            from engine.steps.words import explain_steps

            self._progress(explain_steps((step,))[0])

    def one(self, step: Step) -> None:
        """Do one step, unless its feed has stopped."""
        feed = abreast.feed_of(step)
        if feed in self._feeds.stopped and not isinstance(step, CloseItem):
            return
        self._show(step)
        with self._stopping(feed):
            self._match(step)

    def begin(self, step: abreast.Copying) -> Started | None:
        """Start to copy a feed, unless it has stopped."""
        if step.feed not in self._feeds.stopped:
            self._show(step)
            with self._stopping(step.feed):
                return self._generations.begin(step)
        return None

    def end(self, step: abreast.Copying, started: Started) -> None:
        """Judge a copy that has ended."""
        with self._stopping(step.feed):
            self._generations.end(step, started)

    @contextmanager
    def _stopping(self, feed: str | None) -> Iterator[None]:
        """Let what stops a feed stop that one alone."""
        try:
            yield
        except FeedStopped as stop:
            assert feed is not None
            self._feeds.stop(feed, stop.status, str(stop))
        except ItemOutOfTime as late:
            assert feed is not None
            self._feeds.stop(feed, RunStatus.TIMED_OUT, str(late))

    def _match(self, step: Step) -> None:  # noqa: C901 - one case a step, nothing decided
        match step:
            case HookStep():
                self._hook(step)
            case EnsureDirectory():
                self._ensure_directory(step)
            case WriteRules():
                write_private(step.path, step.text)
            case ClaimEntries():
                self._claim(step)
            case BeginPass():
                self._begin(step)
            case SelectChanges():
                self._changed.select(step)
            case SendChanges():
                self._changed.send(step)
            case CatchUp():
                self._catch_up(step)
            case DeleteGone(count_only=True):
                self._changed.count_gone(step)
            case DeleteGone():
                self._changed.delete_gone(step)
            case Transfer():
                full_pass.transfer(self._feeds, step)
            case CompareForeign():
                full_pass.compare_foreign(self._feeds, step, self._leg)
            case GuardDeletions():
                self._guard(step)
            case DeletePass():
                full_pass.delete(self._feeds, step)
            case RecordProvenance():
                self._record(step)
            case ExpireDeleted():
                self._expire(step)
            case StageGeneration():
                self._generations.stage(step)
            case CopyGeneration() | CopyDatabases():
                raise AssertionError("a copy is begun and ended")
            case CompleteGeneration():
                self._generations.complete(step)
            case PruneGenerations():
                self._generations.prune(step)
            case FetchFile():
                self._generations.fetch(step)
            case MakeArtefact():
                self._generations.make(step)
            case JudgeDump():
                self._generations.judge(step)
            case TakeSnapshot():
                self._items.take(step)
            case RemoveSnapshots():
                self._items.remove(step)
            case OpenItem():
                self._items.open(step)
            case CloseItem():
                self._items.close(step)

    # ── Steps ────────────────────────────────────────────────────────────────────────────────

    def _hook(self, step: HookStep) -> None:
        argv = tuple(os.fsencode(word) for word in step.run)
        left = step.timeout if step.always else min(step.timeout, self._feeds.transfers.left)
        try:
            told = run(Command(argv=argv, timeout=max(0.0, left)))
        except CommandNotStarted as error:
            raise HookFailed(str(error)) from None
        if told.timed_out or told.code != 0:
            how = "took too long" if told.timed_out else f"ended with {told.code}"
            words = f": {told.last_words}" if told.last_words else ""
            raise HookFailed(f"the command {step.run[0]} {how}{words}")

    def _ensure_directory(self, step: EnsureDirectory) -> None:
        target = step.target
        try:
            if target.ssh is None:
                make_below(target.root, target.names)
            else:
                Remote(target, self._run).ensure_directory()
        except (OSError, Unreachable, CommandNotStarted) as error:
            reason = f"the directory {target} cannot be made: {error}"
            raise FeedStopped(RunStatus.FAILED, reason) from None

    def _begin(self, step: BeginPass) -> None:
        report = self._feeds.report(step.feed)
        self._feeds.put(replace(report, mode=step.choice.mode.value, why=step.choice.reason))
        if step.choice.mode is Mode.FULL:
            # What a full pass changes is noted as it goes; until it is through, that is a gap.
            self._journal.begin_writing(step.target.holder, self._leg, step.feed, self._run.now)

    def _claim(self, step: ClaimEntries) -> None:
        names = {*step.names, *taken_entries(step.source, step.selection)} - step.known
        self._claimed.setdefault(step.feed, set()).update(names)
        self._state.claim(self._streams[step.feed], self._run.run_id, sorted(names))

    def _catch_up(self, step: CatchUp) -> None:
        if self._changed.select_late(step):
            self._claim(step.claim)
            self._changed.send_late(step)

    def _guard(self, step: GuardDeletions) -> None:
        feeds = self._feeds
        counted = {feed: one for feed, one in feeds.counted.items() if feed not in feeds.stopped}
        verdict = judge_deletions(step, counted)
        feeds.allowed = dict(verdict.allowed)
        for feed, reason in verdict.stopped.items():
            feeds.stop(feed, RunStatus.GUARD, reason)

    def _record(self, step: RecordProvenance) -> None:
        """Remember what this pass saw, then drop from the journal what it took: in that order."""
        names = set(step.names) | self._claimed.get(step.feed, set()) - step.present
        if step.full:
            names |= set(taken_entries(step.source, step.selection)) - step.present
        stream = self._streams[step.feed]
        former = self._state.last_seen(stream)
        seen = LastSeen(
            rules=self._rules[step.feed],
            entries=self._feeds.report(step.feed).entries if step.full else self._entries(step),
            file_system=step.file_system,
            mounts=step.mounts,
            landing=step.landing,
            full_began=step.full_began,
            size=self._feeds.report(step.feed).size if step.full or former is None else former.size,
            # What has changed hands stays in question until a pass has looked at all of it.
            tree=step.tree if step.full or former is None else former.tree,
        )
        self._flush(step)
        self._state.record_pass(stream, self._run.run_id, sorted(names), seen)
        if step.upto is not None:
            # Whom an apply has renamed or taken away meanwhile begins with a full pass.
            with suppress(UnknownReader):
                self._take_from_journal(step, step.upto)

    def _flush(self, step: RecordProvenance) -> None:
        """A disk that is pulled now must hold what the journal is about to forget."""
        if step.upto is None:
            return
        try:
            if step.target.ssh is None:
                flush(step.target.path)
            elif step.commands:
                Remote(step.target, self._run).flush()
        except (OSError, Unreachable, CommandNotStarted) as error:
            reason = f"the copies could not be flushed to the disk: {error}"
            raise FeedStopped(RunStatus.FAILED, reason) from None

    def _entries(self, step: RecordProvenance) -> int | None:
        """What the source holds after a pass that did not look at all of it."""
        if step.entries is None:
            return None
        return max(0, step.entries + self._feeds.grown.get(step.feed, 0))

    def _take_from_journal(self, step: RecordProvenance, upto: int) -> None:
        # First, so that no crash comes in between: a gap of now is later than what was taken.
        for reason in self._left_over(step.feed):
            self._journal.add_reader_gap(self._leg, step.feed, reason, self._run.now)
        self._journal.done(self._leg, step.feed, upto, full=step.full)
        waiting = self._journal.waiting(self._leg, step.feed)
        self._feeds.put(replace(self._feeds.report(step.feed), pending=waiting))

    def _left_over(self, feed: str) -> Iterator[str]:
        """Why the journal cannot say what is left to do."""
        if self._changed.left_behind(feed):
            yield "names too long for a rule were deleted: only a full pass can follow"
        if feed in self._feeds.overdue:
            yield "more was due for deletion than had been counted"

    def _expire(self, step: ExpireDeleted) -> None:
        told = self._feeds.rsync(step.feed, step.argv, step.target)
        if told.code != 0:
            reason = f"what older runs set aside could not be dropped: {sentence(told)}"
            self._feeds.note(step.feed, RunStatus.NOTED, reason)
