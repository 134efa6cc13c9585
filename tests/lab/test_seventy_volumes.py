"""Seventy volumes: one hangs, one is damaged, one has another key, and the others are copied.

One is full to its last block, and is copied with the others: a copy only reads, and a journal is
replayed into blocks that it names itself. What a clone needs room for is the pool, and a pool
without room gets no snapshot to begin with (`test_volume_legs.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest

from engine.generations.names import moment_of
from tests.lab.machine import Done, Machine
from tests.lab.troubled_volumes import (
    CORRUPT,
    FULL,
    HUNG,
    LOCKED,
    SETUP_SECONDS,
    TROUBLED,
    let_hang,
    make_volumes,
    mend,
    plain_volumes,
)
from tests.lab.vm_image import GROUP, POOL

# Slow in an emulated machine: many minutes each.
pytestmark = [pytest.mark.lab, pytest.mark.root, pytest.mark.slow]
POLICY = f"""\
version: 1
host: HERE
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  pvcs: {{kind: lvm-thin, vg: {GROUP}, pool: {POOL}, volumes: "vm-*",
          luks: {{key_file: "/root/keys/{{volume}}.key"}}}}
legs:
  snaps: {{kind: snapshot, schedule: "00:00", keep: {{last: 2}}, min_free: 5%, timeout: 1h}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "01:00",
           keep: {{last: 2}}, timeout: {{each: 40s, all: 2h}}}}
routes:
  "pvcs:": snaps
"""
FAILED = (CORRUPT, HUNG, LOCKED)
"""Those that are not copied until they are mended."""
REASONS = {
    CORRUPT: "the file system is damaged",
    HUNG: "its own time limit has passed",
    LOCKED: f"the key in /root/keys/{LOCKED}.key does not open it",
}
COPIES = """\
cd /mnt/disk/files
for one in */2*/*; do [ ! -f $one ] || echo $one $(head -c 60 $one | head -n 1 | tr -d '\\0'); done
"""
FEW, ALL = 6, 70
SECONDS_EACH = 40.0
"""What a run may take for each volume, on a machine that is emulated on busy cores."""


def prepared(machine: Machine, count: int) -> None:
    make_volumes(machine, count)
    host = machine.run("hostname").out.strip()
    machine.write("/etc/policyctl/backup-policy.yaml", POLICY.replace("HERE", host), mode="600")
    machine.run("policyctl", "apply", seconds=SETUP_SECONDS)
    machine.systemctl("stop", "policyctl-snaps.timer", "policyctl-files.timer")


def run(machine: Machine, leg: str, count: int, code: int = 0) -> Done:
    seconds = 300 + count * SECONDS_EACH
    done = machine.run("policyctl", "run", leg, code=code, seconds=seconds)
    assert "Traceback" not in done.err, done.err
    return done


def standing(machine: Machine, leg: str) -> Any:
    """How a leg stands, and its items by name."""
    done = machine.run("policyctl", "status", "--json", code=None, seconds=300)
    (found,) = (one for one in done.json["legs"] if one["leg"] == leg)
    return found | {"items": {one["item"]: one for one in found["items"]}}


def mounts(machine: Machine) -> str:
    return machine.run("cat", "/proc/mounts").out


def mappings(machine: Machine) -> set[str]:
    """All that device-mapper has, each with its state."""
    words = ["dmsetup", "info", "--noheadings", "--columns", "--options", "name,suspended"]
    return set(machine.run(*words).out.split())


def clones(machine: Machine) -> list[str]:
    """The volumes that only an open snapshot has."""
    names = machine.run("lvs", "--noheadings", "-o", "lv_name", GROUP).out.split()
    return [one for one in names if one.startswith("policyctl-open")]


def copies(machine: Machine) -> dict[str, str]:
    """The one small file of each volume, and what it holds in its newest generation."""
    found: dict[str, str] = {}
    for line in machine.run("sh", "-c", COPIES).out.splitlines():
        path, _, content = line.partition(" ")
        volume, generation, name = path.split("/")
        assert moment_of(generation.encode()), path
        if name in {"file", "moved"}:
            found[volume] = f"{name}: {content}"
    return found


def wanted(count: int, without: Collection[str]) -> dict[str, str]:
    names = [*plain_volumes(count), *(one for one in TROUBLED if one not in without)]
    # That it was renamed stood in the journal alone.
    return {name: f"{'moved' if name == FULL else 'file'}: of {name}" for name in names}


@pytest.mark.parametrize("count", [FEW, pytest.param(ALL, marks=pytest.mark.slow)])
def test_law_13_one_that_hangs_keeps_no_other_without_a_copy(vm: Machine, count: int) -> None:
    prepared(vm, count)
    mounted, mapped = mounts(vm), mappings(vm)
    # A snapshot is taken of each, whatever is on it: it may be the last that is left of it.
    run(vm, "snaps", count)
    items = standing(vm, "snaps")["items"]
    assert {name: one["status"] for name, one in items.items()} == dict.fromkeys(
        (*plain_volumes(count), *TROUBLED), "ok"
    )
    assert (mounts(vm), mappings(vm)) == (mounted, mapped)
    let_hang(vm)
    said = run(vm, "files", count, code=6).out
    assert copies(vm) == wanted(count, without=FAILED)
    leg = standing(vm, "files")
    assert (leg["healthy"], leg["last_run"]["status"]) == (False, "degraded")
    taken = moment(items[FULL]["last_run"])
    for name, one in leg["items"].items():
        ages = (one["last_success"], one["data_as_of"])
        if name not in FAILED:
            assert (one["status"], one["healthy"], one["stale"]) == ("ok", True, False), one
            # Of its own snapshot, and not of when it was copied.
            assert moment(ages[1]) == taken, one
        else:
            assert (one["status"], one["healthy"], ages) == ("failed", False, (None, None)), one
            assert REASONS[name] in one["reason"], one
            assert f"{name}: {one['reason']}" in said
    # What hangs stays open until it answers; beside that nothing is left.
    (clone,) = clones(vm)
    assert mounts(vm) == mounted
    assert mappings(vm) == mapped | {f"{GROUP}-{clone.replace('-', '--')}:Active"}
    if count == FEW:
        mended(vm, count)
        assert (mounts(vm), mappings(vm), clones(vm)) == (mounted, mapped, [])


def mended(machine: Machine, count: int) -> None:
    """Once they are in order again, the next runs take them too, and close what was left open."""
    mend(machine)
    run(machine, "snaps", count)
    run(machine, "files", count)
    assert copies(machine) == wanted(count, without=())
    large = machine.run("sh", "-c", f"stat -c %s /mnt/disk/files/{HUNG}/*/large").out
    assert int(large) == 4 * 2**20
    leg = standing(machine, "files")
    assert leg["last_run"]["status"] == "ok"
    taken = standing(machine, "snaps")["last_run"]["started"]
    assert {moment(one["data_as_of"]) for one in leg["items"].values()} == {moment(taken)}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(microsecond=0)
