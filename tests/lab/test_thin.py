"""Snapshots of thin volumes, taken, read and removed by the engine, on a real pool."""

from __future__ import annotations

from typing import Any

import pytest

from engine.items.thin_names import clone_name
from tests.lab import inside_volumes
from tests.lab.inside_volumes import LEG, READER, SEEN
from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL
from tests.lab.volumes import (
    KEY,
    device,
    encrypt,
    format_and_mount,
    mount,
    snapshot,
    thin_volume,
    unlock,
)

pytestmark = [pytest.mark.lab, pytest.mark.root]
LIVE = "/mnt/live"
READ = ("cat", f"{SEEN}/file")


@pytest.fixture
def pool(vm: Machine) -> Machine:
    """A machine on which the rules for udev are in force."""
    assert (inside_volumes.GROUP, inside_volumes.POOL) == (GROUP, POOL)
    ask(vm, "prepare")
    return vm


def ask(vm: Machine, *words: str) -> Any:
    return vm.python("tests.lab.inside_volumes", *words).json


def refused(vm: Machine, *words: str) -> str:
    return vm.run("python3", "-m", "tests.lab.inside_volumes", *words, code=1).err.strip()


def names(folder: str, vm: Machine) -> list[str]:
    return vm.run("ls", "-A", folder).out.split()


def nothing_is_open(vm: Machine) -> bool:
    """LVM knows no clone, and the kernel no device of one."""
    volumes = vm.run("lvs", "--noheadings", "-o", "lv_name", GROUP).out.split()
    return not [one for one in [*volumes, *names("/dev/mapper", vm)] if "open" in one]


def start_reading(vm: Machine, unit: str, name: str, reader: str, key: str) -> None:
    """Have a leg read a snapshot until somebody ends it."""
    words = ("python3", "-m", "tests.lab.inside_volumes", "read", name, reader, key)
    vm.run("systemd-run", f"--unit={unit}", *words, "sleep", "600")


def sleeping(vm: Machine) -> int:
    """How many such legs are at it."""
    return len(vm.run("pgrep", "-x", "sleep", code=None).out.split())


def dirty_ext4(vm: Machine) -> None:
    """An ext4 with much in its journal alone, as whoever uses it leaves it at any moment.

    Looking at its device would have the kernel write it all to its place.
    """
    vm.run("sysctl", "-q", "vm.dirty_writeback_centisecs=0")
    script = (
        f"mkdir {LIVE}/d; for i in $(seq 300); do echo $i >{LIVE}/d/$i; done; sync -f {LIVE};"
        f"rm {LIVE}/d/2*; mv {LIVE}/d/1 {LIVE}/moved; echo kept >{LIVE}/kept; sync {LIVE}/kept"
    )
    vm.run("sh", "-c", script)


def test_a_snapshot_is_taken_told_and_removed(pool: Machine) -> None:
    disk = thin_volume(pool, "data")
    format_and_mount(pool, disk, LIVE)
    pool.write(f"{LIVE}/file", "before")
    name = ask(pool, "take", "data", "28")
    pool.write(f"{LIVE}/file", "after")
    assert name == "data.policyctl.2026-11-28T03-00-00Z"
    found = ask(pool, "look")
    assert found["snapshots"] == {name: ["data", LEG, False]}
    assert (found["volumes"], found["health"]) == ({"data": False}, "GOOD")
    assert ask(pool, "read", name, READER, "", *READ) == [0, "before"]
    assert "already exists" in refused(pool, "take", "data", "28")
    assert ask(pool, "retag", name, "renamed") == "renamed"
    ask(pool, "remove", name)
    assert ask(pool, "look")["snapshots"] == {}
    assert pool.read(f"{LIVE}/file") == "after"


def test_law_01_only_what_is_surely_ours_is_a_snapshot_of_ours(pool: Machine) -> None:
    """A deleted volume's snapshots may be its last copy; an older line of history is none."""
    for volume in ("gone", "renamed"):
        thin_volume(pool, volume)
        ask(pool, "take", volume, "28")
    pool.run("lvremove", "-qq", "--yes", f"{GROUP}/gone")
    pool.run("lvrename", "-qq", GROUP, "renamed", "other")
    thin_volume(pool, "data")
    snapshot(pool, "data_snap_20261128", "data")
    snapshot(pool, "data.policyctl.2026-11-27T03-00-00Z", "data")
    assert ask(pool, "look") | {"used": [], "health": ""} == {
        "used": [],
        "health": "",
        "volumes": {"data": False, "data_snap_20261128": False, "other": False},
        "snapshots": {},
        "clones": {},
        "strays": {
            "gone.policyctl.2026-11-28T03-00-00Z": "ORIGIN_GONE",
            "renamed.policyctl.2026-11-28T03-00-00Z": "OTHER_ORIGIN",
            "data.policyctl.2026-11-27T03-00-00Z": "NO_TAG",
        },
    }


