"""Health of a leg, over its history and the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.plan.model import LegPlan
from engine.promises.allowed_age import SLACK
from engine.records.reports import RunStatus
from engine.schedule.pauses import Pause
from engine.standing.facts import ItemFacts, LegFacts, Ran
from engine.standing.status import Health, LegStatus, leg_status
from policy.parts import KubernetesRunner
from tests.plans import mirror
from tests.strategies import compiled, manifest

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEGS = {"mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"}}
PLAN = compiled(manifest(legs=LEGS))[0].plan
LEG = PLAN.legs[0]
ALLOWED = timedelta(seconds=LEG.allowed_age or 0)


def ran(ago: timedelta, status: RunStatus | None = RunStatus.OK, **more) -> Ran:
    ended = NOW - ago if status is not None else None
    return replace(Ran(started=NOW - ago, ended=ended, status=status), **more)


def judged(
    facts: LegFacts, leg: LegPlan = LEG, applied: timedelta = timedelta(0), plan=PLAN
) -> LegStatus:
    return leg_status(plan, leg, facts, applied_at=NOW - applied, now=NOW)


def health(
    last: Ran | None, success: Ran | None, leg: LegPlan = LEG, applied: timedelta = timedelta(0)
) -> Health:
    ended = last if last is not None and last.ended else success
    return judged(LegFacts(last=last, ended=ended, success=success), leg, applied).health


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
    row = judged(LegFacts())
    assert row.due == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def test_a_first_run_that_goes_on_is_waited_for() -> None:
    running = ran(timedelta(hours=1), None)
    assert health(running, None) is Health.WAITING
    failed = ran(timedelta(hours=30), RunStatus.FAILED)
    assert judged(LegFacts(last=running, ended=failed)).health is Health.STALE


def test_a_seed_counts_for_nothing_until_it_succeeds() -> None:
    since = NOW - timedelta(days=3)
    going = LegFacts(last=ran(timedelta(hours=9), None, mode="seed"), seeding_since=since)
    row = judged(going, applied=timedelta(days=30))
    assert (row.health, row.sound, row.age, row.seeding_since) == (
        Health.SEEDING,
        True,
        None,
        since,
    )
    stopped = ran(timedelta(hours=9), RunStatus.INTERRUPTED, mode="seed")
    row = judged(LegFacts(last=stopped, ended=stopped, seeding_since=since))
    assert (row.health, row.sound) == (Health.SEED_STOPPED, False)


def test_law_06_what_could_not_be_told_is_a_fault_of_the_leg() -> None:
    good = ran(timedelta(hours=1))
    row = judged(LegFacts(last=good, ended=good, success=good, not_told="it is down"))
    assert (row.health, row.sound, row.not_told) == (Health.FRESH, False, "it is down")


def test_law_35_items_are_judged_one_by_one() -> None:
    good, bad = ran(timedelta(hours=1)), ran(timedelta(hours=1), RunStatus.FAILED)
    old = ran(ALLOWED + SLACK * 2)
    items = (
        ItemFacts(name="good", last=good, success=good),
        ItemFacts(name="failing", last=bad, success=ran(timedelta(hours=20))),
        ItemFacts(name="stale", last=bad, success=old),
        ItemFacts(name="left out for long", last=old, success=old),
        ItemFacts(name="never", last=bad),
        ItemFacts(name="new"),
    )
    row = judged(LegFacts(last=bad, ended=bad, success=good, items=items))
    assert [(one.name, one.failing, one.stale) for one in row.items] == [
        ("good", False, False),
        ("failing", True, False),
        ("stale", True, True),
        ("left out for long", False, True),
        ("never", True, True),
        ("new", False, False),
    ]
    assert [one.name for one in row.items if one.sound] == ["good", "new"]


@pytest.mark.parametrize("status", [RunStatus.OK, RunStatus.FAILED])
def test_a_paused_leg_is_sound_however_old_it_is_and_says_so(status: RunStatus) -> None:
    pause = Pause(leg=LEG.name, until=NOW + timedelta(days=3), since=NOW - timedelta(days=9))
    old, last = ran(ALLOWED + SLACK * 2), ran(timedelta(hours=1), status)
    facts = LegFacts(last=last, ended=last, success=old, not_told="it is down")
    assert not judged(facts).sound
    row = judged(replace(facts, pause=pause))
    assert (row.health, row.sound, row.too_old, row.pause) == (Health.PAUSED, True, True, pause)
    never = judged(LegFacts(pause=pause), applied=timedelta(days=300))
    assert (never.health, never.sound, never.too_old) == (Health.PAUSED, True, False)


def test_the_next_run_of_a_paused_leg_is_the_first_after_it() -> None:
    two_o_clock = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
    for until, due in (
        (two_o_clock, two_o_clock),
        (two_o_clock + timedelta(seconds=1), two_o_clock + timedelta(days=1)),
    ):
        pause = Pause(leg=LEG.name, until=until, since=NOW)
        assert judged(LegFacts(pause=pause)).due == due


def test_what_does_not_run_here_is_not_paused_here() -> None:
    cluster = replace(LEG, leg=mirror(runner=KubernetesRunner(namespace="x")))
    pause = Pause(leg=LEG.name, until=NOW + timedelta(days=3), since=NOW)
    assert judged(LegFacts(pause=pause), cluster).health is Health.ELSEWHERE


# ── A chain ──────────────────────────────────────────────────────────────────────────────────

TWO_HOPS = compiled(
    manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "nas": {"path": "/mnt/nas", "media": "nas", "site": "office"},
        },
        legs={
            **LEGS,
            "offsite": {
                "kind": "mirror",
                "from": "disk",
                "to": "nas:/",
                "schedule": "06:00",
                "timeout": "1h",
                "full_every": "30d",
            },
        },
    )
)[0].plan
OFFSITE = TWO_HOPS.leg("offsite")


def test_law_32_a_copy_of_a_copy_is_as_old_as_what_it_was_made_from() -> None:
    assert OFFSITE is not None
    as_of = NOW - timedelta(hours=40)
    good = ran(timedelta(hours=6), data_as_of=as_of)
    row = judged(LegFacts(last=good, ended=good, success=good), OFFSITE, plan=TWO_HOPS)
    assert row.age == timedelta(hours=40)
    assert row.allowed == ALLOWED * 2, "the gap of the leg before comes on top"
    assert row.health is Health.FRESH
    good = ran(timedelta(hours=6), data_as_of=NOW - ALLOWED * 2 - SLACK * 2)
    row = judged(LegFacts(last=good, ended=good, success=good), OFFSITE, plan=TWO_HOPS)
    assert row.health is Health.STALE, "it runs each night, over data that nobody renews"
    unknown = ran(timedelta(hours=6))
    facts = LegFacts(last=unknown, ended=unknown, success=unknown)
    row = judged(facts, OFFSITE, plan=TWO_HOPS)
    assert (row.age, row.health) == (None, Health.FRESH), "one of several has yet to run"
    row = judged(replace(facts, fed=False), OFFSITE, plan=TWO_HOPS)
    assert (row.age, row.health) == (None, Health.UNFED), "it has copied what nobody had written"
    assert not row.sound


def test_law_12_the_next_full_pass_is_due_since_the_last_one() -> None:
    assert OFFSITE is not None
    began = NOW - timedelta(days=10)
    items = (ItemFacts(name="disk", full_began=began, pending=3),)
    row = judged(LegFacts(items=items), OFFSITE, plan=TWO_HOPS)
    assert (row.full_due, row.pending) == (began + timedelta(days=30), 3)
    assert judged(LegFacts()).full_due is None, "each of its passes is a full one"
