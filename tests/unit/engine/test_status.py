"""Health of a leg, over its history and the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.plan import LegPlan
from engine.reports import RunStatus
from engine.status import SLACK, Health, Ran, leg_status
from policy.parts import KubernetesRunner
from tests.plans import mirror
from tests.strategies import compiled, manifest

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEGS = {"mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"}}
PLAN = compiled(manifest(legs=LEGS))[0].plan
LEG = PLAN.legs[0]
ALLOWED = timedelta(seconds=LEG.allowed_age or 0)


def ran(ago: timedelta, status: RunStatus | None = RunStatus.OK) -> Ran:
    return Ran(started=NOW - ago, ended=NOW - ago, status=status, reason="", bytes=0, files=0)


def health(
    last: Ran | None, success: Ran | None, leg: LegPlan = LEG, applied: timedelta = timedelta(0)
) -> Health:
    return leg_status(PLAN, leg, last, success, applied_at=NOW - applied, now=NOW).health


def test_law_06_only_a_success_makes_a_leg_fresh() -> None:
    good, bad = ran(timedelta(hours=10)), ran(timedelta(hours=1), RunStatus.FAILED)
    assert health(good, good) is Health.FRESH
    assert health(bad, good) is Health.FAILING
    assert health(bad, None) is Health.STALE


@pytest.mark.parametrize(
    ("beyond", "expected"), [(-1, Health.FRESH), (0, Health.FRESH), (1, Health.STALE)]
)
def test_law_08_the_allowed_age_follows_from_the_schedule(beyond: int, expected: Health) -> None:
    assert timedelta(hours=25) == ALLOWED
    success = ran(ALLOWED + SLACK + timedelta(seconds=beyond))
    assert health(success, success) is expected


def test_law_09_a_leg_that_never_ran_is_told() -> None:
    assert health(None, None) is Health.WAITING
    assert health(None, None, applied=ALLOWED + SLACK * 2) is Health.NEVER_RAN


def test_law_17_a_success_in_the_future_is_no_success() -> None:
    future = ran(timedelta(days=-900))
    assert health(future, future) is Health.AHEAD
    assert not Health.AHEAD.sound


def test_what_does_not_run_here_is_not_judged() -> None:
    cluster = replace(LEG, leg=mirror(runner=KubernetesRunner(namespace="x")))
    assert health(None, None, cluster) is Health.ELSEWHERE
    assert Health.ELSEWHERE.sound


def test_the_next_run_is_the_calendars() -> None:
    row = leg_status(PLAN, LEG, None, None, applied_at=NOW, now=NOW)
    assert row.due == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
