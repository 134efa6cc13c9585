"""Running one leg of an applied plan, and saying what a run would do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from engine.legs import Run
from engine.modes import Forced
from engine.plan import LegPlan, Plan
from engine.preflight import Waiver, preflight, preflight_kind
from engine.progress import ProgressSink
from engine.readers import readers_of
from engine.reports import Finding, RunReport
from engine.steps import explain_steps
from engine.system.attempt import Attempt, Clock, Teller, new_run_id, ssh_of, steps_for
from engine.system.journal import open_journal
from engine.system.observe import NothingToRead, observe
from engine.system.places import Places
from engine.system.remote import closing_connection
from engine.system.run_directory import run_directory
from engine.system.signals import interruptible
from engine.system.state import State, open_state


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
    with (
        interruptible(),
        open_state(places.state_file) as state,
        open_journal(places.journal_file) as journal,
    ):
        journal.register(readers_of(plan))
        attempt = Attempt(
            plan,
            leg_plan,
            places,
            state,
            clock,
            journal,
            progress or _say_nothing,
            waived,
            forced,
            due,
            _teller(plan, leg_plan, state, places, clock),
            sink,
        )
        return attempt.run()


def _teller(
    plan: Plan, leg_plan: LegPlan, state: State, places: Places, clock: Clock
) -> Teller | None:
    """Who is told how the run ended; None where the plan names nobody."""
    if plan.monitoring.pushgateway is None and plan.monitoring.textfile is None:
        return None

    def tell(report: RunReport) -> str:
        from engine.system.tell import tell_run  # dear to import, and not needed before

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
                    waived=waived,
                    journal=journal,
                    forced=forced,
                )
            except NothingToRead as error:
                return (str(error),)
    findings = preflight(leg_plan, seen)
    steps = steps_for(leg_plan, seen, this_run, findings)
    return (*(_show(row) for row in findings), *explain_steps(steps))


def _leg_plan(plan: Plan, leg: str) -> LegPlan:
    found = plan.leg(leg)
    if found is None:
        known = ", ".join(one.name for one in plan.legs)
        raise UnknownLeg(f"the applied plan has no leg {leg!r}; it has: {known}")
    return found


def _say_nothing(sentence: str) -> None:
    del sentence


def _show(row: Finding) -> str:
    subject = f"{row.feed}: {row.looked_at}" if row.feed else row.looked_at
    return f"[{row.verdict.value}] {subject}: {row.found}"