def test_a_replayed_clone_holds_what_noload_does_not_see(pool: Machine) -> None:
    """Below LUKS nobody freezes the file system, and none does inside a virtual machine."""
    disk = thin_volume(pool, "data")
    encrypt(pool, disk)
    pool.run("chmod", "600", KEY)
    live = unlock(pool, disk, "live")
    format_and_mount(pool, live, LIVE)
    dirty_ext4(pool)
    name = ask(pool, "take", "data", "28")
    clone = clone_name(name, READER)
    script = f"cd {SEEN} && cat kept && ls d | wc -l && e2fsck -fn /dev/mapper/{clone} 2>&1"
    code, said = ask(pool, "read", name, READER, KEY, "sh", "-c", script)
    assert (code, said.startswith("kept\n188\n"), "Pass 5" in said) == (0, True, True), said
    assert nothing_is_open(pool)
    # The same snapshot, read as it is found: what was surely written is not there.
    pool.run("lvchange", "-ay", "-K", f"{GROUP}/{name}")
    found = unlock(pool, device(name), "found", "--readonly")
    mount(pool, found, "/mnt/found", "ro,noload")
    pool.run("test", "-e", "/mnt/found/kept", code=1)
    assert len(names("/mnt/found/d", pool)) == 300  # and what was removed is


def test_after_a_power_cut_each_file_system_is_read_and_no_clone_is_there(pool: Machine) -> None:
    """As the disk of a virtual machine is: nobody on this machine has it mounted."""
    kinds = ("ext4", "xfs", "btrfs")
    for kind in kinds:
        format_and_mount(pool, thin_volume(pool, kind), f"/mnt/{kind}", kind)
        pool.write(f"/mnt/{kind}/file", kind)
        pool.run("sync", f"/mnt/{kind}/file")
    left = ask(pool, "take", "ext4", "27")
    start_reading(pool, "leg", left, READER, "")
    pool.wait("it reads", lambda: sleeping(pool))
    pool.run("sync", SEEN.parent)
    pool.powercut()
    pool.boot()
    clone = clone_name(left, READER)
    assert ask(pool, "look")["clones"] == {clone: READER}
    pool.run("test", "-e", f"/dev/{GROUP}/{clone}", code=1)  # it has the UUID of the live one
    for kind in kinds:
        name = ask(pool, "take", kind, "28")
        script = f"cat {SEEN}/file; grep {SEEN} /proc/self/mountinfo"
        code, said = ask(pool, "read", name, READER, "", "sh", "-c", script)
        assert (code, said.startswith(kind)) == (0, True), said
        assert " ro,nosuid,nodev,noexec," in said
        assert ("errors=remount-ro" in said, "nouuid" in said) == (kind == "ext4", kind == "xfs")
        # What was replayed was the clone alone: the volume still waits for its own replay.
        mount(pool, device(kind), f"/mnt/{kind}", "rw")
        assert pool.read(f"/mnt/{kind}/file") == kind
    assert ask(pool, "read", left, READER, "", "true") == [0, ""]
    assert nothing_is_open(pool)


def test_what_is_mounted_by_uuid_is_never_a_clone(pool: Machine) -> None:
    disk = thin_volume(pool, "data")
    format_and_mount(pool, disk, LIVE)
    name = ask(pool, "take", "data", "28")
    links = ("sh", "-c", "readlink -f /dev/disk/by-uuid/*")
    said = ask(pool, "read", name, READER, "", *links)[1].split()
    assert pool.run("readlink", "-f", disk).out.strip() in said
    clone = f"/dev/{GROUP}/{clone_name(name, READER)}"
    seen = ask(pool, "read", name, READER, "", "readlink", "-f", clone)[1].strip()
    assert seen.startswith("/dev/dm-")
    assert seen not in said
    pool.run("rm", "/etc/udev/rules.d/09-policyctl.rules")
    pool.run("udevadm", "control", "--reload")
    assert "the rules for udev" in refused(pool, "read", name, READER, "", "true")
    assert nothing_is_open(pool)


