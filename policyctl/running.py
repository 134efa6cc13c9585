"""Running legs of the plan that is applied below a root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import Plan
from engine.records.reports import RunReport
from engine.runs.observation import Waiver
from engine.schedule.due import Due, all_legs, before, due_legs
from engine.schedule.pauses import Pause, pause_sentence
from engine.steps.modes import Forced
from engine.system.apply.applied import load_applied
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from engine.system.state.disk_identity import find_identity
from engine.system.state.state import open_state
from policy.legs import Leg
from policyctl.boundary import Refused
from policyctl.host import refuse_elsewhere
from policyctl.in_pod import job_in_pod
from policyctl.views.console import tell
from policyctl.views.progress import progress_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The applied plan, and how it is to be run."""

    plan: Plan
    places: Places
    applied_at: datetime
    waived: frozenset[Waiver]
    verbose: bool
    forced: Forced = Forced.NOTHING

    @classmethod
    def of_applied(
        cls,
        root: Path,
        *,
        job: Path | None = None,
        waived: Sequence[str] = (),
        verbose: bool = False,
        forced: Forced = Forced.NOTHING,
    ) -> Running:
        """Load what is applied. Raises `Refused` where nothing is, or for another host.

        `job`: the plan of a job in a cluster, which goes by that and is no host.
        """
        plan, places, applied_at = _applied(root) if job is None else job_in_pod(root, job)
        return cls(
            plan=plan,
            places=places,
            applied_at=applied_at,
            waived=frozenset(Waiver(one) for one in waived),
            verbose=verbose,
            forced=forced,
        )

    def named(self, legs: Sequence[str]) -> tuple[Due, ...]:
        """Legs that were asked for by name, each once, in that order: due now."""
        for leg in legs:
            self.know(leg)
            pause = self._pause(leg)
            if pause is not None:
                tell(f"{pause_sentence(pause, self.plan.timezone)}; it runs since you name it")
        now = datetime.now(UTC)
        return tuple(Due(leg=leg, since=now) for leg in dict.fromkeys(legs))

    def scheduled(self, legs: Sequence[str]) -> tuple[Due, ...]:
        """The same where their timers ask: what is paused does not start, and says so."""
        for leg in legs:
            self.know(leg)
        found = {leg: self._pause(leg) for leg in dict.fromkeys(legs)}
        for pause in found.values():
            if pause is not None:
                tell(f"{pause_sentence(pause, self.plan.timezone)}; it is not started")
        now = datetime.now(UTC)
        return tuple(Due(leg=leg, since=now) for leg, pause in found.items() if pause is None)

    def every(self) -> tuple[Due, ...]:
        """All legs that run here and are not paused, in the order of what depends on what."""
        found = all_legs(self.plan, now=datetime.now(UTC))
        return tuple(one for one in found if not self._passes_over(one.leg))

    def due(self) -> tuple[Due, ...]:
        """The legs that are due and not paused; a disk that is away sometimes is waited for.

        What comes after a paused leg does not wait for it.
        """
        found = tuple(one for one in self._due() if not self._passes_over(one.leg))
        if not found:
            self._say("nothing is due")
        away = {one.leg: self._away(one.leg) for one in found}
        for leg, destination in away.items():
            if destination:
                self._say(f"{leg}: {destination} is not there: it runs once it is")
        return tuple(one for one in found if not away[one.leg])

    def _due(self) -> tuple[Due, ...]:
        with open_state(self.places.state_file) as state:
            runs = {leg.name: state.last_begun(leg.name) for leg in self.plan.legs}
        # A run that waited for its turn began later than it was due, and has taken what was there.
        begun = {
            leg: max(run.due or run.started, run.started)
            for leg, run in runs.items()
            if run is not None
        }
        return due_legs(self.plan, begun, applied_at=self.applied_at, now=datetime.now(UTC))

    def _away(self, leg: str) -> str | None:
        """A destination of a leg that is away, and may be (`presence: sometimes`)."""
        leg_plan = self.plan.leg(leg)
        assert leg_plan is not None
        for feed in leg_plan.feeds:
            for name in (feed.reads, feed.writes.holder if feed.writes else None):
                destination = self.plan.destination(name)
                if destination is None or not destination.sometimes:
                    continue
                if self.places.reaches_over_ssh(destination):
                    continue  # whether it answers is seen by the run
                found = find_identity(destination, self.places)
                root = os.fsdecode(self.places.destination_root(destination))
                missing = not Path(root).is_dir()
                if missing or found != self._recorded(destination.name):
                    return destination.name
        return None

    def _recorded(self, destination: str) -> str | None:
        with open_state(self.places.state_file) as state:
            return state.destination_identity(destination)

    def leg_of(self, report: RunReport) -> Leg:
        """The leg whose run ended so."""
        found = self.plan.leg(report.leg)
        assert found is not None, "it was run"
        return found.leg

    def refuse_seeded(self, leg: str) -> None:
        """A leg is seeded once. Raises `Refused`."""
        with open_state(self.places.state_file) as state:
            success = state.last_success(leg)
        if success is not None:
            day = f"{success.started:%Y-%m-%d %H:%M} UTC"
            raise Refused(
                f"{leg} has its copies: it succeeded on {day}. To look at everything once more: "
                f"policyctl run {leg} --full"
            )

    def explain(self, leg: str) -> tuple[str, ...]:
        """Say what a run would look at and do."""
        self.know(leg)
        return explain_leg(
            self.plan, leg, places=self.places, waived=self.waived, forced=self.forced
        )

    def run(self, legs: Sequence[Due]) -> Iterator[RunReport]:
        """Run legs in the order given; one that fails holds up no other, a signal ends the row."""
        for one in legs:
            report = self._run(one)
            yield report
            if report.signal is not None:
                return

    def run_due(self, legs: Sequence[Due]) -> Iterator[RunReport]:
        """The same for a row that takes its time, while others begin legs as well.

        What somebody else has begun meanwhile is not run once more, and what comes after a leg that
        runs elsewhere just now waits for the next `--due`.
        """
        held: set[str] = set()
        for one in legs:
            now_due = next((due for due in self._due() if due.leg == one.leg), None)
            first = self._first(one.leg, held)
            if self._passes_over(one.leg):
                continue
            if now_due is None:
                self._say(f"{one.leg}: it is due no more: somebody else has run it")
            elif first:
                held.add(one.leg)
                self._say(f"{one.leg}: it comes after {first}, which has not ended")
            else:
                for report in self.run((now_due,)):
                    yield report
                    if report.signal is not None:
                        return

    def _passes_over(self, leg: str) -> bool:
        """Whether it is paused: then it does not start by schedule (and `--all` is no name)."""
        pause = self._pause(leg)
        if pause is not None:
            self._say(pause_sentence(pause, self.plan.timezone))
        return pause is not None

    def _pause(self, leg: str) -> Pause | None:
        with open_state(self.places.state_file) as state:
            return state.pauses.of(leg, datetime.now(UTC))

    def _first(self, leg: str, held: set[str]) -> str:
        """A leg that comes before this one and that somebody else runs, or ""."""
        earlier = sorted(before(self.plan, leg))
        running = (one for one in earlier if one in held or is_held(self.places.leg_lock(one)))
        return next(running, "")

    def _say(self, sentence: str) -> None:
        if self.verbose:
            tell(sentence)

    def know(self, leg: str) -> None:
        """Raises `Refused` for a leg that the applied plan does not have."""
        if self.plan.leg(leg) is None:
            known = ", ".join(one.name for one in self.plan.legs)
            raise Refused(f"the applied plan has no leg {leg!r}; it has: {known}")

    def _run(self, due: Due) -> RunReport:
        if not self.places.in_pod:
            return self._run_here(due)
        from engine.system.runs.in_cluster import run_in_cluster

        leg_plan = self.plan.leg(due.leg)
        assert leg_plan is not None
        return run_in_cluster(
            self.plan,
            leg_plan,
            self.places,
            lambda: self._run_here(due),
            clock=lambda: datetime.now(UTC),
        )

    def _run_here(self, due: Due) -> RunReport:
        with progress_of(verbose=self.verbose) as (sentence, sink):
            return run_leg(
                self.plan,
                due.leg,
                places=self.places,
                progress=sentence,
                sink=sink,
                waived=self.waived,
                forced=self.forced,
                due=due.since,
            )


def _applied(root: Path) -> tuple[Plan, Places, datetime]:
    applied = load_applied(root)
    if applied is None:
        raise Refused("nothing is applied yet: run `policyctl apply` first; no copy was made")
    plan, record = applied
    refuse_elsewhere(plan, root, "run")
    return plan, Places(root=root), datetime.fromisoformat(record.applied_at)
