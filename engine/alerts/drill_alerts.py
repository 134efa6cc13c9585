"""The alerts of drills: too long ago, failed, slower than stated. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.drill_series import (
    DRILL_ESTIMATED,
    DRILL_EXPECTED,
    DRILL_LAST_SUCCESS,
    DRILL_STATUS,
    DRILL_STATUS_LABEL,
)
from engine.alerts.overdue import overdue
from engine.alerts.part_alerts import PartAlert
from engine.alerts.promql import Matchers, none_of, series
from engine.alerts.words import Fault, camel_case, drill_words
from engine.drill.outcome import Status
from engine.plan.model import DrillPlan, Plan
from engine.promises.allowed_age import SLACK

DRILL_FAULTS = (Fault.DRILL_STALE, Fault.DRILL_FAILING, Fault.DRILL_SLOW)


def drill_stem(drill: str) -> str:
    """How the names of a drill's alerts begin: `nfs` and `nfs-drill` are both `NfsDrill`."""
    return camel_case(drill).removesuffix("Drill") + "Drill"


def drill_age(one: DrillPlan) -> int | None:
    """Seconds without a good drill from which on it is stale, with the slack."""
    return one.allowed_age + int(SLACK.total_seconds()) if one.allowed_age is not None else None


def alerts_of_drill(plan: Plan, one: DrillPlan, told: Matchers) -> Iterator[PartAlert]:
    """All alerts of one drill."""
    matchers = (("drill", one.name), *told)
    age, within = drill_age(one), one.drill.within
    if age is not None:
        # The last good one from whatever destination.
        stale = overdue(DRILL_LAST_SUCCESS, DRILL_EXPECTED, matchers, age)
        yield _alert(one, Fault.DRILL_STALE, stale, age)
    away = [place.name for place in plan.destinations if place.sometimes]
    if not set(one.places) <= set(away):
        yield _alert(one, Fault.DRILL_FAILING, drill_failing(matchers, away), None)
    if within is not None:
        slow = f"max by (destination) ({series(DRILL_ESTIMATED, matchers)}) > {within.seconds}"
        yield _alert(one, Fault.DRILL_SLOW, slow, within.seconds)


def _alert(one: DrillPlan, fault: Fault, expression: str, threshold: int | None) -> PartAlert:
    return PartAlert(
        name=drill_stem(one.name) + fault.value.removeprefix("Drill"),
        fault=fault,
        expression=expression,
        threshold=threshold,
        words=drill_words(fault, one.name, one.drill.source, threshold),
    )


def drill_failing(drill: Matchers, away: list[str]) -> str:
    """The last drill from a destination did not end well; of a disk that is away that says nothing.

    Each destination by itself: a good drill from one hides no failed one from another (law 35).
    """
    conditions = [none_of(DRILL_STATUS_LABEL, [Status.OK.value])]
    conditions += [none_of("destination", away)] if away else []
    bad = series(DRILL_STATUS, drill, *conditions)
    return f"max by (destination, {DRILL_STATUS_LABEL}) ({bad}) == 1"
