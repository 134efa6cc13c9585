"""What LVM, LUKS and the file systems really do: the facts that legs with snapshots stand on."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL, POOL_MEBIBYTES
from tests.lab.volumes import (
    KEY,
    device,
    encrypt,
    format_and_mount,
    mount,
    report,
    snapshot,
    thin_volume,
    unlock,
)

pytestmark = [pytest.mark.lab, pytest.mark.root]
LIVE, SNAP = "/mnt/live", "/mnt/snap"
MOUNT_REFUSED, LVM_REFUSED, WRONG_KEY = 32, 5, 2
"""Exit codes of mount(8), lvm(8) and cryptsetup(8)."""


def active(vm: Machine, name: str) -> bool:
    return report(vm, name, "lv_active")["lv_active"] == "active"


def is_open(vm: Machine, name: str) -> bool:
    return report(vm, name, "lv_device_open")["lv_device_open"] == "open"


def activate(vm: Machine, name: str, *options: str) -> None:
    vm.run("lvchange", "-ay", *options, f"{GROUP}/{name}")


def kernel_said(vm: Machine) -> str:
    return vm.run("dmesg").out


def test_it_is_a_machine_with_a_kernel_of_its_own(vm: Machine) -> None:
    assert "thin-pool" in vm.run("dmsetup", "targets").out
    assert vm.systemctl("is-system-running") == "running"
    assert abs(float(vm.run("date", "+%s.%N").out) - time.time()) < 10
    for disk in vm.disks:
        assert vm.run("blkid", "--probe", disk, code=2).out == ""


def test_commands_are_what_they_are_in_a_container(vm: Machine) -> None:
    assert vm.run("cat", text="odd \udcff").out == "odd \udcff"
    assert vm.run("printf", "%s|", "two words", "$HOME", "'", "").out == "two words|$HOME|'||"
    vm.run("sh", "-c", "exit 7", code=7)
    vm.write("/srv/new/file", "text", mode="600")
    assert vm.read("/srv/new/file") == "text"
    assert vm.policyctl("--version").out.startswith("policyctl ")
    assert vm.python("tests.lab.inside", "reach", "/opt/policyctl").json == {"/opt/policyctl": "r"}


def test_a_thin_snapshot_is_one_without_a_size(vm: Machine) -> None:
    """With a size it is a classic one, which every write to its origin slows down and fills."""
    thin_volume(vm, "data")
    snapshot(vm, "thin", "data")
    snapshot(vm, "classic", "data", "-L", "16M")
    names = ("pool_lv", "origin", "segtype")
    assert report(vm, "thin", *names) == {"pool_lv": "pool", "origin": "data", "segtype": "thin"}
    assert report(vm, "classic", *names)["pool_lv"] == ""


def test_a_thin_snapshot_is_not_activated_unless_told_twice(vm: Machine) -> None:
    """LVM reports success for what it skips."""
    thin_volume(vm, "data")
    snapshot(vm, "skipped", "data")
    assert report(vm, "skipped", "lv_skip_activation")["lv_skip_activation"] != ""
    activate(vm, "skipped")
    assert not active(vm, "skipped")
    vm.run("test", "-e", device("skipped"), code=1)
    activate(vm, "skipped", "-K")
    assert active(vm, "skipped")
    assert vm.run("test", "-b", device("skipped")).code == 0
    snapshot(vm, "not-skipped", "data", "-kn")
    assert active(vm, "not-skipped")
    assert report(vm, "not-skipped", "lv_skip_activation")["lv_skip_activation"] == ""


def test_what_lvs_reports(vm: Machine) -> None:
    """All values are text, and empty where a volume has none; percentages are the pool's only."""
    disk = thin_volume(vm, "data")
    vm.run("dd", "if=/dev/zero", f"of={disk}", "bs=1M", "count=64", "oflag=direct", "status=none")
    taken = time.time()
    snapshot(vm, "one", "data", "--addtag", "policyctl", "--addtag", "leg=nightly")
    found = report(vm, "one", "origin", "lv_tags", "lv_time", "lv_size", "metadata_percent")
    when = datetime.strptime(found.pop("lv_time"), "%Y-%m-%d %H:%M:%S %z")
    assert abs(when.timestamp() - taken) < 60
    assert found == {
        "origin": "data",
        "lv_tags": "leg=nightly,policyctl",
        "lv_size": str(2 * 2**30),
        "metadata_percent": "",
    }
    assert report(vm, "data", "origin", "lv_tags") == {"origin": "", "lv_tags": ""}
    pool = report(vm, POOL, "data_percent", "metadata_percent")
    assert float(pool["data_percent"]) == pytest.approx(100 * 64 / POOL_MEBIBYTES, abs=0.1)
    assert 0 < float(pool["metadata_percent"]) < 50
    tagged = vm.run("lvs", "--noheadings", "-o", "lv_name", "@policyctl").out
    assert tagged.split() == ["one"]
    vm.run("lvs", f"{GROUP}/none", code=LVM_REFUSED)


