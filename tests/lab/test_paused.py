"""A paused leg under a real systemd: its timer elapses and nothing starts, until it may again."""

from __future__ import annotations

import pytest

from tests.lab.homelab import REFERENCE, Homelab

pytestmark = [pytest.mark.lab, pytest.mark.root]
LEG = "sda-mirror"
SERVICE = f"policyctl-{LEG}.service"


def result(homelab: Homelab) -> str:
    return homelab.machine.show(SERVICE, "Result")["Result"]


def test_its_timer_elapses_and_starts_nothing(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.policyctl("pause", LEG, "--until", "3d", "--because", "the disk is away")
    homelab.apply_soon(LEG)
    homelab.wait_for_run(LEG, seconds=90)
    assert result(homelab) == "success"
    assert "is paused until" in "\n".join(lab.journal(SERVICE))
    assert lab.run("ls", "/mnt/backup").out.split() == ["lost+found"]
    assert lab.systemctl("list-units", "--failed", "--plain", "--no-legend") == ""
    status = lab.policyctl("status", "--json").json
    (leg,) = [one for one in status["legs"] if one["leg"] == LEG]
    assert (leg["paused_because"], leg["last_run"]) == ("the disk is away", None)
    lab.policyctl("resume", LEG)
    lab.systemctl("start", SERVICE)
    assert homelab.ended(LEG) == "success"
    assert homelab.differences("/srv/nfs/odd", "/mnt/backup/odd") == {}


def test_a_state_that_cannot_be_read_is_no_pause(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.write("/var/lib/policyctl/state.db", "no database")
    lab.systemctl("start", SERVICE, code=None)
    assert homelab.ended(LEG) == "exit-code"
