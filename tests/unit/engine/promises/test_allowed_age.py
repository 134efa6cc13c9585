"""One answer to how old copies may get, for status and alerts alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.alerts.alerts import leg_ages, told_legs
from engine.compile import compile_policy
from engine.plan.model import LegPlan, Plan
from engine.promises.allowed_age import data_allowed_age, inputs_of
from engine.records.reports import RunStatus
from engine.standing.facts import LegFacts, Ran
from engine.standing.status import Health, leg_status
from policy.parse import load
from tests.strategies import REFERENCE, compiled, manifest

NOW = datetime(2027, 5, 1, 12, 0, tzinfo=UTC)
PLAN = compile_policy(load(REFERENCE.read_bytes(), "backup-policy.yaml")[1])
HERE = {leg.name: leg for leg in told_legs(PLAN) if leg.leg.runner is None}
SECOND = timedelta(seconds=1)


def health(plan: Plan, leg: LegPlan, *, since: timedelta, data: timedelta) -> Health:
    started = NOW - since
    success = Ran(started=started, ended=started, status=RunStatus.OK, data_as_of=NOW - data)
    facts = LegFacts(last=success, ended=success, success=success)
    return leg_status(plan, leg, facts, applied_at=started, now=NOW).health


def test_the_legs_of_the_reference_that_run_here() -> None:
    assert sorted(HERE) == [
        *("firewall-config", "firewall-system", "host-config", "lvm-snapshots", "offsite"),
        *("pvc-files", "sda-mirror", "sqlite-copies", "synology-direct"),
    ]


@pytest.mark.parametrize("name", sorted(HERE))
def test_law_08_status_and_alerts_judge_by_the_same_ages(name: str) -> None:
    leg = HERE[name]
    ages = leg_ages(PLAN, leg)
    assert ages is not None
    assert ages.data is not None
    own, data = timedelta(seconds=ages.own), timedelta(seconds=ages.data)
    fresh = timedelta(0)
    assert health(PLAN, leg, since=own, data=fresh) is Health.FRESH
    assert health(PLAN, leg, since=own + SECOND, data=fresh) is Health.STALE
    assert health(PLAN, leg, since=fresh, data=data) is Health.FRESH
    assert health(PLAN, leg, since=fresh, data=data + SECOND) is Health.STALE


def test_the_gap_of_the_leg_before_comes_on_top() -> None:
    offsite, first = HERE["offsite"], HERE["sda-mirror"]
    assert {one.name for one in inputs_of(PLAN, offsite)} == {
        *("firewall-config", "firewall-system", "host-config", "pvc-files", "sda-mirror"),
        "sqlite-copies",
    }
    assert offsite.allowed_age is not None
    assert first.allowed_age is not None
    longest = max(data_allowed_age(PLAN, one) or 0 for one in inputs_of(PLAN, offsite))
    assert data_allowed_age(PLAN, offsite) == offsite.allowed_age + longest
    assert data_allowed_age(PLAN, first) == first.allowed_age


def test_what_is_read_of_snapshots_is_as_old_as_these_may_be() -> None:
    copies, snapshots = HERE["pvc-files"], HERE["lvm-snapshots"]
    assert inputs_of(PLAN, copies) == [snapshots]
    assert copies.allowed_age is not None
    assert snapshots.allowed_age is not None
    assert data_allowed_age(PLAN, copies) == copies.allowed_age + snapshots.allowed_age


def test_where_a_leg_before_runs_by_hand_its_data_promise_nothing() -> None:
    first = replace(HERE["sda-mirror"], allowed_age=None)
    legs = tuple(first if one.name == first.name else one for one in PLAN.legs)
    plan = replace(PLAN, legs=legs)
    assert data_allowed_age(plan, HERE["offsite"]) is None
    ages = leg_ages(plan, HERE["offsite"])
    assert ages is not None
    assert ages.data is None
    assert leg_ages(plan, first) is None


def test_a_leg_that_reads_its_own_copies_is_not_asked_for_ever() -> None:
    plan = compiled(
        manifest(legs={"mirror": {"kind": "mirror", "to": "disk:/", "schedule": "2:0"}})
    )
    assert data_allowed_age(plan[0].plan, plan[0].plan.legs[0]) == 25 * 3600