def test_ext4_is_frozen_for_its_snapshot(vm: Machine) -> None:
    """LVM freezes the file system on the volume: no journal is left to be replayed."""
    disk = thin_volume(vm, "data")
    format_and_mount(vm, disk, LIVE)
    vm.write(f"{LIVE}/file", "before")  # not written to the disk yet
    one = snapshot(vm, "one", "data", "-kn", "-pr")
    vm.write(f"{LIVE}/file", "after")
    assert "needs_recovery" in vm.run("dumpe2fs", "-h", disk).out
    assert "needs_recovery" not in vm.run("dumpe2fs", "-h", one).out
    mount(vm, one, SNAP, "ro")
    assert vm.read(f"{SNAP}/file") == "before"


def test_xfs_needs_nouuid_beside_its_origin(vm: Machine) -> None:
    """And its log is never empty: on a read-only device it mounts with norecovery alone."""
    format_and_mount(vm, thin_volume(vm, "data"), LIVE, "xfs")
    vm.write(f"{LIVE}/file", "before")
    one = snapshot(vm, "one", "data", "-kn")
    mount(vm, one, SNAP, "ro", code=MOUNT_REFUSED)
    assert "duplicate UUID" in kernel_said(vm)
    mount(vm, one, SNAP, "ro,nouuid")
    assert vm.read(f"{SNAP}/file") == "before"
    vm.run("umount", SNAP)
    two = snapshot(vm, "two", "data", "-kn", "-pr")
    mount(vm, two, SNAP, "ro,nouuid", code=MOUNT_REFUSED)
    assert "write access unavailable" in kernel_said(vm)
    mount(vm, two, SNAP, "ro,nouuid,norecovery")
    assert vm.read(f"{SNAP}/file") == "before"


def test_below_luks_nobody_freezes_the_file_system(vm: Machine) -> None:
    """The snapshot is what a power cut leaves; `noload` then hides what was safely written."""
    disk = thin_volume(vm, "data")
    encrypt(vm, disk)
    format_and_mount(vm, unlock(vm, disk, "live"), LIVE)
    vm.write(f"{LIVE}/file", "kept")
    vm.run("sync", f"{LIVE}/file")  # fsync(2): from here on it is promised
    one = snapshot(vm, "one", "data", "-kn")
    locked = unlock(vm, one, "snap", "--readonly")
    mount(vm, locked, SNAP, "ro", code=MOUNT_REFUSED)
    assert "try mounting with noload" in kernel_said(vm)
    mount(vm, locked, SNAP, "ro,noload")
    vm.run("test", "-e", f"{SNAP}/file", code=1)
    vm.run("umount", SNAP)
    vm.run("cryptsetup", "close", "snap")
    mount(vm, unlock(vm, one, "snap"), SNAP, "ro")  # the journal is replayed, in the snapshot
    assert vm.read(f"{SNAP}/file") == "kept"


def test_luks_opens_read_only_from_a_snapshot_that_was_frozen(vm: Machine) -> None:
    disk = thin_volume(vm, "data")
    encrypt(vm, disk)
    format_and_mount(vm, unlock(vm, disk, "live"), LIVE)
    vm.write(f"{LIVE}/file", "kept")
    vm.run("fsfreeze", "--freeze", LIVE)
    one = snapshot(vm, "one", "data", "-kn", "-pr")
    vm.run("fsfreeze", "--unfreeze", LIVE)
    vm.run(
        "cryptsetup", "open", "--readonly", "--key-file", "/etc/hosts", one, "snap", code=WRONG_KEY
    )
    locked = unlock(vm, one, "snap", "--readonly")
    assert vm.run("blockdev", "--getro", locked).out.strip() == "1"
    mount(vm, locked, SNAP, "ro")
    assert vm.read(f"{SNAP}/file") == "kept"
    vm.run("lvremove", "-qq", "-y", f"{GROUP}/one", code=LVM_REFUSED)
    vm.run("umount", SNAP)
    vm.run("cryptsetup", "close", "snap")
    vm.run("lvremove", "-qq", "-y", f"{GROUP}/one")


def test_a_full_pool_is_seen_and_takes_no_snapshot(vm: Machine) -> None:
    """Filled through a raw volume and past the cache: writers below a file system may hang."""
    disk = thin_volume(vm, "fill")
    vm.run("lvchange", "-qq", "--errorwhenfull", "y", f"{GROUP}/{POOL}")
    fill = ("dd", "if=/dev/zero", f"of={disk}", "bs=1M", "oflag=direct")
    assert "No space left on device" in vm.run(*fill, code=1).err
    vm.wait("it is told", lambda: report(vm, POOL, "lv_health_status")["lv_health_status"])
    assert report(vm, POOL, "data_percent", "lv_health_status") == {
        "data_percent": "100.00",
        "lv_health_status": "out_of_data",
    }
    command = ["lvcreate", "-y", "-s", "-n", "late", f"{GROUP}/fill"]
    assert "reached threshold" in vm.run(*command, code=LVM_REFUSED).err
    thin = vm.run("lvs", "--noheadings", "-o", "lv_name", "-S", "lv_name=late").out
    assert thin.strip() == ""


