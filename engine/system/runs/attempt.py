"""A run while it lasts: locks, a look, a judgement, steps, and a record on every way out.

`last_success` moves on success alone; every other end has its status and its reason in a sentence
(law 6).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.legs import Run, kind_of
from engine.legs.hooks import hooks_after, hooks_before
from engine.plan.model import LegPlan, Plan
from engine.plan.readers import is_itemised
from engine.progress import ProgressSink
from engine.records.reports import (
    FeedReport,
    Finding,
    RunReport,
    RunStatus,
    judged_together,
    refusal_sentence,
)
from engine.rsync.rules_digest import rules_digest
from engine.runs.observation import FeedSeen, Observation, Waiver
from engine.runs.preflight import preflight, preflight_kind, refusals
from engine.steps.model import BeginPass, HookStep, Step
from engine.steps.modes import Forced, Mode
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.host.remote import closing_connection
from engine.system.host.run_directory import NotPrivate, run_directory
from engine.system.host.signals import Interrupted
from engine.system.host.turn import Turn, hold_in_turn
from engine.system.items.failures import LvmFailed, NotClosed
from engine.system.journal.journal import Journal
from engine.system.journal.look import follower
from engine.system.passes.execute import Executor, HookFailed
from engine.system.passes.feed_runs import FeedRuns
from engine.system.passes.transfers import OutOfTime, Transfers
from engine.system.passes.unfinished import drop_unfinished
from engine.system.runs.first_reports import begin_reports, item_streams, parts_of
from engine.system.runs.killed import close_killed, look_at_all
from engine.system.runs.leave_plan import leave_begun, leave_plan
from engine.system.runs.observe import holder_of, observe, ssh_of
from engine.system.runs.observe_target import NothingToRead
from engine.system.state.arrivals import there_by
from engine.system.state.claims import disown_unmade, settle_claims
from engine.system.state.records import new_run_id
from engine.system.state.room_notes import note_room_left, note_rooms
from engine.system.state.state import (
    RunRecord,
    State,
    StateUnusable,
    Stream,
    stream_of,
)
from policy.legs import CopyingLeg, MirrorLeg, SqliteLeg, VersionsLeg
from policy.values import Duration

Clock = Callable[[], datetime]
Teller = Callable[[RunReport], str]
"""Tells a run's end to whom the plan names; gives back why it could not, or ""."""


MIXED = "mixed"
"""Says of a run that some of its items were looked at in full, and others not."""


class _Refused(Exception):
    """Preflight let no feed pass."""


def steps_for(
    leg_plan: LegPlan, seen: Observation, this_run: Run, findings: tuple[Finding, ...]
) -> tuple[Step, ...]:
    """The steps for the feeds that nothing refuses; none where nothing is left to do."""
    kind = kind_of(leg_plan.leg)
    feeds = tuple(name for name in parts_of(seen) if not refusals(findings, name))
    return kind.steps(leg_plan, seen, this_run, feeds) if feeds else ()


