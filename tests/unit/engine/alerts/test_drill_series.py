"""The series of a drill."""

from __future__ import annotations

from dataclasses import replace

from engine.alerts.drill_series import DRILL_METRICS, drill_samples
from engine.drill.outcome import DrillFacts, Status
from tests.unit.engine.standing.test_drills import DRILL, NOW, one


def told(facts: DrillFacts) -> dict[tuple[str, ...], float]:
    return {
        (each.metric.name.removeprefix("policyctl_drill_"), *each.labels[2:]): each.value
        for each in drill_samples(DRILL, facts)
    }


def test_what_is_expected_and_never_ran() -> None:
    assert told(DrillFacts(expected_since=NOW)) == {
        ("expected_since_timestamp_seconds",): NOW.timestamp(),
        ("stated_seconds",): 3600,
    }


def test_each_place_by_itself() -> None:
    good, bad = one("sda", 2), one("synology", 1, status=Status.FAILED, fault_count=3, bytes=0)
    found = told(DrillFacts(drills=(bad, good)))
    assert found["status", "sda", "ok"] == 1
    assert found["status", "synology", "ok"] == 0
    assert found["status", "synology", "failed"] == 1
    assert found["faults", "synology"] == 3
    assert found["last_success_timestamp_seconds", "sda"] == good.began.timestamp()
    assert ("last_success_timestamp_seconds", "synology") not in found
    assert found["restore_seconds", "sda"] == 1
    assert found["estimated_seconds", "sda"] == 10
    assert ("estimated_seconds", "synology") not in found


def test_what_left_the_plan_is_not_told() -> None:
    assert all("gone" not in labels for labels in told(DrillFacts(drills=(one("gone"),))))


def test_each_is_told_somewhere_and_fits_its_labels() -> None:
    samples = drill_samples(DRILL, DrillFacts(expected_since=NOW, drills=(one(),)))
    assert {each.metric for each in samples} == set(DRILL_METRICS)
    assert all(len(each.labels) == len(each.metric.labels) for each in samples)
    nothing = replace(DRILL, drill=replace(DRILL.drill, within=None))
    assert drill_samples(nothing, DrillFacts()) == ()
