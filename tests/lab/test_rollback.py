"""Volumes rolled back on a real thin pool, and the same cut off anywhere."""

from __future__ import annotations

import pytest

from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL
from tests.lab.volumes import (
    KEY,
    encrypt,
    format_and_mount,
    mount,
    report,
    snapshot,
    thin_volume,
    unlock,
)

pytestmark = [pytest.mark.lab, pytest.mark.root]
USERS = """\
#!/bin/sh
# A volume is used where it is mounted; said twice is said once.
case $1 in
stop) ! mountpoint -q "/live/$2" || umount "/live/$2";;
start) mountpoint -q "/live/$2" || mount "/dev/GROUP/$2" "/live/$2";;
esac
"""
POLICY = f"""\
version: 1
host: HERE
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  pvcs:
    kind: lvm-thin
    vg: {GROUP}
    pool: {POOL}
    volumes: "vm-*"
    rollback:
      stop: [{{run: [/root/users, stop, "{{volume}}"]}}]
      start: [{{run: [/root/users, start, "{{volume}}"]}}]
legs:
  snaps: {{kind: snapshot, schedule: "00:00", keep: {{last: 2}}, min_free: 5%, timeout: 15m}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "01:00",
           keep: {{last: 5}}, timeout: {{each: 10m, all: 1h}}}}
routes:
  "pvcs:": snaps
"""
KILL = """\
#!/bin/sh
# The command as it is; then its parent is killed, once so many commands have changed something.
me=${0##*/}
case " $* " in
*" --reportformat "*) exec "/usr/sbin/$me" "$@";;
esac
most=$(cat /root/most)
[ "$most" != 0 ] || { kill -9 $PPID; exit 1; }
"/usr/sbin/$me" "$@"
code=$?
echo $((most - 1)) > /root/most
[ "$most" != 1 ] || kill -9 $PPID
exit $code
"""
CUT_OFF = """\
#!/bin/sh
PATH=/root/killers:$PATH exec policyctl rollback pvcs:vm-1 --yes "$@"
"""
UNLOCKING = """\
#!/bin/sh
case $1 in
stop)
    umount "/live/$2"
    [ "$(cat /root/closes)" = no ] || cryptsetup close opened
    ;;
start)
    [ -e /dev/mapper/opened ] || cryptsetup open --key-file KEY "/dev/GROUP/$2" opened
    mount /dev/mapper/opened "/live/$2"
    ;;
esac
"""
CHANGING = ("lvchange", "lvcreate", "lvrename")


@pytest.fixture
def used(vm: Machine) -> Machine:
    """A volume in use with two snapshots, each of other content, and something newer in it."""
    vm.run("mkdir", "-p", "/mnt/disk")
    vm.run("mkfs.ext4", "-q", "-E", "nodiscard", vm.disks[0])
    vm.run("mount", vm.disks[0], "/mnt/disk")
    format_and_mount(vm, thin_volume(vm, "vm-1"), "/live/vm-1")
    vm.run("lvchange", "--addtag", "theirs", f"{GROUP}/vm-1")
    host = vm.run("hostname").out.strip()
    vm.write("/root/users", USERS.replace("GROUP", GROUP), mode="755")
    vm.write("/etc/policyctl/backup-policy.yaml", POLICY.replace("HERE", host), mode="600")
    vm.policyctl("apply")
    vm.systemctl("stop", "policyctl-snaps.timer", "policyctl-files.timer")
    for text in ("first", "second"):
        vm.write("/live/vm-1/file", text)
        vm.policyctl("run", "snaps")
    vm.write("/live/vm-1/file", "newest")
    return vm


def volumes(machine: Machine) -> list[str]:
    found = machine.run("lvs", "--reportformat", "json", "-o", "lv_name", GROUP).json
    return sorted(str(one["lv_name"]) for one in found["report"][0]["lv"])


def snapshots(machine: Machine) -> list[str]:
    return [name for name in volumes(machine) if name.startswith("vm-1.policyctl.")]


def aside(machine: Machine, line: str) -> list[str]:
    return [name for name in volumes(machine) if name.startswith(f"vm-1.policyctl-{line}.")]