def test_what_cannot_be_read_is_refused_and_closed(pool: Machine) -> None:
    disk = thin_volume(pool, "locked")
    encrypt(pool, disk)
    pool.run("chmod", "600", KEY)
    thin_volume(pool, "empty")
    locked, empty = (ask(pool, "take", one, "28") for one in ("locked", "empty"))
    assert "no key is named" in refused(pool, "read", locked, READER, "", "true")
    pool.write("/root/other", "x" * 32, mode="600")
    assert "does not open it" in refused(pool, "read", locked, READER, "/root/other", "true")
    pool.run("chmod", "640", "/root/other")
    assert "open to others (mode 0640)" in refused(
        pool, "read", locked, READER, "/root/other", "true"
    )
    assert "holds nothing" in refused(pool, "read", locked, READER, KEY, "true")
    assert "holds nothing" in refused(pool, "read", empty, READER, "", "true")
    assert nothing_is_open(pool)


def test_a_killed_reader_leaves_what_the_next_run_closes(pool: Machine) -> None:
    disk = thin_volume(pool, "data")
    encrypt(pool, disk)
    pool.run("chmod", "600", KEY)
    format_and_mount(pool, unlock(pool, disk, "live"), LIVE)
    name = ask(pool, "take", "data", "28")
    for unit, reader in (("leg", READER), ("other", "other")):
        start_reading(pool, unit, name, reader, KEY)
    pool.wait("both have mounted", lambda: sleeping(pool) == 2, seconds=300)
    pool.systemctl("kill", "--signal=KILL", "leg")
    pool.wait("it has gone", lambda: sleeping(pool) == 1)
    pool.run("grep", SEEN, "/proc/self/mountinfo", code=1)
    mine, theirs = (clone_name(name, one) for one in (READER, "other"))
    assert ask(pool, "look")["clones"] == {mine: READER, theirs: "other"}
    assert {mine, theirs} <= set(names("/dev/mapper", pool))
    closed = f"{GROUP}/{mine}: a killed run had left it open, it is removed"
    assert ask(pool, "sweep", READER) == [closed]
    assert theirs in names("/dev/mapper", pool)
    pool.systemctl("stop", "other")  # SIGTERM: it closes by itself
    assert nothing_is_open(pool)
    assert ask(pool, "look")["snapshots"] == {name: ["data", LEG, False]}


def test_a_volume_that_a_killed_command_left_suspended_goes_on(pool: Machine) -> None:
    """SIGKILL while lvcreate has it suspended: whoever writes waits until somebody resumes it."""
    disk = thin_volume(pool, "data")
    format_and_mount(pool, disk, LIVE)
    pool.run("dmsetup", "suspend", f"{GROUP}-data")
    assert ask(pool, "look")["volumes"] == {"data": True}
    said = ask(pool, "sweep", READER)
    assert said == [f"{GROUP}/data: a killed command had left it suspended, it goes on"]
    pool.write(f"{LIVE}/file", "goes on")
    pool.run("dmsetup", "suspend", f"{GROUP}-data")
    name = ask(pool, "take", "data", "28")  # resumed first, or its pool would be out of order
    assert ask(pool, "look")["volumes"] == {"data": False}
    assert ask(pool, "take", "data", "29") != name


def test_a_terminated_lvcreate_ends_its_work_first(pool: Machine) -> None:
    """LVM puts off signals while a volume is suspended, so a time limit leaves none so."""
    format_and_mount(pool, thin_volume(pool, "data"), LIVE)
    for number in range(8):
        made = f"data.policyctl.2026-11-28T03-00-{number:02}Z"
        words = ("python3", "-m", "tests.lab.inside_volumes", "lvcreate", "data", made)
        pool.run("timeout", "--kill-after=60", f"{0.5 + number * 0.15:.2f}", *words, code=None)
        assert "ACTIVE" in pool.run("dmsetup", "info", f"{GROUP}-data").out
    assert ask(pool, "take", "data", "29")


def test_the_pool_says_how_full_it_is(pool: Machine) -> None:
    disk = thin_volume(pool, "fill")
    pool.run(
        *("dd", "if=/dev/zero", f"of={disk}", "bs=1M", "count=256"),
        *("oflag=direct", "status=none"),
    )
    used, metadata = ask(pool, "look")["used"]
    assert used == "50%"
    assert 0 < float(metadata.rstrip("%")) < 50
