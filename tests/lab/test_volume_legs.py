"""`snapshot`, `versions` and `sqlite` legs on a real thin pool."""

from __future__ import annotations

import pytest

from engine.generations.names import moment_of
from tests.lab.machine import Machine
from tests.lab.vm_image import GROUP, POOL
from tests.lab.volumes import format_and_mount, snapshot, thin_volume

pytestmark = [pytest.mark.lab, pytest.mark.root]
POLICY = f"""\
version: 1
host: HERE
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  pvcs: {{kind: lvm-thin, vg: {GROUP}, pool: {POOL}, volumes: "vm-*"}}
legs:
  snaps: {{kind: snapshot, schedule: "00:00", keep: {{last: 2}}, min_free: 5%, timeout: 15m}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "01:00",
           keep: {{last: 2}}, timeout: {{each: 10m, all: 1h}}}}
  dbs: {{kind: sqlite, from: snaps, to: "disk:/dbs", schedule: "02:00", keep: {{last: 2}},
         timeout: {{each: 5m, all: 1h}}}}
routes:
  "pvcs:": snaps
  "pvcs:vm-3": {{none: "scratch"}}
"""
DATABASE = """\
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (a)")
connection.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(1000)))
connection.commit()
os._exit(0)
"""
ROWS = """\
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM t").fetchone()[0])
"""

SLOW = """\
#!/bin/sh
case $* in *staging*) sleep 600;; esac
exec /usr/bin/rsync "$@"
"""
WAITING = """\
#!/bin/sh
case $* in *staging*)
  touch /root/waiting/begun.$$
  while [ $(ls /root/waiting | grep -c begun) -lt 2 ]; do sleep 0.2; done;;
esac
exec /usr/bin/rsync "$@"
"""
PATH_OF_WAITING = "PATH=/root/waiting:/usr/sbin:/usr/bin:/sbin:/bin"
KILL = """\
#!/bin/sh
PATH=/root/slow:$PATH policyctl run files & pid=$!
while ! lvs --noheadings -o lv_name GROUP | grep -q policyctl-open; do sleep 0.2; done
sleep 2
kill -9 $pid
wait $pid
pkill -9 -f "sleep 600"
true
"""


@pytest.fixture
def pool(vm: Machine) -> Machine:
    """Three volumes that are in use, one of which is not to be kept; and the policy, applied."""
    vm.run("mkdir", "-p", "/mnt/disk")
    vm.run("mkfs.ext4", "-q", "-E", "nodiscard", vm.disks[0])
    vm.run("mount", vm.disks[0], "/mnt/disk")
    for number, kind in ((1, "ext4"), (2, "xfs"), (3, "ext4")):
        format_and_mount(vm, thin_volume(vm, f"vm-{number}"), f"/live/{number}", kind)
        vm.write(f"/live/{number}/file", f"of {number}")
    vm.run("ln", "/live/1/file", "/live/1/linked")
    vm.run("python3", "-c", DATABASE, "/live/1/app.db")
    snapshot(vm, "vm-1_theirs", "vm-1")
    host = vm.run("hostname").out.strip()
    vm.write("/etc/policyctl/backup-policy.yaml", POLICY.replace("HERE", host), mode="600")
    vm.policyctl("apply")
    quiet(vm)
    return vm


def quiet(machine: Machine) -> None:
    """No leg starts by itself: the clock is moved."""
    machine.systemctl("stop", *(f"policyctl-{leg}.timer" for leg in ("snaps", "files", "dbs")))


def run(machine: Machine, leg: str, code: int = 0) -> str:
    done = machine.policyctl("run", leg, code=code)
    return done.out + done.err


def volumes(machine: Machine) -> list[str]:
    found = machine.run("lvs", "--reportformat", "json", "-o", "lv_name", GROUP).json
    return sorted(str(one["lv_name"]) for one in found["report"][0]["lv"])


def of_ours(machine: Machine) -> list[str]:
    return [name for name in volumes(machine) if "policyctl" in name]


def generations(machine: Machine, place: str) -> list[str]:
    names = machine.run("ls", "-A", place).out.split()
    return sorted(name for name in names if moment_of(name.encode()))


def mounts(machine: Machine) -> str:
    return machine.run("cat", "/proc/mounts").out


def statuses(machine: Machine, leg: str) -> dict[str, str]:
    document = machine.policyctl("status", "--json", code=None).json
    (found,) = (one for one in document["legs"] if one["leg"] == leg)
    return {item["item"]: item["status"] for item in found["items"]}