def listed(machine: Machine) -> list[str]:
    """What `show generations` says of snapshots."""
    document = machine.policyctl("show", "generations", "snaps", "--json").json
    (folder,) = document["folders"]
    return [one["name"] for one in folder["generations"]]


def roll(machine: Machine, *words: str, code: int | None = 0) -> str:
    done = machine.policyctl("rollback", "pvcs:vm-1", "--yes", *words, code=code)
    return done.out + done.err


def content(machine: Machine) -> str:
    return machine.read("/live/vm-1/file")


def test_back_again_and_back(used: Machine) -> None:
    before, kept = report(used, "vm-1", "lv_uuid", "lv_tags"), snapshots(used)
    older = kept[0].removeprefix("vm-1.policyctl.")
    # Only shown where nobody can be asked.
    shown = used.policyctl("rollback", "pvcs:vm-1")
    assert "6. " in shown.out
    assert "nothing was done" in shown.err
    assert (aside(used, "before"), content(used)) == ([], "newest")
    # Back to the newest snapshot, and what was written since is set aside.
    roll(used)
    assert content(used) == "second"
    now = report(used, "vm-1", "lv_uuid", "lv_tags", "lv_attr")
    assert now["lv_uuid"] != before["lv_uuid"]
    assert "theirs" in now["lv_tags"].split(",")
    assert now["lv_attr"][4:6] == "ao"
    assert now["lv_attr"][9] == "-"
    (old,) = aside(used, "before")
    kept_aside = report(used, old, "lv_uuid", "lv_attr")
    assert kept_aside["lv_uuid"] == before["lv_uuid"]
    # Neither active now nor at boot: it has the UUID of the file system in use.
    assert (kept_aside["lv_attr"][4], kept_aside["lv_attr"][9]) == ("-", "k")
    assert snapshots(used) == kept
    assert listed(used) == [name.removeprefix("vm-1.policyctl.") for name in reversed(kept)]
    # Legs go on: the new volume is snapshotted and read, and no older snapshot goes.
    used.write("/live/vm-1/file", "since")
    for _ in range(3):
        used.policyctl("run", "snaps")
    used.policyctl("run", "files")
    assert set(kept) < set(snapshots(used))
    assert len(snapshots(used)) == 4
    (name,) = used.run("ls", "/mnt/disk/files/vm-1").out.split()
    assert used.read(f"/mnt/disk/files/vm-1/{name}/file") == "since"
    # A second attempt, with an older one, by the beginning of its name.
    roll(used, "--to", older)
    assert content(used) == "first"
    assert len(aside(used, "before")) == 2
    # And back twice, step by step: what was written in between is not lost either.
    roll(used, "--undo")
    assert content(used) == "since"
    roll(used, "--undo")
    assert content(used) == "newest"
    assert report(used, "vm-1", "lv_uuid")["lv_uuid"] == before["lv_uuid"]
    assert "no rollback of vm-1 is there that could be undone" in roll(used, "--undo", code=5)
    assert (aside(used, "before"), len(aside(used, "after"))) == ([], 2)
    used.policyctl("run", "snaps")
    used.policyctl("run", "files")
    newest = used.run("ls", "/mnt/disk/files/vm-1").out.split()[-1]
    assert used.read(f"/mnt/disk/files/vm-1/{newest}/file") == "newest"
    # Once what was set aside is removed by hand, its snapshots are pruned as all others.
    for one in aside(used, "after"):
        used.run("lvremove", "--yes", f"{GROUP}/{one}")
    used.policyctl("run", "snaps")
    used.policyctl("run", "snaps")
    assert len(snapshots(used)) == 2


