"""Services beside each other and beside the machine: order, target, mounts that come and go."""

from __future__ import annotations

import json

import pytest

from tests.lab.homelab import REFERENCE, Homelab, manifest, soon

pytestmark = [pytest.mark.lab, pytest.mark.root]
TARGET = "policyctl.target"
FIRST, SECOND = "policyctl-sda-mirror.service", "policyctl-offsite.service"
TRAVELLING = """\
version: 1
host: pve
timezone: UTC
destinations:
  usb: {path: /mnt/backup, mount: required, media: hdd, site: home, presence: sometimes}
sources:
  nfs: {kind: tree, path: /srv/nfs}
legs:
  sda-mirror: {kind: mirror, to: "usb:/", schedule: "02:00", timeout: 5m}
routes:
  /srv/nfs: sda-mirror
"""
STAYS = """\
import json, os, sys, time
time.sleep(float(sys.argv[1]))
print(json.dumps({path: sorted(os.listdir(path)) for path in sys.argv[2:] if os.path.isdir(path)}))
"""


def stay(homelab: Homelab, unit: str, seconds: float, *paths: str) -> None:
    """Have a service stay in its sandbox for a while, then list some directories."""
    lab = homelab.machine
    lab.write("/usr/local/lib/stay.py", STAYS)
    command = f"/usr/bin/python3 /usr/local/lib/stay.py {seconds} {' '.join(paths)}"
    lab.write(
        f"/etc/systemd/system/{unit}.d/stay.conf",
        f"[Service]\nExecStart=\nExecStart={command}\n",
    )
    lab.systemctl("daemon-reload")


def seen(homelab: Homelab, unit: str) -> dict[str, list[str]]:
    """What the service listed."""
    lab = homelab.machine
    lab.wait(
        f"{unit} has ended", lambda: lab.show(unit, "ActiveState")["ActiveState"] != "activating"
    )
    (line,) = [line for line in lab.journal(unit) if line.startswith("{")]
    return dict(json.loads(line))


def moments(homelab: Homelab, unit: str) -> tuple[int, int]:
    """When the last main process of a service began and ended."""
    names = ("ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic")
    found = homelab.machine.show(unit, *names)
    return int(found[names[0]]), int(found[names[1]])


