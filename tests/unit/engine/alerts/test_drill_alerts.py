"""The alerts of a drill."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from engine.alerts.alerts import Alert, alerts_of
from engine.alerts.changes import alert_changes
from engine.alerts.drill_alerts import drill_stem
from engine.alerts.drill_series import DRILL_METRICS
from engine.alerts.words import Fault
from engine.plan.model import DrillPlan
from policy.model import Monitoring
from policy.parts import AlertSeverity
from policy.values import parse_absolute_path
from tests.plans import disk, nas, plan
from tests.unit.engine.standing.test_drills import DRILL

TOLD = Monitoring(
    pushgateway="http://127.0.0.1:9091", rules=parse_absolute_path("/etc/prometheus/r.yml")
)


def alerts(one: DrillPlan = DRILL, **more: object) -> list[Alert]:
    some = plan(drills=(one,), **{"monitoring": TOLD, **more})
    return [each for each in alerts_of(some) if each.subject == (("drill", "nfs"),)]


def test_law_28_a_drill_that_is_too_long_ago_fails_or_is_slow_is_told() -> None:
    found = alerts()
    assert [each.name for each in found] == ["NfsDrillStale", "NfsDrillFailing", "NfsDrillSlow"]
    stale = found[0]
    assert stale.threshold == 8 * 86_400 + 1800
    assert stale.hold == 0, "law 40: the age stands in the expression"
    assert 'instance="pve"' in stale.expression


def test_what_is_not_stated_is_not_too_slow() -> None:
    free = replace(DRILL, drill=replace(DRILL.drill, within=None))
    assert [each.fault for each in alerts(free)] == [Fault.DRILL_STALE, Fault.DRILL_FAILING]


def test_a_disk_that_is_away_at_times_fails_nobody() -> None:
    away = (disk(sometimes=True), nas())
    (failing,) = [each for each in alerts(destinations=away) if each.fault is Fault.DRILL_FAILING]
    assert 'destination!~"sda"' in failing.expression
    only = replace(DRILL, places=("sda",))
    faults = [each.fault for each in alerts(only, destinations=away)]
    assert Fault.DRILL_FAILING not in faults


def test_law_09_no_alert_watches_a_series_that_nobody_tells() -> None:
    told = {one.name for one in DRILL_METRICS}
    for each in alerts():
        watched = set(re.findall(r"policyctl_[a-z_]+", each.expression))
        assert watched <= told
        assert watched


@pytest.mark.parametrize("name", ["nfs", "nfs-drill"])
def test_names_do_not_say_it_twice(name: str) -> None:
    assert drill_stem(name) == "NfsDrill"


def test_severity_is_the_drills() -> None:
    critical = replace(DRILL, drill=replace(DRILL.drill, severity=AlertSeverity.CRITICAL))
    assert {each.severity for each in alerts(critical)} == {AlertSeverity.CRITICAL}


def test_a_change_of_the_schedule_moves_the_alert() -> None:
    before = plan(drills=(DRILL,), monitoring=TOLD)
    after = plan(drills=(replace(DRILL, allowed_age=9 * 86_400),), monitoring=TOLD)
    (change,) = alert_changes(before, after)
    assert (change.name, change.words) == ("NfsDrillStale", ("fires after: 192h 30m → 216h 30m",))