def test_what_is_in_use_stays(used: Machine) -> None:
    before = volumes(used)
    used.write("/root/users", "#!/bin/sh\necho $1 >> /root/asked\n", mode="755")
    said = roll(used, code=5)
    assert "still open: it is mounted on /live/vm-1" in said
    assert "the volume is what it was and what was stopped runs again" in said
    assert used.read("/root/asked").split() == ["stop", "start"]
    assert (volumes(used), content(used)) == (before, "newest")
    used.policyctl("status", "--json", code=None)
    policy = used.read("/etc/policyctl/backup-policy.yaml")
    without = policy[: policy.index("    rollback:")] + policy[policy.index("legs:") :]
    used.write("/etc/policyctl/backup-policy.yaml", without, mode="600")
    used.policyctl("apply")
    used.systemctl("stop", "policyctl-snaps.timer", "policyctl-files.timer")
    assert "is in use: it is mounted on /live/vm-1" in roll(used, code=5)
    assert (volumes(used), content(used)) == (before, "newest")
    # Nobody uses it: it needs no command. Who reads the snapshot has a clone, and goes on reading.
    used.run("umount", "/live/vm-1")
    clone = snapshot(used, "reader", snapshots(used)[-1], "-kn")
    mount(used, clone, "/mnt/reader", "ro")
    roll(used)
    assert used.read("/mnt/reader/file") == "second"
    used.run("umount", "/mnt/reader")
    used.run("lvremove", "--yes", f"{GROUP}/reader")
    used.run("mount", f"/dev/{GROUP}/vm-1", "/live/vm-1")
    assert content(used) == "second"
    # The state is lost: the pool itself knows what was there before.
    used.run("umount", "/live/vm-1")
    used.run("rm", "/var/lib/policyctl/state.db")
    roll(used, "--undo")
    used.run("mount", f"/dev/{GROUP}/vm-1", "/live/vm-1")
    assert content(used) == "newest"


def cut_off(machine: Machine, most: int, *words: str) -> bool:
    """Kill a rollback once so many commands have changed something; whether it came so far."""
    machine.write("/root/most", str(most))
    return machine.run("/root/cut-off", *words, code=None).code != 0


def half_done(machine: Machine) -> list[str]:
    document = machine.policyctl("status", "--json", code=None).json
    return [one["item"] for one in document["rollbacks_half_done"]]


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_or_back(used: Machine) -> None:
    kept = snapshots(used)
    used.write("/root/cut-off", CUT_OFF, mode="755")
    for name in CHANGING:
        used.write(f"/root/killers/{name}", KILL, mode="755")
    most = 0
    while cut_off(used, most):
        assert half_done(used) == ["pvcs:vm-1"]
        # By turns it goes back, and on; the undo of what went on is cut off at the same place.
        if most % 2:
            roll(used)
            assert content(used) == "second"
            if cut_off(used, most, "--undo"):
                roll(used, "--undo")
        else:
            roll(used, "--undo")
        assert content(used) == "newest"
        assert (snapshots(used), aside(used, "before")) == (kept, [])
        most += 1
    # Closed, made, skipped, tagged, renamed, renamed, not skipped, opened.
    assert most == 9
    assert (content(used), half_done(used)) == ("second", [])


def test_an_encrypted_volume_goes_back_once_it_is_closed(used: Machine) -> None:
    volume = thin_volume(used, "vm-2")
    encrypt(used, volume)
    format_and_mount(used, unlock(used, volume, "opened"), "/live/vm-2")
    used.write("/root/users", UNLOCKING.replace("GROUP", GROUP).replace("KEY", KEY), mode="755")
    used.write("/live/vm-2/file", "first")
    # LVM freezes what is mounted on a volume, and knows nothing of an encryption in between.
    used.run("sync")
    used.policyctl("run", "snaps")
    used.write("/live/vm-2/file", "newest")
    # Who has unmounted it, and left it unlocked, has it in use: nothing is renamed.
    used.write("/root/closes", "no")
    done = used.policyctl("rollback", "pvcs:vm-2", "--yes", code=5)
    assert "opened" in done.err
    assert "the volume is what it was and what was stopped runs again" in done.err
    assert used.read("/live/vm-2/file") == "newest"
    used.write("/root/closes", "yes")
    used.policyctl("rollback", "pvcs:vm-2", "--yes")
    assert used.read("/live/vm-2/file") == "first"
    used.policyctl("rollback", "pvcs:vm-2", "--yes", "--undo")
    assert used.read("/live/vm-2/file") == "newest"
