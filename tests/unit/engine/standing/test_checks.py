"""How a check stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.checks.outcome import Checked, CheckFacts, Status, Verdict
from engine.plan.model import CheckPlan
from engine.standing.checks import CheckHealth, CheckStatus, check_status
from policy.calendar import parse_calendar
from policy.checks import CommandCheck
from policy.parts import KubernetesRunner
from tests.plans import plan

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
CHECK = CheckPlan(
    check=CommandCheck(name="raid", schedule=(parse_calendar("hourly"),), run=("/bin/raid",)),
    longest_gap=3600,
    allowed_age=3900,
)


def look(hours: float = 0.5, status: Status | None = Status.OK, reason: str = "") -> Checked:
    began = NOW - timedelta(hours=hours)
    verdict = Verdict(status=status, reason=reason) if status is not None else None
    return Checked(check="raid", began=began, ended=began if verdict else None, verdict=verdict)


def judged(*looks: Checked, since: float = 30, one: CheckPlan = CHECK) -> CheckStatus:
    ordered = tuple(sorted(looks, key=lambda each: each.began, reverse=True))
    facts = CheckFacts(expected_since=NOW - timedelta(hours=since), looks=ordered)
    return check_status(plan(checks=(one,)), one, facts, now=NOW)


def test_a_good_look_is_enough() -> None:
    found = judged(look(reason="all well"))
    assert (found.health, found.sound, found.reason) == (CheckHealth.WELL, True, "all well")
    assert found.age == timedelta(minutes=30)
    assert found.due == datetime(2026, 11, 28, 13, tzinfo=UTC)


@pytest.mark.parametrize("status", [Status.FAILED, Status.REFUSED])
def test_the_last_one_decides(status: Status) -> None:
    found = judged(look(1), look(0.1, status, "degraded"))
    assert (found.health, found.sound, found.reason) == (CheckHealth.FAILING, False, "degraded")
    assert found.success == look(1)
    assert judged(look(1, status), look(0.1)).health is CheckHealth.WELL


@pytest.mark.parametrize(("hours", "sound"), [(1.5, True), (1.6, False)])
def test_it_grows_old_by_its_schedule(hours: float, sound: bool) -> None:
    assert judged(look(hours)).sound is sound


@pytest.mark.parametrize(("since", "health"), [(1, CheckHealth.WAITING), (2, CheckHealth.STALE)])
def test_one_that_never_looked_waits_until_it_is_overdue(since: float, health: CheckHealth) -> None:
    assert judged(since=since).health is health


def test_a_look_of_the_future_counts_as_none() -> None:
    assert judged(look(-2)).health is CheckHealth.STALE


def test_an_interrupted_look_changes_nothing() -> None:
    found = judged(look(1), look(0.1, Status.INTERRUPTED))
    assert found.health is CheckHealth.WELL


def test_one_that_has_not_ended_is_told() -> None:
    assert judged(look(), look(0.1, None)).unfinished == NOW - timedelta(hours=0.1)


def test_what_another_runner_makes_is_not_ours_to_judge() -> None:
    check = CommandCheck(
        name="raid",
        schedule=CHECK.check.schedule,
        run=("/bin/raid",),
        runner=KubernetesRunner(namespace="apps"),
    )
    found = judged(one=CheckPlan(check=check, longest_gap=3600, allowed_age=3900))
    assert (found.health, found.sound, found.due) == (CheckHealth.ELSEWHERE, True, None)
