"""What needs somebody, and what is worth knowing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.records.reports import RunStatus
from engine.report.concerns import Concern, to_act_on, to_know
from engine.report.facts import Facts
from engine.standing.status import Health, LegStatus
from engine.standing.surroundings import RoomHealth, TrackerHealth, TrackerStatus
from tests.report_facts import FULL_DISK, NOW, TOO_LONG, homelab_facts, local, ran, verified


def leg_of(facts: Facts, name: str) -> LegStatus:
    return next(one for one in facts.legs if one.leg == name)


def tracker(health: TrackerHealth) -> TrackerStatus:
    return TrackerStatus(health=health, since=NOW, watches=0, in_full=(), details=("nfs: gone",))


def test_a_failing_leg_says_why_and_what_to_type() -> None:
    found = {one.about: one for one in to_act_on(homelab_facts(drills=()))}
    one, other = found["pvc-files"], found["synology-direct"]
    assert (other.about, other.what, other.more) == ("synology-direct", "stale", TOO_LONG)
    assert one == Concern(
        about="pvc-files",
        what="failing",
        more=FULL_DISK,
        do="`policyctl run pvc-files` once that is mended",
    )


@pytest.mark.parametrize("health", [one for one in Health if not one.sound])
def test_each_state_that_needs_somebody_says_what_to_do(health: Health) -> None:
    facts = homelab_facts(drills=())
    legs = (replace(leg_of(facts, "sda-mirror"), health=health),)
    found = list(to_act_on(replace(facts, legs=legs)))
    assert [one.what for one in found] == [health.value]
    assert (
        f"policyctl {'seed' if health is Health.SEED_STOPPED else 'run'} sda-mirror" in found[0].do
    )


def test_copies_that_differ_are_told_though_runs_succeed() -> None:
    facts = homelab_facts(drills=())
    leg = leg_of(facts, "sda-mirror")
    item = replace(
        leg.items[0],
        differing=True,
        verified=verified("sda-mirror", feed_reads="nfs", at=local(0, 3), damaged=2),
    )
    (one,) = to_act_on(replace(facts, legs=(replace(leg, items=(item,)),)))
    assert one.what == "its copies of nfs differ"
    assert "2 damaged" in one.more
    assert one.do == "`policyctl verify sda-mirror` says in what"


def test_a_full_destination_a_dead_tracker_and_drift() -> None:
    facts = homelab_facts(drills=())
    over = replace(facts.destinations[0], health=RoomHealth.OVER, used=0.91)
    found = list(
        to_act_on(
            replace(
                facts,
                legs=(),
                destinations=(over,),
                tracker=tracker(TrackerHealth.DEAD),
                faults=("file /x was changed by hand since it was applied",),
            )
        )
    )
    assert [(one.about, one.what) for one in found] == [
        ("sda", "above its limit"),
        ("tracker", "DEAD"),
        ("policy", "file /x was changed by hand since it was applied"),
    ]
    assert found[0].more == "91% used of at most 85%"


def test_a_pause_is_worth_knowing_until_it_ends() -> None:
    found = {one.about: one for one in to_know(homelab_facts(drills=()))}
    assert found["host-config"].what == "paused"
    assert found["host-config"].until == NOW + timedelta(days=2)
    assert "`policyctl resume host-config` ends it" in found["host-config"].do


def test_a_disk_that_will_be_full_soon_is_worth_a_thought() -> None:
    facts = homelab_facts(drills=())
    soon, late = (
        replace(facts.destinations[0], full_on=NOW.date() + timedelta(days=days))
        for days in (80, 200)
    )
    assert "sda" in [one.about for one in to_know(replace(facts, destinations=(soon,)))]
    assert "sda" not in [one.about for one in to_know(replace(facts, destinations=(late,)))]


def test_a_seed_goes_on_and_a_tracker_that_never_ran() -> None:
    facts = homelab_facts(drills=())
    leg = replace(leg_of(facts, "sda-mirror"), health=Health.SEEDING, seeding_since=NOW)
    found = list(
        to_know(replace(facts, legs=(leg,), notes=(), tracker=tracker(TrackerHealth.NOT_STARTED)))
    )
    assert ("sda-mirror", "seeding") in [(one.about, one.what) for one in found]
    assert ("tracker", "not running") in [(one.about, one.what) for one in found]


def test_an_item_that_failed_in_a_run_that_went_on_is_told_by_itself() -> None:
    facts = homelab_facts(drills=())
    leg = leg_of(facts, "offsite")
    failed = ran(local(0, 6), status=RunStatus.FAILED, reason="its directory is gone")
    item = replace(leg.items[0], last=failed, stale=True)
    stale = replace(leg, health=Health.STALE, items=(item,))
    _, one = to_act_on(replace(facts, legs=(stale,)))
    assert (one.what, one.more) == ("sda: failed", "its directory is gone")