def test_from_snapshots_to_generations(pool: Machine) -> None:
    """One machine for many facts: a command takes seconds where a kernel is emulated."""
    before, live = volumes(pool), mounts(pool)
    for _ in range(3):
        run(pool, "snaps")
    ours = of_ours(pool)
    # Two are kept of each; what somebody else has taken, and what is routed to none, has none.
    assert [name.partition(".")[0] for name in ours] == ["vm-1", "vm-1", "vm-2", "vm-2"]
    assert [name for name in volumes(pool) if name not in ours] == before
    # Copied is the snapshot, not what is live by now.
    pool.write("/live/1/file", "changed since")
    for _ in range(3):
        run(pool, "files")
    kept = generations(pool, "/mnt/disk/files/vm-1")
    assert len(kept) == 2
    newest = f"/mnt/disk/files/vm-1/{kept[-1]}"
    assert pool.read(f"{newest}/file") == "of 1"
    # Two names in each of two generations.
    assert pool.run("stat", "-c", "%h", f"{newest}/file").out.strip() == "4"
    other = generations(pool, "/mnt/disk/files/vm-2")[-1]
    assert pool.read(f"/mnt/disk/files/vm-2/{other}/file") == "of 2"
    pool.run("test", "-e", "/mnt/disk/files/vm-3", code=1)
    run(pool, "dbs")
    (name,) = generations(pool, "/mnt/disk/dbs/vm-1")
    copy = f"/mnt/disk/dbs/vm-1/{name}/app.db"
    assert pool.run("python3", "-c", ROWS, copy).out.strip() == "1000"
    # Nothing is left mounted or open, and each item has a status of its own.
    assert mounts(pool) == live
    assert of_ours(pool) == ours
    assert statuses(pool, "snaps") == {"vm-1": "ok", "vm-2": "ok"}


def test_law_35_what_cannot_be_read_hides_no_other(pool: Machine) -> None:
    broken = thin_volume(pool, "vm-0")
    pool.run("dd", "if=/dev/urandom", f"of={broken}", "bs=64k", "count=4", "oflag=direct")
    run(pool, "snaps")
    said = run(pool, "files", code=6)
    assert "vm-0" in said
    assert statuses(pool, "files") == {"vm-0": "failed", "vm-1": "ok", "vm-2": "ok"}
    assert len(generations(pool, "/mnt/disk/files/vm-1")) == 1
    # A pool without room gets no snapshot.
    ours = of_ours(pool)
    policy = pool.read("/etc/policyctl/backup-policy.yaml")
    changed = policy.replace("min_free: 5%", "min_free: 99.9%")
    pool.write("/etc/policyctl/backup-policy.yaml", changed, mode="600")
    pool.policyctl("apply")
    quiet(pool)
    assert "no snapshot is taken" in run(pool, "snaps", code=5)
    assert of_ours(pool) == ours
    # Law 32: an old snapshot is not copied as if it were new.
    pool.run("date", "-s", "+3 days")
    assert "older than it may be" in run(pool, "files", code=5)
    assert len(generations(pool, "/mnt/disk/files/vm-1")) == 1


def test_what_a_killed_run_left_open_the_next_one_closes(pool: Machine) -> None:
    run(pool, "snaps")
    before = volumes(pool)
    # An rsync that waits: the run is killed while a volume is open.
    pool.write("/root/slow/rsync", SLOW, mode="755")
    pool.write("/root/kill", KILL.replace("GROUP", GROUP), mode="755")
    pool.run("/root/kill", seconds=120)
    assert volumes(pool) != before
    assert "policyctl-open" not in mounts(pool)
    run(pool, "files")
    assert volumes(pool) == before
    assert len(generations(pool, "/mnt/disk/files/vm-1")) == 1


@pytest.mark.slow
def test_two_volumes_are_copied_abreast(pool: Machine) -> None:
    policy = pool.read("/etc/policyctl/backup-policy.yaml")
    two = policy.replace("kind: versions,", "kind: versions, at_once: 2,")
    pool.write("/etc/policyctl/backup-policy.yaml", two, mode="600")
    pool.policyctl("apply")
    quiet(pool)
    run(pool, "snaps")
    before, live = volumes(pool), mounts(pool)
    # Neither goes on before the other has begun.
    pool.write("/root/waiting/rsync", WAITING, mode="755")
    pool.run("/usr/bin/env", PATH_OF_WAITING, "policyctl", "run", "files", seconds=600)
    assert statuses(pool, "files") == {"vm-1": "ok", "vm-2": "ok"}
    for volume in ("1", "2"):
        (name,) = generations(pool, f"/mnt/disk/files/vm-{volume}")
        assert pool.read(f"/mnt/disk/files/vm-{volume}/{name}/file") == f"of {volume}"
    assert (volumes(pool), mounts(pool)) == (before, live)
