"""The series of a leg: what is known is told, each with its own time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.alerts.check_series import check_samples
from engine.alerts.drill_series import drill_samples
from engine.alerts.metrics import (
    METRICS,
    destination_samples,
    leg_samples,
    policy_samples,
    status_label,
    tracker_samples,
)
from engine.alerts.samples import Sample
from engine.changes.drift import DriftedFile, ManifestState, PolicyDrift
from engine.checks.outcome import CheckFacts, Status, Verdict
from engine.drill.outcome import DrillFacts
from engine.records.reports import RunStatus
from engine.schedule.pauses import Pause
from engine.standing.facts import ItemFacts, LegFacts, Ran, RoomFacts, TreeFacts
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from policy.values import parse_absolute_path
from tests.plans import leg_plan, mirror
from tests.unit.engine.standing.test_checks import CHECK, look
from tests.unit.engine.standing.test_drills import DRILL, one

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "monitoring.md"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEG = leg_plan(mirror())
DRIFT = PolicyDrift(
    manifest=ManifestState.APPLIED,
    manifest_path="/etc/policyctl/backup-policy.yaml",
    manifest_digest="0123456789abcdef",
    plan_digest="fedcba9876543210",
    files=(),
)


def ran(status: RunStatus | None = RunStatus.OK, hours: int = 0, **more) -> Ran:
    started = NOW - timedelta(hours=hours)
    ended = started + timedelta(minutes=10) if status is not None else None
    return replace(Ran(started=started, ended=ended, status=status), **more)


def told(facts: LegFacts) -> dict[str, float]:
    return {name_of(one): one.value for one in leg_samples(LEG, facts)}


def name_of(one: Sample) -> str:
    labels = [*one.labels[2:]]
    assert one.labels[:2] in {("sda-mirror", "mirror")}
    return "/".join([one.metric.name.removeprefix("policyctl_"), *labels])


def test_nothing_is_told_of_a_leg_that_never_ran() -> None:
    assert leg_samples(LEG, LegFacts()) == ()
    running = ran(None)
    assert leg_samples(LEG, LegFacts(last=running)) == ()


def test_a_success_tells_its_end_and_the_age_of_its_data() -> None:
    good = ran(data_as_of=NOW - timedelta(days=1), bytes=5, files=3, deletions=2)
    found = told(LegFacts(last=good, ended=good, success=good))
    assert good.ended is not None
    assert found["leg_last_run_timestamp_seconds"] == good.ended.timestamp()
    assert found["leg_last_success_timestamp_seconds"] == good.ended.timestamp()
    state = (NOW - timedelta(days=1)).timestamp()
    assert found["leg_last_success_state_timestamp_seconds"] == state
    assert found["leg_duration_seconds"] == 600
    assert (found["leg_bytes"], found["leg_files"], found["leg_deletions"]) == (5, 3, 2)
    unknown = replace(good, data_as_of=None)
    assert "leg_last_success_state_timestamp_seconds" not in told(LegFacts(success=unknown))


def test_law_06_a_failure_never_moves_last_success() -> None:
    good = ran(hours=24)
    before = told(LegFacts(ended=good, success=good))
    for status in RunStatus:
        if status.succeeded:
            continue
        after = told(LegFacts(ended=ran(status), success=good))
        name = "leg_last_success_timestamp_seconds"
        assert after[name] == before[name]
        assert after["leg_last_run_timestamp_seconds"] > before["leg_last_run_timestamp_seconds"]


@pytest.mark.parametrize("status", RunStatus)
def test_the_status_is_one_of_a_set(status: RunStatus) -> None:
    found = told(LegFacts(ended=ran(status)))
    set_of = {name: value for name, value in found.items() if name.startswith("leg_status/")}
    assert len(set_of) == len(RunStatus)
    assert [name for name, value in set_of.items() if value] == [
        f"leg_status/{status_label(status)}"
    ]


def test_a_running_run_hides_nothing_of_the_one_before() -> None:
    good = ran(hours=24)
    found = told(LegFacts(last=ran(None), ended=good, success=good))
    assert found["leg_status/ok"] == 1


def test_law_35_each_item_is_told_by_itself() -> None:
    good = ItemFacts(name="nfs", last=ran(), success=ran(), pending=4, full_began=NOW)
    bad = ItemFacts(name="ssd", last=ran(RunStatus.FAILED), success=ran(hours=48), pending=1)
    found = told(LegFacts(ended=ran(RunStatus.FAILED), items=(good, bad)))
    assert found["item_status/nfs/ok"] == found["item_status/ssd/failed"] == 1
    times = "item_last_success_timestamp_seconds"
    assert found[f"{times}/nfs"] - found[f"{times}/ssd"] == 48 * 3600
    assert (found["leg_pending_changes"], found["item_pending_changes/nfs"]) == (5, 4)
    assert found["item_full_pass_timestamp_seconds/nfs"] == NOW.timestamp()
    assert "leg_full_pass_timestamp_seconds" not in found, "one item never had one"


def test_law_06_a_lock_refusal_has_a_series_of_its_own() -> None:
    refused = ran(RunStatus.LOCKED)
    assert refused.ended is not None
    found = told(LegFacts(ended=ran(hours=1), locked_out=refused))
    assert found["leg_last_refusal_timestamp_seconds"] == refused.ended.timestamp()
    assert found["leg_status/locked"] == 0


def test_law_25_room_has_an_age_of_its_own() -> None:
    room = RoomFacts(destination="sda", free=1, total=None, measured=NOW)
    found = {one.metric.name: (one.labels, one.value) for one in destination_samples(room)}
    assert found == {
        "policyctl_destination_free_bytes": (("sda",), 1),
        "policyctl_destination_measured_timestamp_seconds": (("sda",), NOW.timestamp()),
    }


def test_law_25_when_a_destination_will_be_full_is_told_while_it_is_foreseen() -> None:
    room = RoomFacts(destination="sda", free=1, total=2, measured=NOW)
    name = "policyctl_destination_full_expected_timestamp_seconds"
    found = {one.metric.name: one.value for one in destination_samples(room, date(2027, 3, 12))}
    assert found[name] == datetime(2027, 3, 12, tzinfo=UTC).timestamp()
    assert name not in {one.metric.name for one in destination_samples(room)}


def test_law_37_the_tracker_has_a_heartbeat_for_each_source() -> None:
    tree = TreeFacts(source="nfs", standing=False, detail="", since=NOW, heartbeat=NOW, watches=9)
    found = {one.metric.name: one.value for one in tracker_samples([tree])}
    assert found == {
        "policyctl_tracker_heartbeat_timestamp_seconds": NOW.timestamp(),
        "policyctl_tracker_watches": 9,
        "policyctl_tracker_standing": 0,
    }


def test_a_pause_is_told_with_its_end() -> None:
    pause = Pause(leg=LEG.name, until=NOW, since=NOW - timedelta(days=1))
    name = "leg_paused_until_timestamp_seconds"
    assert told(LegFacts(pause=pause)) == {name: NOW.timestamp()}
    assert name not in told(LegFacts(ended=ran()))


def test_law_10_what_runs_is_compared_with_what_should() -> None:
    assert policy(DRIFT) == {
        "drift/manifest": 0,
        "drift/files": 0,
        "info/0123456789ab/fedcba987654": 1,
    }
    assert policy(replace(DRIFT, manifest=ManifestState.EDITED))["drift/manifest"] == 1
    assert policy(replace(DRIFT, manifest=ManifestState.INVALID))["drift/manifest"] == 1
    gone = policy(replace(DRIFT, manifest=ManifestState.MISSING, manifest_digest=""))
    assert gone == {"drift/manifest": 1, "drift/files": 0, "info/missing/fedcba987654": 1}
    unknown = policy(replace(DRIFT, manifest=ManifestState.UNKNOWN, manifest_digest=""))
    assert unknown == {"drift/files": 0, "info/unknown/fedcba987654": 1}, "no guess"
    changed = DriftedFile(path=parse_absolute_path("/etc/file"), missing=False)
    assert policy(replace(DRIFT, files=(changed,)))["drift/files"] == 1
    assert policy(replace(DRIFT, interrupted=True))["drift/files"] == 1


def policy(drift: PolicyDrift) -> dict[str, float]:
    return {
        "/".join([one.metric.name.removeprefix("policyctl_policy_"), *one.labels]): one.value
        for one in policy_samples(drift)
    }


def test_what_a_comparison_has_found_is_told_by_kind() -> None:
    found = Verified(
        leg=LEG.name,
        reads="nfs",
        began=NOW,
        ended=NOW,
        seed=1,
        compared=1_000,
        counts=((Difference.DAMAGED, 2),),
        unreadable=1,
    )
    item = ItemFacts(name="nfs", verified=found)
    told = {
        "/".join([one.metric.name.removeprefix("policyctl_item_"), *one.labels[3:]]): one.value
        for one in leg_samples(LEG, LegFacts(items=(item,)))
    }
    assert told == {
        "verified_timestamp_seconds": NOW.timestamp(),
        "verified_files": 1_000,
        "differing_paths/missing": 0,
        "differing_paths/extra": 0,
        "differing_paths/damaged": 2,
        "differing_paths/different": 0,
        "differing_paths/attributes": 0,
        "differing_paths/unsound": 0,
        "differing_paths/corrupt": 0,
        "differing_paths/unreadable": 1,
    }


def test_each_sample_is_of_a_known_series_and_fits_its_labels() -> None:
    compared = Verified(leg="sda-mirror", reads="nfs", began=NOW, ended=NOW, seed=1)
    item = ItemFacts(
        name="nfs",
        last=ran(),
        success=ran(data_as_of=NOW),
        pending=0,
        full_began=NOW,
        verified=compared,
    )
    good = ran(data_as_of=NOW)
    facts = LegFacts(
        ended=good,
        success=good,
        locked_out=ran(RunStatus.LOCKED),
        items=(item, item),
        pause=Pause(leg=LEG.name, until=NOW, since=NOW),
    )
    room = RoomFacts(destination="sda", free=1, total=2, measured=NOW)
    tree = TreeFacts(source="nfs", standing=True, detail="", since=NOW, heartbeat=NOW, watches=9)
    rehearsed = DrillFacts(expected_since=NOW, drills=(one(),))
    verdict = Verdict(status=Status.OK, newest=NOW, bytes=1, oldest=NOW)
    looked = CheckFacts(expected_since=NOW, looks=(replace(look(), verdict=verdict),))
    samples = (
        *leg_samples(LEG, facts),
        *drill_samples(DRILL, rehearsed),
        *check_samples(CHECK, looked),
        *destination_samples(room, NOW.date()),
        *tracker_samples([tree]),
        *policy_samples(DRIFT),
    )
    assert {one.metric for one in samples} == set(METRICS), "each one is told somewhere"
    assert all(len(one.labels) == len(one.metric.labels) for one in samples)


def test_names_are_unique_and_say_what_they_are_of() -> None:
    names = [one.name for one in METRICS]
    assert len(set(names)) == len(names)
    assert all(
        re.fullmatch(r"policyctl_(leg|item|destination|tracker|drill|check|policy)_[a-z_]+", n)
        for n in names
    )


def test_the_page_lists_exactly_these() -> None:
    expected = [
        f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |"
        for one in METRICS
    ]
    listed = [line for line in PAGE.read_text().splitlines() if line.startswith("| `policyctl_")]
    assert listed == expected, "put these lines into docs/how-to/monitoring.md"
