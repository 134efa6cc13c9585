"""Running one leg of an applied plan, and saying what a run would do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from engine.plan.model import LegPlan, Plan
from engine.plan.readers import readers_of
from engine.progress import ProgressSink
from engine.records.reports import Finding, RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.runs.preflight import preflight, preflight_kind
from engine.steps.modes import Forced
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.host.signals import Interrupted, interruptible
from engine.system.journal.journal import Journal, JournalUnusable, open_journal
from engine.system.passes.execute import say_nothing
from engine.system.runs.attempt import Attempt, Clock, Teller, steps_for
from engine.system.runs.looking import looking
from engine.system.runs.observe_target import NothingToRead
from engine.system.state.records import new_run_id
from engine.system.state.state import State, open_state


class UnknownLeg(Exception):
    """The applied plan has no leg of that name."""


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def run_leg(
    plan: Plan,
    leg: str,
    *,
    places: Places,
    clock: Clock = utc_now,
    progress: Callable[[str], None] | None = None,
    waived: frozenset[Waiver] = frozenset(),
    forced: Forced = Forced.NOTHING,
    due: datetime | None = None,
    sink: ProgressSink | None = None,
) -> RunReport:
    """Run one leg. Raises `UnknownLeg`, `StateUnusable` and `JournalUnusable`.

    A bug is recorded, then raised.
    """
    leg_plan = _leg_plan(plan, leg)
    began, report = clock(), None
    try:
        with (
            interruptible(),
            open_state(places.state_file) as state,
            open_journal(places.journal_file) as journal,
        ):
            _register(journal, plan, places)
            attempt = Attempt(
                plan,
                leg_plan,
                places,
                state,
                clock,
                journal,
                progress or say_nothing,
                waived,
                forced,
                due,
                _teller(plan, leg_plan, state, places, clock),
                sink,
            )
            report = attempt.run()
    except Interrupted as end:  # while the databases were opened or closed
        if report is not None:
            return replace(report, signal=end.number)
        return _not_begun(leg, began, clock(), end)
    return report


def _register(journal: Journal, plan: Plan, places: Places) -> None:
    try:
        journal.register(readers_of(plan))
    except sqlite3.Error as error:
        said = f"the journal {places.journal_file} cannot be written: {error}"
        raise JournalUnusable(said) from error


def _not_begun(leg: str, began: datetime, now: datetime, end: Interrupted) -> RunReport:
    """A run that was ended before its leg was locked: it touched nothing and has no record."""
    return RunReport(
        leg=leg,
        run_id=new_run_id(began),
        started=began,
        ended=now,
        status=RunStatus.INTERRUPTED,
        reason=f"{end} before it had begun",
        signal=end.number,
    )


def _teller(
    plan: Plan, leg_plan: LegPlan, state: State, places: Places, clock: Clock
) -> Teller | None:
    """Who is told how the run ended; None where the plan names nobody.

    And none of a leg that a cluster runs, which is only refused here: what its job has told would
    be replaced by that.
    """
    if leg_plan.leg.runner is not None:
        return None
    if plan.monitoring.pushgateway is None and plan.monitoring.textfile is None:
        return None

    def tell(report: RunReport) -> str:
        from engine.system.telling.tell import tell_run  # dear to import, and not needed before

        return tell_run(plan, leg_plan, state, places, report, clock())

    return tell


def explain_leg(
    plan: Plan,
    leg: str,
    *,
    places: Places,
    clock: Clock = utc_now,
    waived: frozenset[Waiver] = frozenset(),
    forced: Forced = Forced.NOTHING,
) -> tuple[str, ...]:
    """Say what a run would look at and do now: the same steps, explained and not carried out."""
    leg_plan = _leg_plan(plan, leg)
    findings = preflight_kind(leg_plan)
    if findings:
        return tuple(_show(row) for row in findings)
    look = looking(plan, leg_plan, places=places, clock=clock, forced=forced, waived=waived)
    try:
        with look as looked:
            killed = _was_killed(leg, looked.state, places)
    except NothingToRead as error:
        return (str(error),)
    seen, this_run = looked.seen, looked.this_run
    findings = preflight(leg_plan, seen)
    from engine.steps.words import explain_steps  # dear to load, and no run needs it

    steps = steps_for(leg_plan, seen, this_run, findings)
    return (*killed, *(_show(row) for row in findings), *explain_steps(steps))


def _was_killed(leg: str, state: State, places: Places) -> tuple[str, ...]:
    """A run that ended without telling changes what the next one does."""
    last = state.last_begun(leg)
    if last is None or last.ended is not None or is_held(places.leg_lock(leg)):
        return ()
    return ("its last run was killed: whatever follows, the next pass looks at everything",)


def _leg_plan(plan: Plan, leg: str) -> LegPlan:
    found = plan.leg(leg)
    if found is None:
        known = ", ".join(one.name for one in plan.legs)
        raise UnknownLeg(f"the applied plan has no leg {leg!r}; it has: {known}")
    return found


def _show(row: Finding) -> str:
    subject = f"{row.feed}: {row.looked_at}" if row.feed else row.looked_at
    return f"[{row.verdict.value}] {subject}: {row.found}"
