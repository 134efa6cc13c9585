"""A drill by its own service, in its sandbox: it restores, compares and leaves nothing behind."""

from __future__ import annotations

import pytest

from tests.lab.homelab import REFERENCE, Homelab

pytestmark = [pytest.mark.lab, pytest.mark.root]
SERVICE = "policyctl-drill-nfs.service"


def test_law_28_a_drill_runs_in_its_sandbox(homelab: Homelab) -> None:
    lab = homelab.machine
    lab.run("mkdir", "-p", "/var/scratch")
    homelab.apply(REFERENCE)
    for leg in ("sda-mirror", "synology-direct", "offsite"):
        lab.systemctl("start", f"policyctl-{leg}.service")
    lab.systemctl("start", SERVICE)
    told = lab.policyctl("status", "--json").json["drills"]
    (nfs,) = [one for one in told if one["drill"] == "nfs"]
    lasts = [place["last"] for place in nfs["from"] if place["last"] is not None]
    assert [one["status"] for one in lasts] == ["ok"], lab.journal(SERVICE)
    assert lasts[0]["files"] > 0
    assert lab.run("ls", "-A", "/var/scratch").out == ""
