"""Comparing the copies of one leg with what they were made of: everything is read, nothing written.

What is compared, and by which rules, are the steps of the full pass that the leg itself would make
now. No lock is taken: a run that begins meanwhile is not kept waiting for hours. What differs is
therefore compared a second time, and what changed in between says nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.exit_codes import meaning_of, told_all
from engine.legs import Run, kind_of
from engine.plan.model import LegPlan, Plan
from engine.records.reports import Finding
from engine.rsync.output import complaints
from engine.runs.observation import FeedSeen, Observation
from engine.runs.preflight import preflight, preflight_kind, refusals
from engine.steps.model import Step, Transfer, WriteRules
from engine.steps.modes import Forced
from engine.system.host.directories import write_private
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.host.remote import closing_connection
from engine.system.host.run_directory import run_directory
from engine.system.host.signals import interruptible
from engine.system.journal.journal import open_journal
from engine.system.runs.observe import observe, ssh_of
from engine.system.runs.observe_target import NothingToRead
from engine.system.state.records import new_run_id
from engine.system.state.state import State, open_state
from engine.system.verify.files import Names, Wanted, changed_since, offer_files
from engine.verify.comparison import Comparison, Difference, Found, comparing, nul_separated
from engine.verify.sample import Sample
from engine.verify.verdict import Verified, counted
from policy.legs import MirrorLeg

_LONGEST = 7 * 86_400.0
"""Seconds: a large copy over a slow line may take days, and a hung one must end some day."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants compared."""

    most: int | None
    """Files of each feed, chosen by chance; None: everything."""
    seed: int
    within: Mapping[str, tuple[Names, ...]] | None = None
    """By what a feed reads: only these paths below it. None: everything."""


def verify_leg(
    plan: Plan,
    leg_plan: LegPlan,
    asked: Asked,
    *,
    places: Places,
    clock: Clock,
    say: Callable[[str], None],
) -> tuple[Verified, ...]:
    """Compare the copies of one leg, feed by feed, and note the results.

    Raises `StateUnusable`, `JournalUnusable` and `Interrupted`.
    """
    unfit = "; ".join(row.found for row in preflight_kind(leg_plan))
    if not unfit and not isinstance(leg_plan.leg, MirrorLeg):
        unfit = f"copies of the kind {leg_plan.kind} are not compared yet"
    if unfit:
        return (_refused(leg_plan.name, leg_plan.name, clock(), unfit),)
    with (
        interruptible(),
        open_state(places.state_file) as state,
        open_journal(places.journal_file) as journal,
        tempfile.TemporaryDirectory(prefix="policyctl-") as scratch,
        run_directory(Path(scratch) / "run") as (directory, control),
    ):
        now = clock()
        this_run = Run(run_id=new_run_id(now), now=now, directory=directory, control=control)
        with closing_connection(ssh_of(plan, leg_plan, places), this_run):
            try:
                seen = observe(
                    plan,
                    leg_plan,
                    places=places,
                    state=state,
                    this_run=this_run,
                    waived=frozenset(),
                    journal=journal,
                    forced=Forced.FULL,
                )
            except NothingToRead as error:
                return (_refused(leg_plan.name, leg_plan.name, now, str(error)),)
            wanted = asked.within if asked.within is not None else {one.feed for one in seen.feeds}
            findings = preflight(leg_plan, seen)
            return tuple(
                _Comparing(leg_plan, seen, one, asked, this_run, state, clock, say).judged(findings)
                for one in seen.feeds
                if one.feed in wanted
            )


def _refused(leg: str, reads: str, now: datetime, why: str) -> Verified:
    return Verified(leg=leg, reads=reads, began=now, ended=now, seed=None, refused=why)


class _NotCompared(Exception):
    """The comparison came to no end; the message says why."""