@dataclass(slots=True)
class Attempt:
    """A run while it lasts."""

    plan: Plan
    leg_plan: LegPlan
    places: Places
    state: State
    clock: Clock
    journal: Journal
    progress: Callable[[str], None]
    waived: frozenset[Waiver]
    forced: Forced = Forced.NOTHING
    due: datetime | None = None
    teller: Teller | None = None
    sink: ProgressSink | None = None
    started: datetime = field(init=False)
    run_id: str = field(init=False)
    findings: tuple[Finding, ...] = ()
    feeds: dict[str, FeedReport] = field(default_factory=dict)
    locks: list[int] = field(default_factory=list)
    """Descriptors of the locks that it holds."""
    told: RunReport | None = None
    """How it ended, once that is on record."""
    looked: tuple[FeedSeen, ...] = ()
    """The mirrored feeds that nothing refuses, as they were before anything was done."""
    streams: dict[str, Stream] = field(default_factory=dict)
    """What is known of each feed, and of each item once it is found, goes by this."""
    limit: Duration | None = field(init=False)
    """How long the run may last; None: a seed takes as long as it takes."""

    def __post_init__(self) -> None:
        self.started = self.clock()
        self.run_id = new_run_id(self.started)
        seeding = self.forced is Forced.SEED
        self.limit = None if seeding else self.leg_plan.leg.limits.whole
        for one in self.leg_plan.feeds:
            self.streams[one.reads] = stream_of(self.plan, self.leg_plan, one, self.state)

    def run(self) -> RunReport:
        """Take the leg's lock, run, and record how it ended."""
        leg = self.leg_plan.name
        try:
            with hold(self.places.leg_lock(leg)) as lock:
                self.locks.append(lock)
                self.journal.bind(self.state, self.started)
                close_killed(self.leg_plan, self.state, self.journal, self.started)
                self.state.begin(self._record(None, ""))
                return self._run_and_tell()
        except Locked as locked:
            return self._tell(RunStatus.LOCKED, f"the leg is already running: {locked}")
        except Interrupted as end:  # before the run had begun, or while it was telling its end
            if self.told is not None:
                return replace(self._tell_others(self.told), signal=end.number)
            return self._tell(RunStatus.INTERRUPTED, str(end), signal=end.number)
        except (OSError, sqlite3.Error) as error:
            if self.told is not None:
                return replace(self.told, untold=str(error))
            return self._tell(RunStatus.FAILED, f"it could not begin: {error}")

    def _run_and_tell(self) -> RunReport:
        try:
            self._locked()
        except Interrupted as end:
            return self._tell(RunStatus.INTERRUPTED, str(end), signal=end.number)
        except Locked as locked:
            return self._tell(RunStatus.WAITED_TOO_LONG, f"waited too long: {locked}")
        except OutOfTime:
            return self._tell(RunStatus.TIMED_OUT, f"its time limit of {self.limit} has passed")
        except (_Refused, NothingToRead) as refused:
            return self._tell(RunStatus.REFUSED, str(refused))
        except (HookFailed, NotPrivate, LvmFailed, NotClosed, OSError, sqlite3.Error) as error:
            return self._tell(RunStatus.FAILED, str(error))
        except BaseException as bug:
            self._tell(RunStatus.FAILED, f"a bug: {type(bug).__name__}: {bug}")
            raise
        return self._tell(*judged_together(self.feeds.values()), judged=True)

    # ── The run itself ───────────────────────────────────────────────────────────────────────

    def _locked(self) -> None:
        self.findings = preflight_kind(self.leg_plan)
        if self.findings:
            raise _Refused(refusal_sentence(self.findings))
        path = self.places.state_dir / "run" / self.leg_plan.name
        with self._holder_lock(), run_directory(path) as (directory, control):
            self._sweep_items()
            this_run = Run(
                run_id=self.run_id, now=self.started, directory=directory, control=control
            )
            target = ssh_of(self.plan, self.leg_plan, self.places)
            with closing_connection(target, this_run):
                self._look_and_act(this_run)

    def _sweep_items(self) -> None:
        """Close what a run that was killed has left open."""
        if any(is_itemised(self.plan, self.leg_plan, one) for one in self.leg_plan.feeds):
            from engine.system.items.inventory import sweep_items

            for sentence in sweep_items(self.plan, self.leg_plan, self.places, self.state):
                self.progress(sentence)

    @contextmanager
    def _holder_lock(self) -> Iterator[None]:
        """One leg at a time writes to a destination."""
        leg = self.leg_plan.leg
        # What stays in its source is written there: one leg at a time, too.
        feeds = self.leg_plan.feeds
        holders = sorted({one.writes.holder if one.writes else one.reads for one in feeds})
        with ExitStack() as stack:
            for holder in holders:
                path = self.places.holder_lock(holder)
                turn = Turn(due=self.due or self.started, name=leg.name)
                held = hold_in_turn(
                    path, turn=turn, wait=leg.wait.seconds, on_wait=self._tell_waiting
                )
                self.locks.append(stack.enter_context(held))
                # What a killed run left, and in the end what this one leaves.
                self.journal.settle(holder)
                stack.callback(self.journal.settle, holder)
            yield

    def _tell_waiting(self) -> None:
        self.progress("another leg writes to the destination: waiting for it to end")

    def _look_and_act(self, this_run: Run) -> None:
        leg = self.leg_plan.leg
        # Of databases each has its limit, and what copies them keeps it: the others are copied.
        each = leg.limits.each if not isinstance(leg, SqliteLeg) else None
        transfers = Transfers(
            journal=self.journal,
            progress=self.progress,
            seconds=self.limit.seconds if self.limit else None,
            each=each.seconds if each and self.limit else None,
            sink=self.sink,
            locks=tuple(self.locks),
        )
        feeds = FeedRuns(
            transfers=transfers,
            tolerates_unreadable=isinstance(leg, CopyingLeg) and leg.tolerate_unreadable,
            reports=self.feeds,
        )
        executor = self._executor(this_run, feeds)
        try:
            executor.carry_out(hooks_before(self.leg_plan.leg))
            steps = self._steps(this_run)
            self._shorten(steps, transfers)
            at_once = leg.at_once if isinstance(leg, VersionsLeg | SqliteLeg) else 1
            leave_begun(self.plan, self.leg_plan, self.places, self.state)
            executor.carry_out(steps, at_once)
            self._leave_plan(this_run)
        finally:
            self._end_writing(feeds)
            disown_unmade(self.state, self.run_id, self.streams, self.looked)
            if any(one.status is not RunStatus.REFUSED for one in feeds.reports.values()):
                holder = self.plan.destination(holder_of(self.leg_plan))
                note_room_left(holder, self.places, self.state, self.clock())
            executor.finish(hooks_after(self.leg_plan.leg))

    def _leave_plan(self, this_run: Run) -> None:
        record = self._record(judged_together(self.feeds.values())[0], "")
        for why in leave_plan(self.plan, self.leg_plan, self.places, self.state, record, this_run):
            self.progress(why)

    def _shorten(self, steps: tuple[Step, ...], transfers: Transfers) -> None:
        """A run that looks only at what changed has a limit of its own."""
        modes = {step.choice.mode for step in steps if isinstance(step, BeginPass)}
        limit = self.leg_plan.leg.limits.incremental
        if limit is not None and modes == {Mode.INCREMENTAL}:
            self.limit = limit
            transfers.seconds = limit.seconds

    def _steps(self, this_run: Run) -> tuple[Step, ...]:
        """Look, judge, and say what is to be done; the commands around it have their own turn."""
        seen = self._look(this_run)
        if sum([self._drop_unfinished(one) for one in seen.feeds if self._lacks_room(one)]):
            seen = self._look(this_run)
        self._report_feeds(seen)
        if isinstance(self.leg_plan.leg, MirrorLeg):
            self.looked = tuple(one for one in seen.feeds if not refusals(self.findings, one.feed))
        settle_claims(self.state, self.streams, self.looked)
        note_rooms(self.plan, seen, self.state, self.clock())
        steps = steps_for(self.leg_plan, seen, this_run, self.findings)
        if not steps:
            raise _Refused(refusal_sentence(self.findings))
        return tuple(step for step in steps if not isinstance(step, HookStep))

    def _look(self, this_run: Run) -> Observation:
        seen = observe(
            self.plan,
            self.leg_plan,
            places=self.places,
            state=self.state,
            this_run=this_run,
            waived=self.waived,
            journal=self.journal,
            forced=self.forced,
        )
        self.findings = preflight(self.leg_plan, seen)
        return seen

    def _lacks_room(self, seen: FeedSeen) -> bool:
        """Whether the disk is the right one in all else, and too full to begin."""
        stops = refusals(self.findings, seen.feed)
        return bool(stops) and all(row.looked_at.endswith(": room") for row in stops)

    def _drop_unfinished(self, seen: FeedSeen) -> int:
        """Free what unfinished files take; how many folders of them are gone."""
        if not isinstance(self.leg_plan.leg, MirrorLeg):
            from engine.system.passes.generation_runs import drop_unfinished_generation

            dropped = drop_unfinished_generation(seen.target.target)
        else:
            feed = next(one for one in self.leg_plan.feeds if one.reads == seen.feed)
            dropped = drop_unfinished(seen, feed, self.state.owned(self.streams[seen.feed]))
        if dropped:
            self.progress(f"{seen.feed}: what earlier runs did not finish is removed")
        return dropped

    def _end_writing(self, feeds: FeedRuns) -> None:
        """Where each rsync came to its end, whatever its end was, all that changed is noted."""
        look_at_all(self.leg_plan, feeds.littered, self.journal, self.clock())
        for one in self.leg_plan.feeds:
            if one.writes is not None and one.reads not in feeds.untold:
                self.journal.end_writing(one.writes.holder, self.leg_plan.name, one.reads)

    def _executor(self, this_run: Run, feeds: FeedRuns) -> Executor:
        return Executor(
            leg=self.leg_plan.name,
            journal=self.journal,
            feeds=feeds,
            streams=self.streams,
            this_run=this_run,
            state=self.state,
            rules={
                one.reads: rules_digest(one.selection, self.leg_plan.leg)
                for one in self.leg_plan.feeds
                if one.selection is not None
            },
            progress=self.progress,
            follow=follower(self.plan, self.leg_plan, self.journal, self.places),
        )

    def _report_feeds(self, seen: Observation) -> None:
        """Begin the report of each feed and item: refused, or with what is foreign there."""
        begun = begin_reports(
            self.plan, self.leg_plan, seen, self.findings, self.started, self.state
        )
        self.feeds.update({one.feed: one for one in begun})
        self.streams.update(item_streams(self.plan, self.leg_plan, seen, self.state))

    # ── Telling ──────────────────────────────────────────────────────────────────────────────

    def _tell(
        self, status: RunStatus, reason: str, *, signal: int | None = None, judged: bool = False
    ) -> RunReport:
        """Record the end of the run. Raises `StateUnusable`: failing to tell is a failure."""
        try:
            if not judged:
                self._cut_short(status, reason)
            record = self._record(status, reason)
            self.state.finish(record)
            self.journal.bind(self.state, self.clock())
            if status.succeeded:
                self.state.forget_come(there_by(self.plan, self.places))
        except sqlite3.Error as error:
            told = f"the run ended ({status.value}), and that could not be recorded: {error}"
            raise StateUnusable(told) from error
        assert record.ended is not None
        report = RunReport(
            leg=record.leg,
            run_id=self.run_id,
            started=self.started,
            ended=record.ended,
            status=status,
            reason=reason,
            feeds=tuple(self.feeds.values()),
            findings=self.findings,
            signal=signal,
        )
        self.told = report
        return self._tell_others(report)

    def _tell_others(self, report: RunReport) -> RunReport:
        """Failing to tell is a failure of its own (law 6); the copies are what they are."""
        return replace(report, untold=self.teller(report)) if self.teller else report

    def _cut_short(self, status: RunStatus, reason: str) -> None:
        """What ended the run has ended each feed that was not through: no success of theirs."""
        for name, stream in self.streams.items():
            report = self.feeds.get(name)
            if report is None or not report.status.succeeded:
                continue
            if not self.state.passed(stream, self.run_id):
                self.feeds[name] = replace(report, status=status, reason=reason, data_as_of=None)

    def _record(self, status: RunStatus | None, reason: str) -> RunRecord:
        begun = RunRecord(
            run_id=self.run_id,
            leg=self.leg_plan.name,
            started=self.started,
            ended=None,
            status=status,
            reason=reason,
            mode=self._mode(),
            due=self.due,
        )
        return begun if status is None else begun.end(self.clock(), tuple(self.feeds.values()))

    def _mode(self) -> str:
        if self.forced is Forced.SEED:
            return Forced.SEED.value
        modes = {one.mode for one in self.feeds.values()}
        return modes.pop() if len(modes) == 1 else MIXED if modes else Mode.FULL.value
