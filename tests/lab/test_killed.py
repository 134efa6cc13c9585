"""A run that is killed tells nothing; systemd has it told."""

from __future__ import annotations

import pytest

from tests.integration.gateway import series
from tests.lab.homelab import GATEWAY, REFERENCE, Homelab

pytestmark = [pytest.mark.lab, pytest.mark.root]
LEG = "sda-mirror"
SERVICE = f"policyctl-{LEG}.service"
ENDLESS = '#!/bin/sh\ncase $* in *--version*) exec /usr/bin/rsync "$@" ;; esac\nexec sleep 600\n'
"""An rsync that never ends: a run hangs in it for as long as a test needs."""


def told(homelab: Homelab) -> dict[str, float]:
    return series(homelab.machine.run("curl", "--silent", "--fail", GATEWAY).out)


def hang(homelab: Homelab) -> None:
    """Apply, and start a run that does not end."""
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.write("/usr/local/bin/rsync", ENDLESS, mode="755")
    lab.systemctl("start", "--no-block", SERVICE)
    lab.wait("rsync hangs", lambda: lab.run("pgrep", "-x", "sleep", code=None).code == 0)


def test_a_killed_run_is_told_at_once(homelab: Homelab) -> None:
    hang(homelab)
    lab = homelab.machine
    lab.systemctl("kill", "--signal=KILL", SERVICE)
    lab.wait("it has ended", lambda: homelab.ended(LEG))
    assert homelab.ended(LEG) == "signal"
    status = lab.policyctl("status", "--json", code=5).json
    (leg,) = [one for one in status["legs"] if one["leg"] == LEG]
    assert (leg["healthy"], leg["not_told"]) == (False, None), leg
    assert "killed" in leg["last_run"]["reason"]
    found = told(homelab)
    assert found[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="ok"}}'] == 0
    assert found[f'policyctl_leg_last_run_timestamp_seconds{{kind="mirror",leg="{LEG}"}}'] > 0


def test_after_that_the_next_run_mends_it(homelab: Homelab) -> None:
    hang(homelab)
    lab = homelab.machine
    lab.systemctl("kill", "--signal=KILL", SERVICE)
    lab.wait("it has ended", lambda: homelab.ended(LEG))
    lab.run("rm", "/usr/local/bin/rsync")
    lab.systemctl("start", SERVICE)
    assert homelab.differences("/srv/nfs/odd", "/mnt/backup/odd") == {}
    assert lab.policyctl("status", "--json").json["healthy"]
    assert told(homelab)[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="ok"}}'] == 1


def test_what_systemd_could_not_start_is_told(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.write(f"/etc/systemd/system/{SERVICE}.d/bad.conf", "[Service]\nBindPaths=/not/there\n")
    lab.systemctl("daemon-reload")
    lab.systemctl("start", SERVICE, code=None)
    lab.wait("it is told", lambda: lab.policyctl("status", "--json", code=None).code == 5)
    status = lab.policyctl("status", "--json", code=5).json
    (leg,) = [one for one in status["legs"] if one["leg"] == LEG]
    assert not leg["healthy"]
    assert "systemd could not start it" in leg["last_run"]["reason"]
    assert told(homelab)[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="ok"}}'] == 0


def test_stopped_by_systemd_it_tells_for_itself(homelab: Homelab) -> None:
    hang(homelab)
    lab = homelab.machine
    lab.systemctl("stop", SERVICE)
    (leg,) = [
        one for one in lab.policyctl("status", "--json", code=5).json["legs"] if one["leg"] == LEG
    ]
    assert leg["last_run"]["status"] == "interrupted"
    found = told(homelab)
    assert found[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="interrupted"}}'] == 1


def test_what_a_failed_mount_kept_from_starting_is_told(homelab: Homelab) -> None:
    """The service is not started at all then, and no setting of its own is looked at."""
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.systemctl("start", SERVICE)
    lab.systemctl("stop", "mnt-backup.mount")
    bad = "[Mount]\nWhat=/dev/null\nWhere=/mnt/backup\nType=ext4\n"
    lab.write("/etc/systemd/system/mnt-backup.mount", bad)
    lab.systemctl("daemon-reload")
    lab.systemctl("start", SERVICE, code=None)
    lab.wait("it is told", lambda: lab.policyctl("status", "--json", code=None).code == 5)
    legs = lab.policyctl("status", "--json", code=5).json["legs"]
    (leg,) = [one for one in legs if one["leg"] == LEG]
    assert "systemd did not start it" in leg["last_run"]["reason"]
    assert told(homelab)[f'policyctl_leg_status{{kind="mirror",leg="{LEG}",status="ok"}}'] == 0
