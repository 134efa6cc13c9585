"""A `versions` run over volumes that is killed at each of its steps, and the run after it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL
from tests.lab.volumes import KEY, encrypt, format_and_mount, thin_volume, unlock

# Slow in an emulated machine: many minutes each.
pytestmark = [pytest.mark.lab, pytest.mark.root, pytest.mark.slow]
POLICY = f"""\
version: 1
host: HERE
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  pvcs: {{kind: lvm-thin, vg: {GROUP}, pool: {POOL}, volumes: "vm-*", luks: {{key_file: {KEY}}}}}
legs:
  snaps: {{kind: snapshot, schedule: "00:00", keep: {{last: 2}}, timeout: 15m}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "01:00",
           keep: {{last: 2}}, timeout: {{each: 10m, all: 1h}}}}
routes:
  "pvcs:": snaps
"""
ITEMS = ("vm-1", "vm-2")
SECONDS = 3 * 3600.0
MOST_STEPS = 400
"""More than a run has: the loop that counts them must end by itself."""


@pytest.fixture
def used(vm: Machine) -> Machine:
    """Two volumes in use, one of them encrypted, each with a file that never changes."""
    vm.run("mkdir", "-p", "/mnt/disk")
    vm.run("mkfs.ext4", "-q", "-E", "nodiscard", vm.disks[0])
    vm.run("mount", vm.disks[0], "/mnt/disk")
    format_and_mount(vm, thin_volume(vm, "vm-1"), "/live/vm-1")
    disk = thin_volume(vm, "vm-2")
    encrypt(vm, disk)
    vm.run("chmod", "600", KEY)
    format_and_mount(vm, unlock(vm, disk, "live"), "/live/vm-2", "ext4")
    for item in ITEMS:
        vm.write(f"/live/{item}/same", f"of {item}")
    host = vm.run("hostname").out.strip()
    vm.write("/etc/policyctl/backup-policy.yaml", POLICY.replace("HERE", host), mode="600")
    vm.run("policyctl", "apply", seconds=SECONDS)
    vm.systemctl("stop", "policyctl-snaps.timer", "policyctl-files.timer")
    return vm


def rounds(machine: Machine, first: int, stride: int) -> list[dict[str, Any]]:
    """Kill runs at steps, and run each time once more; what was seen."""
    trees = [f"/live/{item}" for item in ITEMS]
    words = ["files", "/mnt/disk/files", str(first), str(stride), *trees]
    command = ["python3", "-m", "tests.lab.inside_kills", *words]
    done = machine.run(*command, seconds=SECONDS)
    return [json.loads(line) for line in done.out.splitlines()]


def judge(one: dict[str, Any], open_before: list[str]) -> None:
    """Say what is wrong after a killed run and the next one."""
    for item in ITEMS:
        # Whatever bears a generation's name is whole, and nothing else is offered for a restore.
        assert None not in one["left"][item].values(), one
        assert one["listed"][item] == sorted(one["left"][item]), one
        # Two are to be kept, of which one is new, and the other the newest one that was whole. A
        # third may wait for the next run, since at most half of what was there goes at once.
        *more, older, newest = sorted(one["kept"][item])
        assert len(more) <= 1, one
        assert older == max(one["left"][item]), one
        assert None not in one["kept"][item].values(), one
        assert one["kept"][item][newest] == one["round"], one
        assert one["kept_listed"][item] == [*more, older, newest], one
    assert one["next"] == 0, one
    assert one["others"] == [], one
    # The base was a whole one: what has not changed is one file beneath all of its names.
    assert one["linked"] == [1] * len(ITEMS), one
    assert one["open"] == open_before, one


# Every step is one of the halves': each of them takes an hour and more.
HALVES = [pytest.param(first, 2, marks=pytest.mark.slow, id=f"half-{first}") for first in (1, 2)]


@pytest.mark.parametrize(("first", "stride"), [(7, 19), *HALVES])
def test_law_15_killed_at_any_step_a_run_leaves_whole_generations_alone(
    used: Machine, first: int, stride: int
) -> None:
    begun, *killed, last = rounds(used, first, stride)
    assert last["code"] == 0, last["said"]
    assert killed[-1]["step"] == last["step"] - stride < MOST_STEPS
    for one in killed:
        judge(one, begun["open"])
    print([(one["step"], one["steps"][-1]) for one in killed])
    wanted = {"lvcreate", "lvchange", "lvremove", "cryptsetup", "blkid", "os.rename", "commit"}
    assert wanted <= set(last["steps"])
