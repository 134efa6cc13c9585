"""What happens to the series of drills, and which alerts fire then: tests of the rules, as data.

A drill may be due once a year: each scenario begins shortly before what it is about.
"""

from __future__ import annotations

from engine.alerts.drill_alerts import drill_age
from engine.alerts.drill_series import (
    DRILL_ESTIMATED,
    DRILL_EXPECTED,
    DRILL_LAST_SUCCESS,
    DRILL_STATUS,
    DRILL_STATUS_LABEL,
)
from engine.alerts.promql import Matchers
from engine.alerts.words import Fault
from engine.drill.outcome import Status
from engine.plan.model import DrillPlan
from renderers.alert_world import Scenario, World


def drill_missed(world: World) -> Scenario:
    """No good drill any more."""
    made = Scenario("no drill ends well any more: DrillStale fires once its age says so")
    for one in world.plan.drills:
        age = drill_age(one)
        if age is not None:
            good = (0, _pace(world) - age)
            made.told.append(world.series(DRILL_LAST_SUCCESS, _from(one, one.places[-1]), good))
            made.checks.append(world.check(_subject(one), at=_pace(world)))
            fault = Fault.DRILL_STALE
            made.checks.append(world.check(_subject(one), fault, at=_pace(world), steps=1))
    return made


def drill_in_turn(world: World) -> Scenario:
    """One place's turn is long ago."""
    made = Scenario("a drill takes its places in turn: nothing fires though one's is long ago")
    for one in world.plan.drills:
        age = drill_age(one)
        if age is not None and len(one.places) > 1:
            first, last = one.places[0], one.places[-1]
            made.told.append(world.series(DRILL_LAST_SUCCESS, _from(one, first), (0, -2 * age)))
            made.told.append(world.series(DRILL_LAST_SUCCESS, _from(one, last), (0, -_pace(world))))
            made.checks.append(world.check(_subject(one), at=_pace(world)))
    return made


def drill_never_ran(world: World) -> Scenario:
    """Nobody has told of any drill."""
    made = Scenario("a drill is expected and never told of: DrillStale fires as well")
    for one in world.plan.drills:
        age = drill_age(one)
        if age is not None:
            since = (0, _pace(world) - age)
            made.told.append(world.series(DRILL_EXPECTED, _labels(one), since))
            made.checks.append(world.check(_subject(one), at=_pace(world)))
            fault = Fault.DRILL_STALE
            made.checks.append(world.check(_subject(one), fault, at=_pace(world), steps=1))
    return made


def drill_fails(world: World) -> Scenario:
    """A drill from one of its places fails."""
    made = Scenario("a drill fails: DrillFailing fires at once, and ends with the next good one")
    for one in world.plan.drills:
        place = _always_there(world, one)
        if place is None:
            continue
        for status in (Status.OK, Status.FAILED):
            labels = (*_from(one, place), (DRILL_STATUS_LABEL, status.value))
            good, bad = int(status is Status.OK), int(status is Status.FAILED)
            held = ((0, good), (_pace(world), bad), (2 * _pace(world), good))
            made.told.append(world.series(DRILL_STATUS, labels, *held))
        made.told.append(world.series(DRILL_LAST_SUCCESS, _from(one, place), (0, 0)))
        made.checks.append(world.check(_subject(one), at=_pace(world) - 1))
        fault = Fault.DRILL_FAILING
        made.checks.append(world.check(_subject(one), fault, at=_pace(world), steps=1))
        made.checks.append(world.check(_subject(one), at=2 * _pace(world), steps=1))
    return made


def drill_is_slow(world: World) -> Scenario:
    """A restore takes longer than stated."""
    made = Scenario("a restore of all takes longer than stated: DrillSlow fires")
    for one in world.plan.drills:
        within = one.drill.within
        if within is not None and one.places:
            held = ((0, within.seconds), (_pace(world), within.seconds + 1))
            made.told.append(world.series(DRILL_ESTIMATED, _from(one, one.places[-1]), *held))
            made.checks.append(world.check(_subject(one), at=_pace(world) - 1))
            fault = Fault.DRILL_SLOW
            made.checks.append(world.check(_subject(one), fault, at=_pace(world), steps=1))
    return made


def _pace(world: World) -> int:
    """Seconds between one event and another: just enough to see what is between them."""
    return 2 * world.step


OF_DRILLS = (drill_missed, drill_in_turn, drill_never_ran, drill_fails, drill_is_slow)


def _subject(one: DrillPlan) -> Matchers:
    return (("drill", one.name),)


def _labels(one: DrillPlan) -> Matchers:
    return (("drill", one.name), ("source", one.drill.source))


def _from(one: DrillPlan, place: str) -> Matchers:
    return (*_labels(one), ("destination", place))


def _always_there(world: World, one: DrillPlan) -> str | None:
    away = {place.name for place in world.plan.destinations if place.sometimes}
    return next((place for place in one.places if place not in away), None)
