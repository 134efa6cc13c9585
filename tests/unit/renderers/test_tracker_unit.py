import subprocess

import pytest

from engine.compile import compile_policy
from engine.plan.model import Plan
from policy.parse import load
from renderers import render
from tests.integration.lab import MANIFEST

TRACKED = MANIFEST.format(host="here", options=", full_every: 30d").replace(
    "path: /srv/data}", "path: /srv/data, track: true}"
)
UNIT = "policyctl-tracker.service"


def plan_of(text: str) -> Plan:
    _, policy = load(text.encode(), "backup-policy.yaml")
    return compile_policy(policy)


def units(plan: Plan) -> dict[str, str]:
    return {one.path.names[-1].decode(): one.content.decode() for one in render(plan)}


def test_a_tracked_source_has_its_tracker_and_the_leg_waits_for_it() -> None:
    found = units(plan_of(TRACKED))
    lines = found[UNIT].splitlines()
    assert "ExecStart=/usr/bin/policyctl track" in lines
    assert "Type=notify" in lines
    assert "WatchdogSec=120" in lines
    leg = found["policyctl-nightly.service"].splitlines()
    assert f"After={UNIT}" in leg
    assert f"Wants={UNIT}" in leg


@pytest.mark.parametrize(
    "text",
    [
        TRACKED.replace(", track: true", ""),
        TRACKED.replace(", full_every: 30d", ""),
    ],
)
def test_where_nothing_is_read_by_the_journal_there_is_no_tracker(text: str) -> None:
    found = units(plan_of(text))
    assert UNIT not in found
    assert "tracker" not in found["policyctl-nightly.service"]


def test_what_is_tracked_changes_nothing_in_it() -> None:
    """The tracker follows the applied plan by itself: its restart would be a gap."""
    other = TRACKED.replace("/srv/data", "/srv/other")
    assert units(plan_of(other))[UNIT] == units(plan_of(TRACKED))[UNIT]


@pytest.mark.tool("systemd-analyze")
def test_systemd_accepts_it(tmp_path) -> None:
    (tmp_path / UNIT).write_text(units(plan_of(TRACKED))[UNIT])
    told = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT], capture_output=True, text=True, check=False
    )
    complaints = [line for line in told.stderr.splitlines() if "is not executable" not in line]
    assert complaints == []
