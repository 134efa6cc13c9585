"""The alerts and series of a check."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from engine.alerts.alerts import Alert, alerts_of
from engine.alerts.check_alerts import check_stem
from engine.alerts.check_series import CHECK_METRICS, CHECK_STATUS, check_samples
from engine.checks.outcome import Checked, CheckFacts, Status, Verdict
from engine.plan.model import CheckPlan
from policy.model import Monitoring
from policy.parts import AlertSeverity, KubernetesRunner
from policy.values import parse_absolute_path
from tests.plans import plan
from tests.unit.engine.standing.test_checks import CHECK, NOW, look

TOLD = Monitoring(
    pushgateway="http://127.0.0.1:9091", rules=parse_absolute_path("/etc/prometheus/r.yml")
)


def alerts(one: CheckPlan = CHECK) -> list[Alert]:
    found = alerts_of(plan(checks=(one,), monitoring=TOLD))
    return [each for each in found if each.subject == (("check", "raid"),)]


def test_a_fault_and_silence_are_told() -> None:
    stale, failing = alerts()
    assert (stale.name, failing.name) == ("RaidCheckStale", "RaidCheckFailing")
    assert stale.threshold == 3900 + 1800
    assert stale.hold == failing.hold == 0, "law 40: the age stands in the expression"
    assert 'instance="pve"' in stale.expression
    assert "policyctl probe raid" in "".join(map(str, failing.description))


def test_the_manifest_says_how_severe() -> None:
    severe = replace(CHECK, check=replace(CHECK.check, severity=AlertSeverity.CRITICAL))
    assert {each.severity for each in alerts(severe)} == {AlertSeverity.CRITICAL}


def test_law_09_what_this_host_does_not_make_has_no_alert() -> None:
    elsewhere = replace(CHECK.check, runner=KubernetesRunner(namespace="apps"))
    assert alerts(replace(CHECK, check=elsewhere)) == []


def test_law_09_no_alert_watches_a_series_that_nobody_tells() -> None:
    told = {one.name for one in CHECK_METRICS}
    for each in alerts():
        assert set(re.findall(r"policyctl_[a-z_]+", each.expression)) <= told


def test_names_say_that_it_is_a_check_once() -> None:
    assert check_stem("raid") == check_stem("raid-check") == "RaidCheck"


def told(*looks: Checked) -> dict[str, float]:
    facts = CheckFacts(expected_since=NOW - timedelta(days=9), looks=looks)
    found = {}
    for one in check_samples(CHECK, facts):
        status = one.labels[-1] if one.metric is CHECK_STATUS else ""
        assert one.labels[:2] == ("raid", "command")
        found[one.metric.name.removeprefix("policyctl_check_") + status] = one.value
    return found


def test_what_is_not_known_is_not_told() -> None:
    assert list(told()) == ["expected_since_timestamp_seconds"]


def test_law_06_success_moves_with_a_good_look_alone() -> None:
    good, bad = look(2), look(1, Status.FAILED)
    found = told(bad, good)
    assert found["last_success_timestamp_seconds"] == (NOW - timedelta(hours=2)).timestamp()
    assert found["last_run_timestamp_seconds"] == (NOW - timedelta(hours=1)).timestamp()
    states = {one.value: found[f"status{one.value}"] for one in Status}
    assert states == {"ok": 0, "failed": 1, "refused": 0, "interrupted": 0}


def test_what_was_seen_is_told_as_figures() -> None:
    verdict = Verdict(status=Status.OK, looked=2, newest=NOW - timedelta(hours=3), bytes=77)
    found = told(replace(look(1), verdict=verdict, ended=NOW))
    assert found["newest_timestamp_seconds"] == (NOW - timedelta(hours=3)).timestamp()
    assert (found["newest_bytes"], found["looked"], found["duration_seconds"]) == (77, 2, 3600)
