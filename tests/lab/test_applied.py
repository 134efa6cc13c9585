"""The reference manifest applied where a real systemd runs: its units, and when they start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.schedule.calendars import next_run
from tests.lab.homelab import REFERENCE, ZONE, Homelab, compiled, manifest

pytestmark = [pytest.mark.lab, pytest.mark.root]

HERE = (
    *("firewall-config", "firewall-system", "host-config", "lvm-snapshots", "offsite"),
    *("pvc-files", "sda-mirror", "sqlite-copies", "synology-direct"),
)
"""The legs of the reference that this version runs on the host."""


def test_its_units_are_what_systemd_wants(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    units = lab.run("find", "/etc/systemd/system", "-name", "policyctl*", "-type", "f").out.split()
    assert len(units) >= 2 * len(HERE) + 1
    verified = lab.run("systemd-analyze", "verify", "--man=no", *units)
    assert (verified.out, verified.err) == ("", "")
    assert lab.systemctl("list-units", "--failed", "--plain", "--no-legend") == ""
    for timer in homelab.timers():
        assert lab.systemctl("is-enabled", timer) == "enabled"
        assert lab.systemctl("is-active", timer) == "active"


def test_its_timers_elapse_when_the_engine_says(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    plan = compiled(REFERENCE)
    before = datetime.now(UTC)
    listed = homelab.machine.run("systemctl", "list-timers", "policyctl-*", "--output=json").json
    after = datetime.now(UTC)
    ours = {one["unit"]: datetime.fromtimestamp(one["next"] / 1_000_000, UTC) for one in listed}
    drills = [f"policyctl-drill-{one.name}.timer" for one in plan.drills]
    checks = [f"policyctl-check-{one.name}.timer" for one in plan.checks if one.here]
    assert sorted(ours) == sorted([*drills, *checks, *(f"policyctl-{leg}.timer" for leg in HERE)])
    for leg in HERE:
        found = plan.leg(leg)
        assert found is not None
        expected = {next_run(found.leg.schedule, zone=ZONE, after=when) for when in (before, after)}
        assert ours[f"policyctl-{leg}.timer"] in expected
    for one in plan.drills:
        drill = one.drill
        expected = {next_run(drill.schedule, zone=ZONE, after=when) for when in (before, after)}
        assert ours[f"policyctl-drill-{one.name}.timer"] in expected


def test_each_timer_of_a_week_of_schedules_agrees(homelab: Homelab) -> None:
    """Schedules that the reference lacks: systemd reads them as the engine does."""
    schedules = ("Sun 05:00", "*-*-01 03:30", "Mon..Fri 12:00:30", "00/6:15", "Sun *-*-1..7 04:00")
    for schedule in schedules:
        text = manifest(sda_mirror=schedule)
        homelab.apply(text)
        properties = homelab.machine.show("policyctl-sda-mirror.timer", "NextElapseUSecRealtime")
        leg = compiled(text).leg("sda-mirror")
        assert leg is not None
        expected = next_run(leg.leg.schedule, zone=ZONE, after=datetime.now(UTC))
        assert expected is not None
        shown = datetime.strptime(
            properties["NextElapseUSecRealtime"], "%a %Y-%m-%d %H:%M:%S %Z"
        ).replace(tzinfo=UTC)
        assert abs(shown - expected) < timedelta(seconds=1), schedule
