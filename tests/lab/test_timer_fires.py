"""A timer elapses, a leg runs as a service, and everything that should tell of it does."""

from __future__ import annotations

import pytest

from tests.integration.gateway import series
from tests.lab.homelab import GATEWAY, REFERENCE, Homelab

pytestmark = [pytest.mark.lab, pytest.mark.root]


def test_a_leg_runs_when_its_time_has_come(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply_soon("sda-mirror")
    assert homelab.ended("sda-mirror") == ""
    homelab.wait_for_run("sda-mirror")
    assert homelab.ended("sda-mirror") == "success", lab.journal("policyctl-sda-mirror.service")
    for tree in ("nextcloud", "odd"):
        assert homelab.differences(f"/srv/nfs/{tree}", f"/mnt/backup/{tree}") == {}
    assert lab.run("ls", "/mnt/backup").out.split() == [
        *("gitea", "lost+found", "nextcloud", "odd", "paperless")
    ]
    status = lab.policyctl("status", "--json").json
    (leg,) = [one for one in status["legs"] if one["leg"] == "sda-mirror"]
    assert (leg["health"], leg["healthy"], leg["last_run"]["status"]) == ("fresh", True, "ok")
    assert status["summary"].startswith("OK: "), status["summary"]
    told = series(lab.run("curl", "--silent", "--fail", GATEWAY).out)
    assert told['policyctl_leg_status{kind="mirror",leg="sda-mirror",status="ok"}'] == 1


def test_a_run_that_succeeds_leaves_the_journal_quiet(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    homelab.machine.systemctl("start", "policyctl-sda-mirror.service")
    assert homelab.machine.journal("policyctl-sda-mirror.service") == []