@dataclass(slots=True)
class _Comparing:
    """One feed while it is compared."""

    leg_plan: LegPlan
    observation: Observation
    seen: FeedSeen
    asked: Asked
    this_run: Run
    state: State
    clock: Clock
    say: Callable[[str], None]

    def judged(self, findings: tuple[Finding, ...]) -> Verified:
        """The result, where no guard is in the way.

        Nothing is written, so it is of no matter how full the disk is.
        """
        rows = refusals(findings, self.seen.feed)
        stops = "; ".join(row.found for row in rows if not row.looked_at.endswith(": room"))
        if stops:
            return _refused(self.leg_plan.name, self.seen.feed, self.clock(), stops)
        kind, feeds = kind_of(self.leg_plan.leg), (self.seen.feed,)
        return self._result(kind.steps(self.leg_plan, self.observation, self.this_run, feeds))

    def _result(self, steps: tuple[Step, ...]) -> Verified:
        """Choose, compare, and look again at what differs."""
        began, feed = self.clock(), self.seen.feed
        success = self.state.last_item_success(self.leg_plan.name, feed)
        if success is None:
            return _refused(self.leg_plan.name, feed, began, "no run of it has succeeded yet")
        for step in steps:
            if isinstance(step, WriteRules):
                write_private(step.path, step.text)
        argv = next(step.argv for step in steps if isinstance(step, Transfer))
        listed = self.asked.most is not None or self._within != ()
        sample = Sample(most=self.asked.most if listed else 0, seed=self.asked.seed)
        try:
            walked = offer_files(self._wanted(success.started), sample)
            number = f"{len(sample.chosen):,} of {sample.files:,} files" if listed else "everything"
            self.say(f"{feed}: comparing {number}")
            unreadable, comparison = self._compare(argv, sample.paths if listed else None)
            found = self._again(argv, comparison.found, success.started)
        except (_NotCompared, OSError, CommandNotStarted) as error:
            return _refused(self.leg_plan.name, feed, self.clock(), str(error))
        return Verified(
            leg=self.leg_plan.name,
            reads=feed,
            began=began,
            ended=self.clock(),
            seed=self.asked.seed if listed and self.asked.most is not None else None,
            compared=len(sample.chosen) if listed else sample.files,
            compared_bytes=sample.chosen_bytes if listed else sample.size,
            files=sample.files,
            bytes=sample.size,
            changed=walked.changed + len(comparison.found) - len(found),
            found=found,
            counts=counted(found, comparison.more),
            unreadable=unreadable + walked.unreadable,
        )

    @property
    def _within(self) -> tuple[Names, ...]:
        within = self.asked.within
        return within[self.seen.feed] if within is not None else ()

    def _wanted(self, until: datetime) -> Wanted:
        feed = next(one for one in self.leg_plan.feeds if one.reads == self.seen.feed)
        assert feed.selection is not None
        return Wanted(
            root=self.seen.source.path,
            selection=feed.selection,
            left_out=self.seen.source.strangers,
            within=self._within,
            until=until,
        )

    def _compare(
        self, argv: tuple[bytes, ...], paths: tuple[bytes, ...] | None
    ) -> tuple[int, Comparison]:
        """How many files could not be read, and what differs. Raises `_NotCompared`."""
        comparison = Comparison()
        if paths == ():
            return 0, comparison
        listed = None
        if paths is not None:
            listed = self.this_run.directory + b"/compare-" + os.fsencode(self.seen.feed)
            write_private(listed, nul_separated(paths))
        command = comparing(argv, listed)
        told = run(Command(argv=command, timeout=_LONGEST, on_output=comparison.feed))
        return _unreadable(told), comparison

    def _again(
        self, argv: tuple[bytes, ...], found: list[Found], until: datetime
    ) -> tuple[Found, ...]:
        """What still differs, and has not changed since the run that made the copy."""
        root = self.seen.source.path
        old = [
            one
            for one in found
            if not changed_since(
                root, one.path, until, above=one.difference is not Difference.DAMAGED
            )
        ]
        extra = [one for one in old if one.difference is Difference.EXTRA]
        others = tuple(sorted(one.path for one in old if one.difference is not Difference.EXTRA))
        if not others:
            return tuple(extra)
        _, comparison = self._compare(argv, others)
        again = {one.path: one for one in comparison.found if one.path in set(others)}
        return (*extra, *(again[path] for path in others if path in again))


def _unreadable(told: Completed) -> int:
    """How many files rsync complained of. Raises `_NotCompared` where it came to no end."""
    if not told_all(told.code):
        words = f": {told.last_words}" if told.last_words else ""
        raise _NotCompared(f"{meaning_of(told.code)}{words}")
    return len(complaints(told.stderr)) if told.code == _PARTIAL else 0


_PARTIAL = 23
"""rsync's code for a partial transfer (rsync(1), EXIT VALUES)."""