def test_a_btrfs_snapshot_ends_where_a_subvolume_begins(vm: Machine) -> None:
    format_and_mount(vm, vm.disks[0], LIVE, "btrfs")
    for subvolume in ("data", "data/nested"):
        vm.run("btrfs", "subvolume", "create", f"{LIVE}/{subvolume}")
    vm.write(f"{LIVE}/data/file", "before")
    vm.write(f"{LIVE}/data/nested/file", "not in it")
    one = f"{LIVE}/one"
    vm.run("btrfs", "subvolume", "snapshot", "-r", f"{LIVE}/data", one)
    vm.write(f"{LIVE}/data/file", "after")
    assert vm.read(f"{one}/file") == "before"
    assert vm.run("ls", "-A", f"{one}/nested").out == ""
    # A subvolume is a directory whose inode is 256; what stands for one in a snapshot has 2.
    inodes = vm.run("stat", "--format=%i", f"{LIVE}/data/nested", one, f"{one}/nested").out
    assert inodes.split() == ["256", "256", "2"]
    assert vm.run("btrfs", "property", "get", one, "ro").out == "ro=true\n"
    vm.run("touch", f"{one}/new", code=1)
    vm.run("rm", "-r", one, code=1)
    vm.run("btrfs", "subvolume", "delete", one)
    vm.run("test", "-e", one, code=1)
    vm.run("btrfs", "subvolume", "snapshot", "-r", "/root", one, code=1)


def test_what_lvm_made_outlives_a_power_cut(vm: Machine) -> None:
    disk = thin_volume(vm, "data")
    format_and_mount(vm, disk, LIVE)
    vm.write(f"{LIVE}/frozen", "kept")
    snapshot(vm, "one", "data")
    snapshot(vm, "two", "data", "-kn")
    vm.write(f"{LIVE}/synced", "kept")
    vm.run("sync", f"{LIVE}/synced")
    vm.write(f"{LIVE}/cached", "lost")
    vm.powercut()
    vm.boot()
    vm.run("findmnt", LIVE, code=1)
    assert [active(vm, name) for name in ("data", "one", "two")] == [True, False, True]
    mount(vm, disk, LIVE, "ro")
    assert vm.read(f"{LIVE}/synced") == "kept"
    vm.run("test", "-e", f"{LIVE}/cached", code=1)
    mount(vm, device("two"), SNAP, "ro")
    assert vm.read(f"{SNAP}/frozen") == "kept"


def test_mounts_go_with_a_killed_process_and_devices_stay(vm: Machine) -> None:
    """A private mount namespace cleans up after SIGKILL; nothing does so for LVM and LUKS."""
    disk = thin_volume(vm, "data")
    encrypt(vm, disk)
    format_and_mount(vm, unlock(vm, disk, "live"), LIVE)
    vm.run("umount", LIVE)
    vm.run("cryptsetup", "close", "live")
    snapshot(vm, "one", "data")
    script = Path("/root/leg.sh")
    vm.write(
        script,
        f"lvchange -ay -K {GROUP}/one\n"
        f"cryptsetup open --readonly --key-file {KEY} {device('one')} snap\n"
        f"mkdir -p {SNAP}\n"
        f"mount -o ro /dev/mapper/snap {SNAP}\n"
        f"exec sleep 600\n",
    )
    unshare = ("unshare", "--mount", "--propagation", "private", "sh", "-e", script)
    vm.run("systemd-run", "--unit=leg", *unshare)
    vm.wait("it has mounted", lambda: vm.run("pgrep", "-x", "sleep", code=None).code == 0)
    process = vm.run("pgrep", "-x", "sleep").out.strip()
    assert SNAP in vm.read(f"/proc/{process}/mounts")
    vm.run("findmnt", SNAP, code=1)  # here it is not seen,
    vm.run("cryptsetup", "close", "snap", code=LVM_REFUSED)  # and still in use
    vm.systemctl("kill", "--signal=KILL", "leg")
    vm.wait("it has gone", lambda: vm.systemctl("is-active", "leg", code=None) == "failed")
    assert (active(vm, "one"), is_open(vm, "one")) == (True, True)
    vm.run("lvchange", "-an", f"{GROUP}/one", code=LVM_REFUSED)
    vm.run("cryptsetup", "close", "snap")
    assert (active(vm, "one"), is_open(vm, "one")) == (True, False)
    vm.run("lvchange", "-an", f"{GROUP}/one")
    assert not active(vm, "one")
