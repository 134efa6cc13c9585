"""What happens to the series of checks, and which alerts fire then: tests of the rules, as data.

A check may be due once a month: each scenario begins shortly before what it is about.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.check_alerts import check_age
from engine.alerts.check_series import (
    CHECK_EXPECTED,
    CHECK_LAST_RUN,
    CHECK_STATUS,
    CHECK_STATUS_LABEL,
)
from engine.alerts.promql import Matchers
from engine.alerts.words import Fault
from engine.checks.outcome import Status
from engine.cluster.jobs import tells_from_cluster
from engine.plan.model import CheckPlan
from renderers.alert_world import Scenario, World


def check_missed(world: World) -> Scenario:
    """Nobody looks any more."""
    made = Scenario("nobody looks any more: CheckStale fires once its age says so")
    for one, age in _aged(world):
        made.told.append(world.series(CHECK_LAST_RUN, _labels(one), (0, _pace(world) - age)))
        made.checks.append(world.check(_subject(one), at=_pace(world)))
        made.checks.append(world.check(_subject(one), Fault.CHECK_STALE, at=_pace(world), steps=1))
    return made


def check_gone(world: World) -> Scenario:
    """The series have vanished, as from a gateway that came back empty."""
    made = Scenario("what a check told is gone: CheckStale fires when its age says so all the same")
    for one, age in _aged(world):
        last = ((0, _pace(world) - age), (world.step, None))
        made.told.append(world.series(CHECK_LAST_RUN, _labels(one), *last))
        made.checks.append(world.check(_subject(one), at=_pace(world)))
        made.checks.append(world.check(_subject(one), Fault.CHECK_STALE, at=_pace(world), steps=1))
    return made


def check_never_made(world: World) -> Scenario:
    """Nobody has told of any look."""
    made = Scenario("a check is expected and never told of: CheckStale fires as well")
    for one, age in _aged(world):
        made.told.append(world.series(CHECK_EXPECTED, _labels(one), (0, _pace(world) - age)))
        made.checks.append(world.check(_subject(one), at=_pace(world)))
        made.checks.append(world.check(_subject(one), Fault.CHECK_STALE, at=_pace(world), steps=1))
    return made


def check_ahead(world: World) -> Scenario:
    """The last look lies far in the future."""
    made = Scenario("a look lies in the future: CheckStale fires, or it would hide all that follow")
    for one, age in _aged(world):
        made.told.append(world.series(CHECK_LAST_RUN, _labels(one), (0, 100 * age)))
        made.checks.append(world.check(_subject(one), Fault.CHECK_STALE, at=_pace(world)))
    return made


def check_fails(world: World) -> Scenario:
    """A look finds something, however it says so; the next one finds all well."""
    made = Scenario("a look finds a fault: CheckFailing fires at once, and ends with a good one")
    for number, one in enumerate(_here(world)):
        bad = (Status.FAILED, Status.REFUSED)[number % 2]
        for status in (Status.OK, bad):
            labels = (*_labels(one), (CHECK_STATUS_LABEL, status.value))
            good, wrong = int(status is Status.OK), int(status is bad)
            held = ((0, good), (_pace(world), wrong), (2 * _pace(world), good))
            made.told.append(world.series(CHECK_STATUS, labels, *held))
        made.told.append(world.series(CHECK_LAST_RUN, _labels(one), (0, 0)))
        made.checks.append(world.check(_subject(one), at=_pace(world) - 1))
        fault = Fault.CHECK_FAILING
        made.checks.append(world.check(_subject(one), fault, at=_pace(world), steps=1))
        made.checks.append(world.check(_subject(one), at=2 * _pace(world), steps=1))
    return made


OF_CHECKS = (check_missed, check_gone, check_never_made, check_ahead, check_fails)


def _pace(world: World) -> int:
    """Seconds between one event and another: just enough to see what is between them."""
    return 2 * world.step


def _here(world: World) -> Iterator[CheckPlan]:
    plan = world.plan
    return (one for one in plan.checks if one.here or tells_from_cluster(plan, one))


def _aged(world: World) -> Iterator[tuple[CheckPlan, int]]:
    """Those that have an age, longer than what a scenario takes."""
    for one in _here(world):
        age = check_age(one)
        if age is not None:
            yield one, age


def _subject(one: CheckPlan) -> Matchers:
    return (("check", one.name),)


def _labels(one: CheckPlan) -> Matchers:
    return (("check", one.name), ("kind", one.kind))
