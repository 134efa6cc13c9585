"""Telling how a run ended, on every way out: the figures of its leg and of the disks it looked at.

All that is told is read from the state, once that holds the run's end: a run that was killed, or
refused since another one goes on, never overwrites what is known with less. `last_success` moves
only where the state holds a success (law 6).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from engine.alerts.check_series import check_samples
from engine.alerts.drill_series import drill_samples
from engine.alerts.metrics import (
    destination_samples,
    leg_samples,
    policy_samples,
    tracker_samples,
)
from engine.alerts.samples import Sample
from engine.changes.renames import check_renames, drill_renames
from engine.checks.outcome import CheckFacts
from engine.cluster.jobs import tells_from_cluster
from engine.plan.model import CheckPlan, DrillPlan, LegPlan, Plan
from engine.records.reports import RunReport
from engine.standing.forecast import full_on
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.state.drills import Drills
from engine.system.state.looks import Looks
from engine.system.state.reading import read_journal
from engine.system.state.state import State
from engine.system.telling.drift import look_and_note
from engine.system.telling.facts import leg_facts, room_facts, tracker_facts
from engine.system.telling.forget import forget
from engine.system.telling.tellers import POLICY, Group, NotTold, Target, targets_of, teller_for
from policy.destinations import Destination

_PATIENCE = 30.0
"""Seconds to wait for another process that tells the same."""
_Samples = Callable[[], Iterable[Sample]]


def tell_run(
    plan: Plan,
    leg: LegPlan,
    state: State,
    places: Places,
    report: RunReport,
    now: datetime,
    *,
    push_staged: bool = False,
) -> str:
    """Tell all that is known once a run's end is recorded; why somebody could not be told, or "".

    The reason is noted beside the run. `now` is when it is told.
    """
    del now  # every time that is told is one of the state's
    why_not = tell_leg(plan, leg, state, places, push_staged=push_staged)
    try:
        state.note_told(report.run_id, why_not)
    except sqlite3.Error as error:
        return why_not or f"that it was told could not be noted: {error}"
    return why_not


def tell_leg(
    plan: Plan, leg: LegPlan, state: State, places: Places, *, push_staged: bool = False
) -> str:
    """Tell what the state holds of one leg; why somebody could not be told, or "".

    What left the plan while its gateway was down is asked to go once more; that says nothing of
    this run, and `status` tells it until it is gone.
    """
    holders = {one.writes.holder for one in leg.feeds if one.writes is not None}
    told: list[tuple[Group, _Samples]] = [
        (Group("leg", leg.name), partial(_leg, plan, leg, state, places)),
        *(
            (Group("destination", name), partial(_room, found, state))
            for name in sorted(holders)
            if (found := plan.destination(name)) is not None
        ),
        *(
            (Group("drill", one.name), partial(_drill, one, state))
            for one in plan.drills  # since when each is expected: it may never have run
        ),
        *(
            (Group("check", one.name), partial(_check, one, state))
            for one in plan.checks
            if one.here
        ),
        *(
            (Group("expected", one.name), partial(_expected, one, state))
            for one in plan.checks
            if not one.here and tells_from_cluster(plan, one)
        ),
        (Group("tracker"), partial(_tracker, plan, places)),
        (POLICY, partial(_policy, places)),  # last: an edited manifest has to be compiled
    ]
    telling = _Telling(places, targets_of(plan, places, push_staged=push_staged))
    for group, samples in told:
        telling.tell(group, samples)
    try:
        forget(plan, places, push_staged=push_staged, silent=telling.silent)
    except OSError as error:
        telling.reasons.append(f"what is no longer told could not be noted: {error}")
    return telling.why_not


def tell_drill(
    plan: Plan, drill: DrillPlan, state: State, places: Places, *, push_staged: bool = False
) -> str:
    """Tell what the state holds of one drill; why somebody could not be told, or ""."""
    telling = _Telling(places, targets_of(plan, places, push_staged=push_staged))
    telling.tell(Group("drill", drill.name), partial(_drill, drill, state))
    return telling.why_not


def tell_check(
    plan: Plan, check: CheckPlan, state: State, places: Places, *, push_staged: bool = False
) -> str:
    """Tell what the state holds of one check; why somebody could not be told, or ""."""
    telling = _Telling(places, targets_of(plan, places, push_staged=push_staged))
    telling.tell(Group("check", check.name), partial(_check, check, state))
    return telling.why_not


def tell_policy(plan: Plan, places: Places, *, push_staged: bool = False) -> str:
    """Tell whether what runs is what should; why somebody could not be told, or ""."""
    telling = _Telling(places, targets_of(plan, places, push_staged=push_staged))
    telling.tell(POLICY, partial(_policy, places))
    return telling.why_not


def tell_renamed(
    before: Plan | None,
    after: Plan,
    state: State,
    places: Places,
    *,
    push_staged: bool = False,
) -> tuple[str, ...]:
    """Tell the history of what was renamed under its new name; what could not be told."""
    if before is None:
        return ()
    told = [
        (leg.name, tell_leg(after, leg, state, places, push_staged=push_staged))
        for leg in after.legs
        if before.leg(leg.name) is None and before.leg(leg.leg.was) is not None
    ]
    drills, checks = drill_renames(before, after), check_renames(before, after)
    for drill in after.drills:
        if drill.name in drills.values():
            why = tell_drill(after, drill, state, places, push_staged=push_staged)
            told.append((drill.name, why))
    for check in after.checks:
        if check.here and check.name in checks.values():
            why = tell_check(after, check, state, places, push_staged=push_staged)
            told.append((check.name, why))
    return tuple(f"{name} could not be told under its new name: {why}" for name, why in told if why)


def _leg(plan: Plan, leg: LegPlan, state: State, places: Places) -> tuple[Sample, ...]:
    with read_journal(places.journal_file) as journal:
        return leg_samples(leg, leg_facts(plan, leg, state, journal, places))


def _drill(drill: DrillPlan, state: State) -> tuple[Sample, ...]:
    return drill_samples(drill, Drills(state.connection).facts(drill.name))


def _check(check: CheckPlan, state: State) -> tuple[Sample, ...]:
    return check_samples(check, Looks(state.connection).facts(check.name))


def _expected(check: CheckPlan, state: State) -> tuple[Sample, ...]:
    """Since when a job is to make a check: one that never ran tells nothing itself."""
    since = Looks(state.connection).facts(check.name).expected_since
    return check_samples(check, CheckFacts(expected_since=since, looks=()))


def _tracker(plan: Plan, places: Places) -> tuple[Sample, ...]:
    """How the tracker stood when a run told: it has no network, so runs tell of it (law 37)."""
    with read_journal(places.journal_file) as journal:
        facts = tracker_facts(plan, journal, places)
    return tracker_samples(facts.trees) if facts is not None else ()


def _policy(places: Places) -> tuple[Sample, ...]:
    drift = look_and_note(places)
    return policy_samples(drift) if drift is not None else ()


def _room(destination: Destination, state: State) -> tuple[Sample, ...]:
    room = room_facts(destination.name, state)
    if room is None:
        return ()
    most = destination.max_used.fraction
    return destination_samples(room, full_on(room.days, most, today=room.measured.date()))


@dataclass(slots=True)
class _Telling:
    """Telling several groups to everybody; who once gave no answer is not asked again."""

    places: Places
    targets: tuple[Target, ...]
    silent: set[Target] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)

    @property
    def why_not(self) -> str:
        """Why somebody could not be told, or ""."""
        return "; ".join(dict.fromkeys(self.reasons))

    def tell(self, group: Group, samples: _Samples) -> None:
        """Tell one group.

        Who tells reads what it tells under a lock, so that the last to tell has read the latest.
        """
        if not self.targets:
            return
        lock = self.places.lock_dir / f"telling.{group.part}.{group.name}.lock"
        try:
            with hold(lock, wait=_PATIENCE):
                self._put(group, tuple(samples()))
        except Locked as locked:
            self.reasons.append(f"somebody else did not end telling the same: {locked}")
        except (OSError, sqlite3.Error) as error:
            self.reasons.append(f"the figures of {group} could not be read: {error}")

    def _put(self, group: Group, samples: tuple[Sample, ...]) -> None:
        if not samples and group.part != "leg":
            return  # what cannot be seen just now is left as it was told
        for target in self.targets:
            if target in self.silent:
                continue
            try:
                teller = teller_for(target, self.places)
                # The pause of a leg that never ran, once it has ended, must not stay.
                teller.put(group, samples) if samples else teller.remove(group)
            except NotTold as error:
                self.silent.add(target)
                self.reasons.append(str(error))
