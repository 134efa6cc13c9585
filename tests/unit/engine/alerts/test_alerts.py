"""Which alerts a plan has, what they watch, and what they say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from engine.alerts.alerts import JOB, Alert, alerts_of, leg_ages, room_age, told_legs
from engine.alerts.metrics import METRICS
from engine.alerts.words import Fault, Shown, Text, camel_case
from engine.compile import compile_policy
from engine.plan.model import Plan
from engine.system.telling import tellers
from policy.model import Monitoring
from policy.parse import load
from policy.parts import AlertSeverity, KubernetesRunner
from policy.values import Percentage, parse_absolute_path
from tests.plans import disk, leg_plan, mirror, nas, plan, tree
from tests.strategies import REFERENCE

REFERENCE_PLAN = compile_policy(load(REFERENCE.read_bytes(), "backup-policy.yaml")[1])
PAGE = Path(__file__).parents[4] / "docs" / "reference" / "alerts.md"
GATEWAY = Monitoring(pushgateway="http://127.0.0.1:9091")


def names(some: Plan) -> list[str]:
    return [one.name for one in alerts_of(some)]


def alert(some: Plan, name: str) -> Alert:
    (found,) = (one for one in alerts_of(some) if one.name == name)
    return found


def read(text: Text) -> str:
    return "".join(f"<{one.name}>" if isinstance(one, Shown) else one for one in text)


def one_leg(**more) -> Plan:
    return plan(legs=(mirror(**more),))


def test_law_09_each_leg_has_stale_failing_and_never_ran() -> None:
    for leg in told_legs(REFERENCE_PLAN):
        found = [
            one.fault for one in alerts_of(REFERENCE_PLAN) if one.subject == (("leg", leg.name),)
        ]
        assert found == [Fault.STALE, Fault.NEVER_RAN, Fault.FAILING], leg.name


def test_law_09_no_alert_watches_a_series_that_nobody_tells() -> None:
    told = {one.name for one in METRICS}
    for one in alerts_of(REFERENCE_PLAN):
        watched = set(re.findall(r"policyctl_[a-z_]+", one.expression.replace('"policyctl"', "")))
        assert watched, one.name
        assert watched <= told, one.name


def test_law_35_items_of_a_leg_with_several_have_their_own() -> None:
    found = [
        (one.name, dict(one.subject)["item"])
        for one in alerts_of(REFERENCE_PLAN)
        if "item" in dict(one.subject)
    ]
    assert found == [
        (f"SynologyDirectItem{fault}", item)
        for item in ("nfs", "nfs-ssd")
        for fault in ("Stale", "Failing")
    ]


def test_a_destination_has_full_and_unknown_where_somebody_here_looks_at_it() -> None:
    some = plan(destinations=(disk(), nas(), disk("spare", "/mnt/spare")))
    found = [one.name for one in alerts_of(some) if one.fault in {Fault.FULL, Fault.UNKNOWN}]
    assert found == ["SdaFull", "SdaUnknown", "SynologyFull", "SynologyUnknown"]


def test_what_does_not_run_here_has_none() -> None:
    elsewhere = one_leg(runner=KubernetesRunner(namespace="x"))
    assert names(elsewhere) == ["PolicyctlPolicyDrift"]


def test_a_leg_without_schedule_can_only_fail() -> None:
    leg = replace(leg_plan(mirror(schedule=())), longest_gap=None, allowed_age=None)
    some = replace(plan(), legs=(leg,))
    found = [one.name for one in alerts_of(some) if one.subject == (("leg", "sda-mirror"),)]
    assert found == ["SdaMirrorFailing"]
    assert alert(some, "SdaUnknown").threshold is None
    assert leg_ages(some, leg) is None


def test_a_disk_that_is_away_at_times_is_judged_by_age_alone() -> None:
    some = plan(legs=(mirror(),), destinations=(disk(sometimes=True), nas()))
    found = [one.name for one in alerts_of(some) if one.subject == (("leg", "sda-mirror"),)]
    assert found == ["SdaMirrorStale", "SdaMirrorNeverRan"]


@pytest.mark.parametrize("takes", ["sda", "sda-mirror"])
def test_so_is_who_reads_such_a_disk(takes: str) -> None:
    second = mirror("second", "synology:/x", takes=takes)
    some = plan(legs=(mirror(), second), destinations=(disk(sometimes=True), nas()))
    assert "SecondStale" in names(some)
    assert "SecondFailing" not in names(some)
    some = plan(legs=(mirror(), second), destinations=(disk(), nas()))
    assert "SecondFailing" in names(some)


@pytest.mark.parametrize(
    ("name", "stem"), [("sda-mirror", "SdaMirror"), ("x", "X"), ("a-1b-c", "A1bC")]
)
def test_names_are_the_legs_in_camel_case(name: str, stem: str) -> None:
    assert camel_case(name) == stem


def test_a_leg_may_give_its_alerts_a_name() -> None:
    assert "DiskMirrorStale" in names(one_leg(alert="DiskMirror"))
    assert "SdaMirrorStale" not in names(one_leg(alert="DiskMirror"))


def test_the_severity_is_the_legs_and_a_disk_has_the_worst_of_its_legs() -> None:
    critical = AlertSeverity.CRITICAL
    legs = (
        mirror("a", "sda:/a", severity=critical),
        mirror("b", "sda:/b"),
        mirror("c", "synology:/"),
    )
    some = plan(legs=legs)
    assert alert(some, "AStale").severity is critical
    assert alert(some, "BStale").severity is AlertSeverity.WARNING
    assert alert(some, "SdaFull").severity is critical
    assert alert(some, "SynologyFull").severity is AlertSeverity.WARNING


def test_labels_say_whose_it_is() -> None:
    found = alert(one_leg(), "SdaMirrorStale")
    assert dict(found.labels) == {
        "job": "policyctl",
        "instance": "pve",
        "severity": "warning",
        "leg": "sda-mirror",
    }
    assert tellers.JOB == JOB


def test_a_gateway_tells_hosts_apart_and_a_textfile_cannot() -> None:
    shared = alert(plan(monitoring=GATEWAY), "SdaMirrorStale").expression
    assert '{leg="sda-mirror",instance="pve"}' in shared
    both = replace(GATEWAY, textfile=parse_absolute_path("/x"))
    assert alert(plan(monitoring=both), "SdaMirrorStale").expression == shared
    alone = Monitoring(textfile=parse_absolute_path("/x"))
    assert "instance" not in alert(plan(monitoring=alone), "SdaMirrorStale").expression


def test_law_08_the_threshold_is_the_allowed_age_and_slack() -> None:
    found = alert(one_leg(), "SdaMirrorStale")
    assert found.threshold == 97_200 + 1800
    assert "> 99000" in found.expression
    assert alert(one_leg(), "SdaMirrorNeverRan").hold == 99_000


def test_law_40_only_what_was_never_told_is_counted_by_a_long_hold() -> None:
    long = {one.fault for one in alerts_of(REFERENCE_PLAN) if one.hold > 3600}
    assert long == {Fault.NEVER_RAN, Fault.TRACKER_NEVER_RAN}


def test_law_30_absence_is_asked_of_what_was_never_told_alone() -> None:
    absent = {one.fault for one in alerts_of(REFERENCE_PLAN) if "absent(" in one.expression}
    assert absent == {Fault.NEVER_RAN, Fault.TRACKER_NEVER_RAN}


def test_law_06_failing_is_every_status_but_success() -> None:
    assert 'status!~"noted|ok"' in alert(one_leg(), "SdaMirrorFailing").expression


def test_a_figure_of_room_may_be_as_old_as_the_most_frequent_leg_allows() -> None:
    day = 86_400
    daily, weekly = mirror("a", "sda:/a"), mirror("b", "sda:/b")
    legs = (leg_plan(daily, allowed_age=day), leg_plan(weekly, allowed_age=8 * day))
    some = plan(legs=(daily,))
    sda = some.destinations[0]
    assert room_age(replace(some, legs=legs), sda) == 2 * day + 1800, "two days are never old"
    assert room_age(replace(some, legs=legs[1:]), sda) == 8 * day + 1800
    assert room_age(replace(some, legs=()), sda) is None


def test_the_room_is_judged_by_the_limit_of_the_manifest() -> None:
    some = plan(destinations=(disk(max_used=Percentage(85_125)), nas()))
    assert "> 0.85125" in alert(some, "SdaFull").expression
    assert read(alert(some, "SdaFull").summary) == "sda: <SHARE> used, of 85.125% at most"
    assert "Once /mnt/backup is full" in read(alert(some, "SdaFull").description)
    assert "backup@nas.example.net:/volume1" in read(alert(some, "SynologyFull").description)


def test_each_tracked_source_has_its_tracker_watched() -> None:
    found = [
        (one.name, dict(one.subject)["source"])
        for one in alerts_of(REFERENCE_PLAN)
        if "source" in dict(one.subject)
    ]
    assert found == [
        (f"PolicyctlTracker{fault}", source)
        for source in ("nfs", "nfs-ssd")
        for fault in ("Down", "NeverRan")
    ]
    assert "PolicyctlTrackerDown" not in names(plan(sources=(tree(),)))


def test_each_alert_says_what_it_means_and_what_to_type() -> None:
    for one in alerts_of(REFERENCE_PLAN):
        assert "`policyctl " in read(one.description) or "`systemctl " in read(one.description)
        subject = dict(one.subject).get("leg") or next(iter(dict(one.subject).values()), one.host)
        assert read(one.summary).startswith(subject), one.name


def test_the_page_lists_each_fault() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [one.value for one in Fault]


# ── Legs and checks of a cluster ─────────────────────────────────────────────────────────────


REACHED = replace(GATEWAY, cluster_pushgateway="http://pushgateway.monitoring:9091")


def told(monitoring: Monitoring) -> Plan:
    return replace(REFERENCE_PLAN, monitoring=monitoring)


def test_law_09_a_leg_of_a_cluster_has_alerts_where_its_job_can_tell() -> None:
    assert not any(one.startswith("PostgresqlFull") for one in names(told(GATEWAY)))
    found = [one for one in names(told(REACHED)) if one.startswith("PostgresqlFull")]
    assert found == [f"PostgresqlFull{end}" for end in ("Stale", "NeverRan", "Failing")]
    stale = alert(told(REACHED), "PostgresqlFullStale")
    assert 'instance="pve"' in stale.expression
    assert "kubectl --namespace dbaas create job --from=cronjob/policyctl-postgresql-full" in read(
        stale.description
    )


def test_a_check_of_a_cluster_has_them_too() -> None:
    name = "VaultwardenIntegrityCheckStale"
    assert name not in names(told(GATEWAY))
    said = read(alert(told(REACHED), name).description)
    assert "--from=cronjob/policyctl-check-vaultwarden-integrity" in said
    assert "systemctl" not in said


def test_of_a_leg_that_no_job_is_made_of_nobody_tells() -> None:
    leg = mirror(runner=KubernetesRunner(namespace="backups"))
    some = plan(legs=(leg,), monitoring=REACHED)
    assert not any(one.startswith("SdaMirror") for one in names(some))
