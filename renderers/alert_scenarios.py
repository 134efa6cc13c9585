"""What happens to the series of a plan, and which alerts fire then: tests of the rules, as data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from engine.alerts.alerts import DRIFT_HOLD, TRACKER_HOLD, has_item_alerts, room_age, writers_to
from engine.alerts.expressions import SILENCE
from engine.alerts.metrics import (
    DESTINATION_FREE,
    DESTINATION_MEASURED,
    DESTINATION_SIZE,
    POLICY_DRIFT,
    TRACKER_HEARTBEAT,
    TRACKER_STANDING,
)
from engine.alerts.promql import Matchers
from engine.alerts.words import Fault
from engine.plan.model import LegPlan, Plan
from engine.runs.tracking import tracked_sources
from engine.schedule.calendars import REFERENCE_END, REFERENCE_START, occurrences
from renderers.alert_world import Check, Run, Scenario, World
from renderers.check_scenarios import OF_CHECKS
from renderers.drill_scenarios import OF_DRILLS

_ROOM = 1_000_000
"""Bytes of a destination."""


def scenarios_of(plan: Plan, step: int) -> tuple[Scenario, ...]:
    """Everything that the rules of a plan have to get right, looked at every `step` seconds."""
    made = (make(World(plan, step)) for make in (*_OF_LEGS, *_OF_OTHERS, *OF_DRILLS, *OF_CHECKS))
    return tuple(one for one in made if one.checks)


# ── Of legs ──────────────────────────────────────────────────────────────────────────────────


def _on_schedule(world: World) -> Scenario:
    made = Scenario("on schedule: nothing fires over the longest gap, though the next run is late")
    for leg in world.scheduled:
        leg = leg.beginning(leg.gap - world.pace)
        end = leg.gap + leg.late
        made.told.extend(leg.tells([leg.run(0), leg.run(end)]))
        made.checks.extend(leg.checks(at=end - 1))
        if world.step < leg.own:
            made.checks.extend(leg.checks(at=end, steps=1))
    return made


def _over_clock_changes(world: World) -> Scenario:
    made = Scenario("on schedule: nothing fires over the night on which clocks go back")
    for leg in world.scheduled:
        gap = _gap_over_clock_change(world.plan, leg.plan)
        if gap is not None:
            leg = leg.beginning(gap - world.pace)
            end = gap + leg.late
            made.told.extend(leg.tells([leg.run(0), leg.run(end)]))
            made.checks.extend(leg.checks(at=end - 1))
    return made


def _missed(world: World) -> Scenario:
    made = Scenario("after one run nothing runs any more: Stale fires once its age says so")
    for leg in world.scheduled:
        leg = leg.beginning(leg.own - world.pace)
        made.told.extend(leg.tells([leg.run(0)]))
        made.checks.extend(leg.checks(at=leg.own))
        made.checks.extend(leg.checks(Fault.STALE, at=leg.own, steps=1))
    return made


def _failing(world: World) -> Scenario:
    made = Scenario("each run fails: Failing fires at once, Stale once the last success is too old")
    for leg in world.legs:
        leg = leg.beginning(leg.gap - world.pace)
        times = range(leg.gap, max(leg.own, leg.gap) + 1, leg.gap)
        runs = [leg.run(0), *(leg.run(at, good=False) for at in times)]
        made.told.extend(leg.tells(runs))
        made.checks.extend(leg.checks(at=leg.gap - 1))
        made.checks.extend(leg.check_alone(Fault.FAILING, at=leg.gap, steps=1))
        if leg.ages is not None:
            both = (Fault.FAILING, Fault.STALE)
            made.checks.extend(leg.checks(*both, at=leg.own, steps=1))
    return made


def _old_data(world: World) -> Scenario:
    made = Scenario("the leg before stands still: Stale fires, though each run succeeds")
    for leg in world.scheduled:
        if leg.upstream:
            leg = leg.beginning(leg.own - world.pace)
            times = range(0, leg.own + 1, leg.gap)
            made.told.extend(leg.tells([Run(at=at, as_of=-leg.upstream) for at in times]))
            made.checks.extend(leg.checks(at=leg.own))
            made.checks.extend(leg.checks(Fault.STALE, at=leg.own, steps=1))
    return made


def _one_item_fails(world: World) -> Scenario:
    made = Scenario("one item fails each time: it hides no other, and no other hides it")
    for leg in world.legs:
        if not has_item_alerts(leg.plan):
            continue
        leg = leg.beginning(leg.gap - world.pace)
        times = range(0, max(leg.own, leg.gap) + world.pace, leg.gap)
        good = [leg.run(at) for at in times]
        bad = [leg.run(at, good=at == 0) for at in times]
        first, *others = leg.items
        made.told.extend(leg.leg_tells(bad))
        made.told.extend(leg.item_tells(first, bad))
        failing, old = {"at": leg.gap, "steps": 1}, {"at": leg.own, "steps": 1}
        both = (Fault.ITEM_FAILING, Fault.ITEM_STALE)
        made.checks.extend(leg.check_alone(Fault.ITEM_FAILING, item=first, **failing))
        made.checks.append(leg.item_check(first, *both, **(old if leg.own else failing)))
        for other in others:
            made.told.extend(leg.item_tells(other, good))
            made.checks.append(leg.item_check(other, **failing))
            made.checks.append(leg.item_check(other, **(old if leg.own else failing)))
    return made


def _gone(world: World) -> Scenario:
    made = Scenario("the series are gone, as when a gateway came back empty: Stale, then NeverRan")
    for leg in world.scheduled:
        made.told.extend(leg.tells([leg.run(0)], gone=world.pace))
        made.checks.extend(leg.checks(at=leg.own))
        made.checks.extend(leg.checks(Fault.STALE, at=leg.own, steps=1))
        made.checks.extend(leg.check_alone(Fault.NEVER_RAN, at=world.pace + leg.own, steps=3))
    return made


def _never_ran(world: World) -> Scenario:
    made = Scenario("nothing ever runs: NeverRan fires once the first run is overdue")
    for leg in world.scheduled:
        made.checks.extend(leg.checks(at=leg.own, steps=-1))
        made.checks.extend(leg.checks(Fault.NEVER_RAN, at=leg.own, steps=1))
    for tracked in tracked_sources(world.plan):
        subject = (("source", tracked.source),)
        readers = {one.leg for one in tracked.readers}
        longest = max((one.own for one in world.scheduled if one.plan.name in readers), default=0)
        if longest:
            fault = Fault.TRACKER_NEVER_RAN
            made.checks.append(world.check(subject, at=longest, steps=-1))
            made.checks.append(world.check(subject, fault, at=longest, steps=1))
    return made


def _paused(world: World) -> Scenario:
    made = Scenario("a paused leg is silent, whatever it is; once the pause has ended it is not")
    for leg in world.scheduled:
        leg = leg.beginning(leg.own - world.pace)
        until = leg.own + 2 * world.pace
        made.told.extend(leg.tells([leg.run(0), leg.run(leg.gap, good=False)]))
        made.told.append(leg.paused(until))
        both = (Fault.FAILING, Fault.STALE)
        made.checks.extend(leg.checks(at=leg.own, steps=1))
        made.checks.extend(leg.checks(*both, at=until, steps=1))
    return made


_OF_LEGS = (
    *(_on_schedule, _over_clock_changes, _missed, _failing, _old_data, _one_item_fails),
    *(_gone, _never_ran, _paused),
)


def _gap_over_clock_change(plan: Plan, leg: LegPlan) -> int | None:
    """The longest gap between two runs with a change of the clocks in it."""
    zone = ZoneInfo(plan.timezone)
    start, end = int(REFERENCE_START.timestamp()), int(REFERENCE_END.timestamp())
    due = occurrences(leg.leg.schedule, zone=zone, start=start, end=end)
    offsets = (datetime.fromtimestamp(one, zone).utcoffset() for one in due)
    both = zip(pairwise(due), pairwise(offsets), strict=True)
    return max((two - one for (one, two), (a, b) in both if a != b), default=None)


# ── Of what legs depend on ───────────────────────────────────────────────────────────────────


def _room_runs_out(world: World) -> Scenario:
    made = Scenario("a destination fills up: Full fires beyond what may be used")
    for subject, most, _ in _destinations(world):
        allowed, margin = round(_ROOM * (1 - most)), _ROOM // 100
        free = ((0, allowed + margin), (world.pace, allowed - margin))
        made.told.append(world.series(DESTINATION_FREE, subject, *free))
        made.told.append(world.series(DESTINATION_SIZE, subject, (0, _ROOM)))
        made.told.append(world.series(DESTINATION_MEASURED, subject, (0, 0)))
        made.checks.append(world.check(subject, at=world.pace - 1))
        made.checks.append(world.check(subject, Fault.FULL, at=world.pace, steps=1))
    return made


def _room_is_unknown(world: World) -> Scenario:
    made = Scenario("a destination says no more how much room it has: Unknown fires")
    for subject, _, _ in _destinations(world):
        for metric in (DESTINATION_FREE, DESTINATION_SIZE):
            made.told.append(world.series(metric, subject, (0, _ROOM), (world.pace, None)))
        seen = ((0, 0), (world.pace, world.pace))
        made.told.append(world.series(DESTINATION_MEASURED, subject, *seen))
        made.checks.append(world.check(subject, at=world.pace - 1))
        made.checks.append(world.check(subject, Fault.UNKNOWN, at=2 * world.pace))
    return made


def _room_was_never_known(world: World) -> Scenario:
    made = Scenario("a destination has never said how much room it has: nobody is woken")
    for subject, _, _ in _destinations(world):
        made.told.append(world.series(DESTINATION_MEASURED, subject, (0, 0)))
        made.checks.append(world.check(subject, at=world.pace))
    return made


def _room_is_nothing(world: World) -> Scenario:
    made = Scenario("a destination says that it has no room at all: that is no figure either")
    for subject, _, _ in _destinations(world):
        for metric in (DESTINATION_FREE, DESTINATION_SIZE, DESTINATION_MEASURED):
            made.told.append(world.series(metric, subject, (0, 0)))
        made.checks.append(world.check(subject, Fault.UNKNOWN, at=world.pace))
    return made


def _room_is_old(world: World) -> Scenario:
    made = Scenario("nobody looks at a destination any more: Unknown fires, also once all is gone")
    for subject, _, age in _destinations(world):
        if age is not None:
            for metric, value in (
                (DESTINATION_FREE, _ROOM),
                (DESTINATION_SIZE, _ROOM),
                (DESTINATION_MEASURED, 2 * world.pace - age),
            ):
                made.told.append(world.series(metric, subject, (0, value), (world.pace, None)))
            made.checks.append(world.check(subject, at=2 * world.pace))
            made.checks.append(world.check(subject, Fault.UNKNOWN, at=2 * world.pace, steps=1))
    return made


def _destinations(world: World) -> Iterator[tuple[Matchers, float, int | None]]:
    for one in world.plan.destinations:
        if writers_to(world.plan, one.name):
            yield (("destination", one.name),), one.max_used.fraction, room_age(world.plan, one)


def _tracker_stops(world: World) -> Scenario:
    made = Scenario("the tracker stops: TrackerDown fires once the next run has told")
    sources = tracked_sources(world.plan)
    readers = {one.leg for tracked in sources for one in tracked.readers}
    told = 2 * world.pace
    for leg in world.legs:
        if leg.plan.name in readers:
            made.told.extend(leg.tells([leg.run(world.pace), leg.run(told)]))
    for tracked in sources:
        subject = (("source", tracked.source),)
        beat = (world.pace, world.pace - SILENCE // 2)
        made.told.append(world.series(TRACKER_HEARTBEAT, subject, beat))
        made.told.append(world.series(TRACKER_STANDING, subject, (world.pace, 1)))
        made.checks.append(world.check(subject, at=told - 1))
        fired = told + TRACKER_HOLD
        made.checks.append(world.check(subject, Fault.TRACKER_DOWN, at=fired, steps=2))
    return made


def _policy_drifts(world: World) -> Scenario:
    made = Scenario("somebody edits a generated file: PolicyDrift fires, and ends with it")
    held = ((0, 0), (world.pace, 1), (2 * world.pace + DRIFT_HOLD, 0))
    made.told.append(world.series(POLICY_DRIFT, (("what", "files"),), *held))
    made.told.append(world.series(POLICY_DRIFT, (("what", "manifest"),), (0, 0)))
    (drift,) = world.firing((), Fault.DRIFT)
    for fires, at, steps in (
        (False, world.pace + DRIFT_HOLD, -1),
        (True, world.pace + DRIFT_HOLD, 2),
        (False, 2 * world.pace + DRIFT_HOLD, 2),
    ):
        of = (("alertname", drift[0]), *world.told)
        made.checks.append(Check(at=at, steps=steps, of=of, firing=(drift,) if fires else ()))
    return made


_OF_OTHERS = (
    _room_runs_out,
    _room_is_unknown,
    _room_was_never_known,
    _room_is_nothing,
    _room_is_old,
    _tracker_stops,
    _policy_drifts,
)
