"""The tracker as a service: ready once its watches stand, watched over, started again."""

from __future__ import annotations

import pytest

from tests.lab.homelab import REFERENCE, Homelab
from tests.lab.homelab import TRACKER as UNIT

pytestmark = [pytest.mark.lab, pytest.mark.root]


def test_it_says_when_it_is_ready(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    found = homelab.machine.show(UNIT, "Type", "ActiveState", "StatusText", "WatchdogUSec")
    assert (found["Type"], found["ActiveState"]) == ("notify", "active")
    assert found["StatusText"], found
    assert found["WatchdogUSec"] == "2min"


def test_it_keeps_its_watchdog_quiet(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.write(f"/etc/systemd/system/{UNIT}.d/soon.conf", "[Service]\nWatchdogSec=2\n")
    lab.systemctl("daemon-reload")
    lab.systemctl("restart", UNIT)
    first = lab.show(UNIT, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]
    lab.run("sleep", "5")
    found = lab.show(UNIT, "WatchdogTimestampMonotonic", "NRestarts", "ActiveState")
    assert (found["NRestarts"], found["ActiveState"]) == ("0", "active")
    assert int(found["WatchdogTimestampMonotonic"]) > int(first)


def test_it_is_stopped_by_its_watchdog_when_it_hangs(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.write(f"/etc/systemd/system/{UNIT}.d/soon.conf", "[Service]\nWatchdogSec=2\nRestartSec=0\n")
    lab.systemctl("daemon-reload")
    lab.systemctl("restart", UNIT)
    lab.systemctl("kill", "--signal=STOP", "--kill-whom=main", UNIT)
    lab.wait("it was started again", lambda: lab.show(UNIT, "NRestarts")["NRestarts"] == "1")
    lab.wait("it is ready", lambda: lab.show(UNIT, "ActiveState")["ActiveState"] == "active")


def test_killed_it_comes_again_and_follows_what_happens_then(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    first = lab.show(UNIT, "MainPID")["MainPID"]
    lab.systemctl("kill", "--signal=KILL", UNIT)
    lab.wait("it has another process", lambda: _runs_anew(homelab, first))
    tracker = lab.policyctl("status", "--json").json["tracker"]
    assert tracker["healthy"], tracker


def test_a_leg_starts_the_tracker_and_starts_after_it(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.systemctl("stop", UNIT)
    lab.systemctl("start", "policyctl-sda-mirror.service")
    name = "ActiveEnterTimestampMonotonic"
    tracker = lab.show(UNIT, name, "ActiveState")
    leg = lab.show("policyctl-sda-mirror.service", "ExecMainStartTimestampMonotonic", "Result")
    assert (tracker["ActiveState"], leg["Result"]) == ("active", "success")
    assert int(tracker[name]) <= int(leg["ExecMainStartTimestampMonotonic"])


def _runs_anew(homelab: Homelab, former: str) -> bool:
    found = homelab.machine.show(UNIT, "MainPID", "ActiveState")
    return found["ActiveState"] == "active" and found["MainPID"] not in {former, "0"}
