"""The machine is off when a leg's time comes, or goes off while it runs."""

from __future__ import annotations

import time

import pytest

from tests.integration.gateway import series
from tests.lab.homelab import GATEWAY, TRACKER, Homelab
from tests.lab.test_killed import hang

pytestmark = [pytest.mark.lab, pytest.mark.root]
LEG = "sda-mirror"
OTHERS = ("host-config", "offsite", "synology-direct")


def test_what_was_missed_while_it_was_off_is_caught_up_once(homelab: Homelab) -> None:
    lab = homelab.machine
    due = homelab.apply_soon(LEG)
    lab.powercut()
    assert time.monotonic() < due, "the time came before the machine was off"
    time.sleep(due - time.monotonic() + 2)
    lab.boot()
    homelab.wait_for_run(LEG)
    assert homelab.ended(LEG) == "success", lab.journal(f"policyctl-{LEG}.service")
    assert homelab.differences("/srv/nfs/odd", "/mnt/backup/odd") == {}
    assert [homelab.ended(other) for other in OTHERS] == ["", "", ""]
    lab.systemctl("restart", f"policyctl-{LEG}.timer")
    lab.run("sleep", "2")
    runs = lab.run("journalctl", "--output=cat", f"--unit=policyctl-{LEG}.service").out
    assert runs.count("Finished ") == 1
    assert lab.show(TRACKER, "ActiveState") == {"ActiveState": "active"}
    assert lab.policyctl("status", "--json").json["healthy"]


def test_a_run_that_the_plug_ended_is_told_by_the_next(homelab: Homelab) -> None:
    hang(homelab)
    lab = homelab.machine
    lab.powercut()
    lab.boot()
    lab.run("rm", "/usr/local/bin/rsync")
    (leg,) = [
        one
        for one in lab.policyctl("status", "--json", code=None).json["legs"]
        if one["leg"] == LEG
    ]
    assert leg["last_success"] is None
    lab.systemctl("start", f"policyctl-{LEG}.service")
    assert homelab.differences("/srv/nfs/odd", "/mnt/backup/odd") == {}
    told = series(lab.run("curl", "--silent", "--fail", GATEWAY).out)
    assert told[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="ok"}}'] == 1
