"""The alerts of drills: too long ago, failed, slower than stated. Pure.

Since when a drill is expected is a series as well, told by each run of a leg. So one that never ran
grows old in the expression itself, and needs no `for` of a month (law 40).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.alerts.drill_series import (
    DRILL_ESTIMATED,
    DRILL_EXPECTED,
    DRILL_LAST_SUCCESS,
    DRILL_STATUS,
    DRILL_STATUS_LABEL,
)
from engine.alerts.promql import Matchers, none_of, series, span
from engine.alerts.words import Fault, Words, camel_case, drill_words
from engine.drill.outcome import Status
from engine.plan.model import DrillPlan, Plan
from engine.promises.allowed_age import SLACK

_BEYOND = 3 * 3600
"""Seconds that an expression looks back beyond the age at which it fires."""
DRILL_FAULTS = (Fault.DRILL_STALE, Fault.DRILL_FAILING, Fault.DRILL_SLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAlert:
    """One alert of a drill, as far as drills decide it."""

    name: str
    fault: Fault
    expression: str
    threshold: int | None
    words: Words


def drill_stem(drill: str) -> str:
    """How the names of a drill's alerts begin: `nfs` and `nfs-drill` are both `NfsDrill`."""
    return camel_case(drill).removesuffix("Drill") + "Drill"


def drill_age(one: DrillPlan) -> int | None:
    """Seconds without a good drill from which on it is stale, with the slack."""
    return one.allowed_age + int(SLACK.total_seconds()) if one.allowed_age is not None else None


def alerts_of_drill(plan: Plan, one: DrillPlan, told: Matchers) -> Iterator[DrillAlert]:
    """All alerts of one drill."""
    matchers = (("drill", one.name), *told)
    age, within = drill_age(one), one.drill.within
    if age is not None:
        yield _alert(one, Fault.DRILL_STALE, drill_stale(matchers, age), age)
    away = [place.name for place in plan.destinations if place.sometimes]
    if not set(one.places) <= set(away):
        yield _alert(one, Fault.DRILL_FAILING, drill_failing(matchers, away), None)
    if within is not None:
        slow = f"max by (destination) ({series(DRILL_ESTIMATED, matchers)}) > {within.seconds}"
        yield _alert(one, Fault.DRILL_SLOW, slow, within.seconds)


def _alert(one: DrillPlan, fault: Fault, expression: str, threshold: int | None) -> DrillAlert:
    return DrillAlert(
        name=drill_stem(one.name) + fault.value.removeprefix("Drill"),
        fault=fault,
        expression=expression,
        threshold=threshold,
        words=drill_words(fault, one.name, one.drill.source, threshold),
    )


def drill_stale(drill: Matchers, age: int) -> str:
    """The last good drill from any destination is too long ago, or there never was one."""
    back = span(age + _BEYOND)
    success = f"max(last_over_time({series(DRILL_LAST_SUCCESS, drill)}[{back}]))"
    expected = f"max(last_over_time({series(DRILL_EXPECTED, drill)}[{back}]))"
    ahead = int(SLACK.total_seconds())
    parts = (
        f"time() - {success} > {age}",
        f"max({series(DRILL_LAST_SUCCESS, drill)}) - time() > {ahead}",
        f"(time() - {expected} > {age} unless {success})",
    )
    return "\nor\n".join(parts)


def drill_failing(drill: Matchers, away: list[str]) -> str:
    """The last drill from a destination did not end well; of a disk that is away that says nothing.

    Each destination by itself: a good drill from one hides no failed one from another (law 35).
    """
    conditions = [none_of(DRILL_STATUS_LABEL, [Status.OK.value])]
    conditions += [none_of("destination", away)] if away else []
    bad = series(DRILL_STATUS, drill, *conditions)
    return f"max by (destination, {DRILL_STATUS_LABEL}) ({bad}) == 1"
