"""What the administrator changes by hand at units: told where it is ours, respected where not."""

from __future__ import annotations

import pytest

from tests.lab.homelab import MANIFEST, REFERENCE, Homelab, manifest

pytestmark = [pytest.mark.lab, pytest.mark.root]
TIMER = "policyctl-sda-mirror.timer"
SERVICE = "policyctl-sda-mirror.service"


def test_an_edited_unit_is_drift_and_stays_until_it_is_named(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    path = f"/etc/systemd/system/{SERVICE}"
    edited = lab.read(path).replace("Nice=10", "Nice=19")
    lab.write(path, edited)
    shown = lab.policyctl("plan", code=None)
    assert path in shown.out + shown.err
    assert "Nice=19" in shown.out + shown.err
    refused = lab.policyctl("apply", code=None)
    assert refused.code != 0
    assert f"--overwrite {path}" in refused.out + refused.err
    assert lab.read(path) == edited
    lab.policyctl("apply", "--overwrite", path)
    assert lab.show(SERVICE, "Nice") == {"Nice": "10"}


def test_a_drop_in_is_no_drift_and_outlives_an_apply(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    drop_in = f"/etc/systemd/system/{SERVICE}.d/mine.conf"
    lab.write(drop_in, "[Service]\nNice=15\n")
    lab.systemctl("daemon-reload")
    lab.policyctl("plan", "--exit-code")
    homelab.apply(manifest(sda_mirror="04:44"))
    assert lab.read(drop_in) == "[Service]\nNice=15\n"
    assert lab.show(SERVICE, "Nice") == {"Nice": "15"}


def test_a_weekly_leg_made_daily_changes_its_timer_and_no_other_unit(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(manifest(sda_mirror="Sun 04:44"))
    before = _units(homelab)
    lab.write(MANIFEST, manifest(sda_mirror="04:44"))
    lab.policyctl("apply")
    after = _units(homelab)
    assert {name for name in before if before[name] != after[name]} == {TIMER}
    assert before.keys() == after.keys()


def _units(homelab: Homelab) -> dict[str, str]:
    """Each unit's file, by name, with the moment that it was written."""
    lab = homelab.machine
    command = ["find", "/etc/systemd/system", "-name", "policyctl*", "-type", "f"]
    lines = lab.run(*command, "-printf", "%f %T@\\n").out.splitlines()
    return dict(line.split(" ", 1) for line in lines)
