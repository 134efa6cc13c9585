"""How a drill stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.drill.outcome import Drilled, DrillFacts, Status
from engine.plan.model import DrillPlan
from engine.standing.drills import DrillHealth, DrillStatus, drill_status
from policy.calendar import parse_calendar
from policy.drills import Drill
from policy.values import Duration, parse_absolute_path
from tests.plans import plan

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = 86_400
DRILL = DrillPlan(
    drill=Drill(
        name="nfs",
        source="nfs",
        schedule=(parse_calendar("Sat 04:00"),),
        scratch=parse_absolute_path("/scratch"),
        within=Duration(3600),
    ),
    places=("sda", "synology"),
    longest_gap=7 * DAY,
    allowed_age=8 * DAY,
)


def one(place: str = "sda", days: float = 1, **more: Any) -> Drilled:
    began = NOW - timedelta(days=days)
    found = Drilled(
        drill="nfs",
        source="nfs",
        place=place,
        began=began,
        ended=began,
        status=Status.OK,
        seed=1,
        files=1,
        bytes=100,
        seconds=1.0,
        whole=1_000,
    )
    return replace(found, **more)


def judged(*drills: Drilled, since: float = 30) -> DrillStatus:
    ordered = tuple(sorted(drills, key=lambda each: each.began, reverse=True))
    facts = DrillFacts(expected_since=NOW - timedelta(days=since), drills=ordered)
    return drill_status(plan(drills=(DRILL,)), DRILL, facts, now=NOW)


def test_a_good_one_is_enough_from_whatever_place() -> None:
    found = judged(one())
    assert (found.health, found.sound) == (DrillHealth.REHEARSED, True)
    assert found.age == timedelta(days=1)
    assert [place.place for place in found.places] == ["sda", "synology"]
    assert found.places[1].last is None
    assert found.due is not None
    assert found.due > NOW


@pytest.mark.parametrize(("days", "sound"), [(8, True), (8.1, False)])
def test_it_grows_old_by_its_schedule(days: float, sound: bool) -> None:
    assert judged(one(days=days)).sound is sound


@pytest.mark.parametrize(("since", "health"), [(1, DrillHealth.WAITING), (9, DrillHealth.STALE)])
def test_one_that_never_ran_waits_until_it_is_overdue(since: float, health: DrillHealth) -> None:
    assert judged(since=since).health is health


def test_a_good_one_elsewhere_hides_no_failed_one() -> None:
    found = judged(one("sda", 1), one("synology", 2, status=Status.FAILED, reason="1 fault"))
    assert found.health is DrillHealth.FAILING
    assert [place.failing for place in found.places] == [False, True]
    again = judged(one("synology", 1), one("synology", 2, status=Status.FAILED))
    assert again.health is DrillHealth.REHEARSED


def test_slower_than_stated() -> None:
    assert judged(one(seconds=361.0)).health is DrillHealth.SLOW
    assert judged(one(seconds=360.0)).health is DrillHealth.REHEARSED


def test_one_that_has_not_ended_is_told() -> None:
    running = one(days=0.5, status=None, ended=None)
    assert judged(one(), running).unfinished == running.began
    assert judged(one()).unfinished is None