def test_law_13_a_leg_queues_behind_what_it_comes_after(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    stay(homelab, FIRST, 3)
    stay(homelab, SECOND, 0)
    lab = homelab.machine
    lab.systemctl("start", "--no-block", FIRST)
    lab.wait("it runs", lambda: lab.show(FIRST, "SubState")["SubState"] == "start")
    lab.systemctl("start", SECOND)
    assert moments(homelab, SECOND)[0] >= moments(homelab, FIRST)[1] > 0


def test_timers_that_elapse_together_start_in_that_order(homelab: Homelab) -> None:
    when = soon()
    homelab.apply(manifest(sda_mirror=when, offsite=when))
    stay(homelab, FIRST, 2)
    stay(homelab, SECOND, 0)
    homelab.wait_for_run("offsite")
    assert moments(homelab, SECOND)[0] >= moments(homelab, FIRST)[1] > 0


def test_one_name_stops_and_starts_everything_but_a_run(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    stay(homelab, FIRST, 20)
    lab = homelab.machine
    lab.systemctl("start", "--no-block", FIRST)
    lab.wait("it runs", lambda: lab.show(FIRST, "SubState")["SubState"] == "start")
    held = [*homelab.timers(), "policyctl-tracker.service"]
    lab.systemctl("stop", TARGET)
    assert {lab.systemctl("is-active", unit, code=None) for unit in held} == {"inactive"}
    assert lab.show(FIRST, "SubState")["SubState"] == "start", "a run goes on"
    lab.systemctl("start", TARGET)
    lab.wait("the tracker is ready", lambda: active(homelab, "policyctl-tracker.service"))
    assert {lab.systemctl("is-active", unit) for unit in held} == {"active"}


def test_a_boot_starts_them(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    wanted = homelab.machine.show("multi-user.target", "Wants")["Wants"].split()
    assert TARGET in wanted
    held = homelab.machine.show(TARGET, "Wants")["Wants"].split()
    assert {*homelab.timers(), "policyctl-tracker.service"} <= {*held}


def test_law_11_what_is_mounted_below_a_source_during_a_run_is_seen(homelab: Homelab) -> None:
    """A sandbox that shows an empty directory there would have a mirror delete the copies."""
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.run("mkdir", "-p", "/srv/nfs/late")
    stay(homelab, FIRST, 3, "/srv/nfs/late", "/srv")
    lab.systemctl("start", "--no-block", FIRST)
    lab.wait("it runs", lambda: lab.show(FIRST, "SubState")["SubState"] == "start")
    lab.run("sleep", "1")
    lab.run("mount", "-t", "tmpfs", "none", "/srv/nfs/late")
    lab.run("touch", "/srv/nfs/late/file")
    assert seen(homelab, FIRST) == {"/srv/nfs/late": ["file"], "/srv": ["nfs"]}


def test_law_11_a_source_that_is_not_there_is_refused_and_told(homelab: Homelab) -> None:
    """The unit does not ask for it, so that the run begins and can say what it misses."""
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.systemctl("start", FIRST)
    lab.run("mv", "/srv/nfs", "/srv/elsewhere")
    lab.systemctl("start", FIRST, code=None)
    legs = lab.policyctl("status", "--json", code=5).json["legs"]
    (leg,) = [one for one in legs if one["leg"] == "sda-mirror"]
    assert leg["last_run"]["status"] == "refused", leg
    assert lab.run("ls", "/mnt/backup/nextcloud").out


def test_law_11_another_disk_is_refused_inside_as_outside(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    lab = homelab.machine
    lab.systemctl("start", FIRST)
    lab.run("umount", "/mnt/backup")
    lab.run("mount", "/dev/" + lab.disks[1].name, "/mnt/backup")
    lab.systemctl("start", FIRST, code=None)
    legs = lab.policyctl("status", "--json", code=5).json["legs"]
    (leg,) = [one for one in legs if one["leg"] == "sda-mirror"]
    assert leg["last_run"]["status"] == "refused", leg
    assert lab.run("ls", "/mnt/backup").out.split() == ["lost+found"]


def test_a_disk_that_may_go_is_not_held_by_a_sandbox(homelab: Homelab) -> None:
    """Whoever pulls it has to be told that it is in use (docs/explanation/sandbox.md)."""
    homelab.apply(TRAVELLING)
    lab = homelab.machine
    stay(homelab, FIRST, 4)
    conf = f"/etc/systemd/system/{FIRST}.d/there.conf"
    lab.write(conf, "[Service]\nWorkingDirectory=/mnt/backup\n")
    lab.systemctl("daemon-reload")
    lab.systemctl("start", "--no-block", FIRST)
    lab.wait("it runs", lambda: lab.show(FIRST, "SubState")["SubState"] == "start")
    lab.run("sleep", "1")
    assert "busy" in lab.run("umount", "/mnt/backup", code=32).err


def test_what_only_root_may_keep_is_kept(homelab: Homelab) -> None:
    """Without CAP_SYS_ADMIN `trusted.*` would be missing, and nobody would be told (xattr(7))."""
    everything = "preserve: [times, perms, owner, hardlinks, acls, xattrs, devices]"
    homelab.apply(TRAVELLING.replace("timeout: 5m", f"timeout: 5m, {everything}"))
    lab = homelab.machine
    lab.run("mknod", "/srv/nfs/null", "c", "1", "3")
    mark = "import os; os.setxattr('/srv/nfs/gitea/file-0.txt', 'trusted.mark', b'kept')"
    lab.run("python3", "-c", mark)
    lab.systemctl("start", FIRST)
    assert lab.run("stat", "--format=%F %t:%T", "/mnt/backup/null").out.strip() == (
        "character special file 1:3"
    )
    ask = "import os; print(os.getxattr('/mnt/backup/gitea/file-0.txt', 'trusted.mark').decode())"
    assert lab.run("python3", "-c", ask).out.strip() == "kept"


def active(homelab: Homelab, unit: str) -> bool:
    return homelab.machine.show(unit, "ActiveState")["ActiveState"] == "active"
