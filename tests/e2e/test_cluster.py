"""`policyctl cluster`, and the very commands of its jobs, with their mounts as folders."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.test_cli import Done, Machine, policyctl

MANIFEST = """\
version: 1
host: myhost
timezone: Europe/Sofia
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
sources:
  data: {kind: tree, path: /srv/data, export: "192.0.2.10:/srv/data"}
  vault: {kind: sqlite, path: /data/db.sqlite3, with: ["rsa_key*"]}
legs:
  nightly: {kind: mirror, to: "disk:/data", schedule: "05:00"}
  vault-copy:
    kind: dump
    from: vault
    to: "data:/vault"
    schedule: "00/6:00"
    keep: {last: 2}
    runner: {kubernetes: {namespace: apps, volume: apps/vault-data}}
routes: {/srv/data: nightly}
checks:
  vault-is-sound:
    kind: sqlite-integrity
    source: vault
    schedule: hourly
    runner: {kubernetes: {namespace: apps, volume: apps/vault-data}}
"""
IMAGE = "registry.example.net/policyctl:1.0"
LEG, CHECK = "apps/vault-copy.yaml", "apps/check-vault-is-sound.yaml"
STATUS = ".policyctl-status.json"


class Cluster:
    """Whoever runs the jobs: each in a container of its own, with the mounts that it asks for."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.claim = folder / "claim"
        self.claim.mkdir()
        self.pods = folder / "pods"
        self.began = 0
        with sqlite3.connect(self.claim / "db.sqlite3") as database:
            database.execute("CREATE TABLE t (a)")
            database.executemany("INSERT INTO t VALUES (?)", [(one,) for one in range(100)])
        database.close()
        (self.claim / "rsa_key.pem").write_text("key")

    @property
    def product(self) -> Path:
        """What an administrator has made before the first job."""
        return self.machine.root / "srv/data/vault"

    def run(self, path: str, *more: str) -> Done:
        """Run the command of a job as it stands there; what is mounted lies at its place."""
        config, job = yaml.safe_load_all((self.machine.folder / "jobs" / path).read_text())
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        self.began += 1
        root = self.pods / str(self.began)
        volumes = {one["name"]: one for one in pod["volumes"]}
        moved = []
        for mount in container["volumeMounts"]:
            place = root / mount["mountPath"].lstrip("/")
            there = self._volume(volumes[mount["name"]], place, config)
            if there is not None:
                there.rename(place)
                moved.append((place, there))
        program, command, option, plan, *rest = container["command"]
        assert program == "policyctl"
        known = (command, "--root", str(root), option, str(root / plan.lstrip("/")))
        try:
            return policyctl(*known, *rest, *more)
        finally:
            for place, there in moved:
                place.rename(there)
            shutil.rmtree(root)  # nothing of it outlives its pod

    def _volume(self, volume: dict[str, Any], place: Path, config: dict[str, Any]) -> Path | None:
        """Make what a pod has for itself; what it shares with others is given back."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if "nfs" in volume:
            assert volume["nfs"] == {"server": "192.0.2.10", "path": "/srv/data/vault"}
            return self.product
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"] == {"claimName": "vault-data"}
            return self.claim
        place.mkdir()
        if "configMap" in volume:
            assert volume["configMap"]["name"] == config["metadata"]["name"]
            for name, text in config["data"].items():
                (place / name).write_text(text)
        return None

    def generations(self) -> list[str]:
        return sorted(one.name for one in self.product.iterdir() if not one.name.startswith("."))

    def status(self) -> Any:
        return json.loads((self.product / STATUS).read_text())

    def leg(self) -> dict[str, Any]:
        """How the leg stands, as the host has it."""
        done = self.machine("status", "--json")
        (found,) = (one for one in done.json["legs"] if one["leg"] == "vault-copy")
        return dict(found)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path, MANIFEST)
    shutil.rmtree(made.root / "srv/archive")
    assert made("apply").code == 0
    return made


@pytest.fixture
def cluster(machine: Machine, tmp_path: Path) -> Cluster:
    done = machine("cluster", "jobs", "--image", IMAGE)
    assert done.code == 0, done.err
    (machine.root / "srv/data/vault").mkdir(mode=0o750)
    return Cluster(machine, tmp_path)


# ── The files ────────────────────────────────────────────────────────────────────────────────


def test_files_are_written_and_the_same_again(machine: Machine) -> None:
    done = machine("cluster", "jobs", "--image", IMAGE)
    assert "new      apps/check-vault-is-sound.yaml" in done.out
    assert "tell nobody how they went" in done.err
    assert machine("cluster", "jobs", "--check", "--image", IMAGE).code == 0
    assert machine("cluster", "jobs", "--check", "--image", IMAGE + ".1").code == 4
    # kubectl takes all files of a folder that end like this for its own.
    folder = machine.folder / "jobs"
    taken = [one for one in folder.rglob("*") if one.suffix in {".yaml", ".yml", ".json"}]
    assert sorted(str(one.relative_to(folder)) for one in taken) == [CHECK, LEG]


def test_what_was_changed_by_hand_stays_and_what_left_the_manifest_goes(machine: Machine) -> None:
    machine("cluster", "jobs", "--image", IMAGE)
    file = machine.folder / "jobs" / LEG
    file.write_text(file.read_text() + "# mine\n")
    machine.edit("00/6:00", "00/8:00")
    assert machine("cluster", "jobs", "--image", IMAGE).code == 5
    assert file.read_text().endswith("# mine\n")
    assert machine("cluster", "jobs", "--image", IMAGE, "--overwrite", LEG).code == 0
    assert "0 0-16/8 * * *" in file.read_text()
    text = machine.manifest.read_text()
    machine.manifest.write_text(text[: text.index("checks:")])
    assert (
        "gone     apps/check-vault-is-sound.yaml"
        in machine("cluster", "jobs", "--image", IMAGE).out
    )
    assert not (machine.folder / "jobs" / CHECK).exists()


def test_the_file_of_what_can_be_made_no_more_is_kept_and_said(machine: Machine) -> None:
    """A tool that prunes would take the CronJob out of the cluster, and the leg is still there."""
    machine("cluster", "jobs", "--image", IMAGE)
    files = {path: (machine.folder / "jobs" / path).read_bytes() for path in (LEG, CHECK)}
    machine.edit("volume: apps/vault-data", "volume: other/vault-data")
    for more in ((), ("--check",), ()):
        done = machine("cluster", "jobs", "--image", IMAGE, *more)
        assert done.code == 6, done.err
        assert all(f"kept     {path}" in done.out for path in files)
        assert "no job is made of the leg vault-copy" in done.err
        assert f"The file of its last one, {LEG}, is kept as it is" in done.err
        assert "jobs: 0 files, all as they should be, and 2 kept" in done.out
        assert "gone" not in done.out
    assert files == {path: (machine.folder / "jobs" / path).read_bytes() for path in files}
    done = machine("cluster", "jobs", "--image", IMAGE, "--json", "--overwrite", CHECK)
    assert (done.code, done.json["kept"], done.json["removed"]) == (6, [LEG], [CHECK])
    machine.edit("volume: other/vault-data", "volume: apps/vault-data")
    assert machine("cluster", "jobs", "--image", IMAGE).code == 0
    assert machine("cluster", "jobs", "--check", "--image", IMAGE).code == 0


def test_a_short_image_is_refused(machine: Machine) -> None:
    done = machine("cluster", "jobs", "--image", "policyctl")
    assert (done.code, "no image with its registry" in done.err) == (5, True)
    assert "nothing says which image" in machine("cluster", "jobs").err
    assert not (machine.folder / "jobs").exists()


# ── A job ────────────────────────────────────────────────────────────────────────────────────


def test_a_job_dumps_and_the_host_knows(cluster: Cluster) -> None:
    assert cluster.leg()["health"] == "runs elsewhere"
    done = cluster.run(LEG)
    assert done.code == 0, done.err
    (made,) = cluster.generations()
    assert (cluster.product / made / "rsa_key.pem").read_text() == "key"
    found = cluster.leg()
    assert found["health"] == "fresh"
    assert found["last_success"]


def test_the_next_pod_goes_on_where_the_last_one_ended(cluster: Cluster) -> None:
    """What is kept, what is linked, what a dump is compared with: none of it was in the pod."""
    for _ in range(3):
        assert cluster.run(LEG).code == 0
        _next_second()
    kept = cluster.generations()
    assert len(kept) == 2  # keep: {last: 2}
    assert len(cluster.status()["runs"]) == 3
    keys = [(cluster.product / one / "rsa_key.pem").stat().st_ino for one in kept]
    assert keys[0] == keys[1]


def test_law_06_a_failure_leaves_the_last_success(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    before = cluster.leg()["last_success"]
    (cluster.claim / "db.sqlite3").rename(cluster.claim / "away")
    done = cluster.run(LEG)
    assert done.code == 5
    found = cluster.leg()
    assert (found["health"], found["last_success"]) == ("failing", before)
    assert len(cluster.generations()) == 1


def test_law_18_a_dump_that_shrank_lets_nothing_go(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    with sqlite3.connect(cluster.claim / "db.sqlite3") as database:
        database.execute("DELETE FROM t WHERE rowid > 3")
    database.close()
    for _ in range(3):
        _next_second()
        assert cluster.run(LEG).code == 6
    assert len(cluster.generations()) == 4
    _next_second()
    assert cluster.run(LEG, "--allow", "smaller-source").code == 0


def test_law_07_two_jobs_of_a_leg_do_not_meet(cluster: Cluster) -> None:
    """`Forbid` knows nothing of a job that somebody starts by hand."""
    with (cluster.product / ".policyctl-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = cluster.run(LEG)
    assert done.code == 75
    assert cluster.generations() == []


def test_a_pod_that_was_killed_leaves_a_generation_that_the_next_one_knows(
    cluster: Cluster,
) -> None:
    """It had its name, and the record of it was not left yet."""
    assert cluster.run(LEG).code == 0
    (cluster.product / STATUS).unlink()
    _next_second()
    assert cluster.run(LEG).code == 0
    first, second = cluster.status()["kept"]
    assert (first["standing"], second["standing"]) == ("complete", "verified")


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: "{",
        lambda text: "",
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: re.sub(r'"started": "[^"]*"', '"started": "0001-01-01T00:00:00+14:00"', text),
    ],
)
def test_law_33_with_records_that_cannot_be_used_nothing_runs(
    cluster: Cluster, harm: Callable[[str], str]
) -> None:
    """Each guard goes by them: without, what has shrunk would push out what is whole."""
    assert cluster.run(LEG).code == 0
    file = cluster.product / STATUS
    good = file.read_text()
    file.write_text(harm(good))
    bad = file.read_text()
    assert cluster.leg()["health"] == "runs elsewhere"
    done = cluster.run(LEG)
    assert (done.code, "cannot be used" in done.out, file.read_text()) == (5, True, bad), done
    assert "move .policyctl-status.json out of" in done.out
    assert len(cluster.generations()) == 1
    file.write_text(good)
    _next_second()
    assert cluster.run(LEG).code == 0


def test_records_that_are_no_file_stop_no_command_of_the_host(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    file = cluster.product / STATUS
    file.unlink()
    os.mkfifo(file)
    held = os.open(file, os.O_RDWR | os.O_NONBLOCK)
    try:
        assert cluster.leg()["health"] == "runs elsewhere"
        assert cluster.machine("show", "generations").code == 0
        assert cluster.run(LEG).code == 5
    finally:
        os.close(held)


def test_a_leg_that_is_renamed_keeps_its_records(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    cluster.machine.edit("  vault-copy:\n", "  vault-dump:\n    was: vault-copy\n")
    assert cluster.machine("apply").code == 0
    assert cluster.machine("cluster", "jobs", "--image", IMAGE).code == 0
    _next_second()
    done = cluster.run("apps/vault-dump.yaml")
    assert done.code == 0, done
    assert len(cluster.status()["runs"]) == 2
    assert {one["standing"] for one in cluster.status()["kept"]} == {"verified"}


def test_a_later_hop_takes_the_dumps_and_no_records(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    assert cluster.machine("run", "nightly").code == 0
    copy = cluster.machine.root / "mnt/disk/data/vault"
    assert sorted(one.name for one in copy.iterdir()) == cluster.generations()


def test_a_check_is_made_in_a_pod(cluster: Cluster) -> None:
    done = cluster.run(CHECK)
    assert done.code == 0, done.err
    (cluster.claim / "db.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    assert cluster.run(CHECK).code == 5


def test_explain_runs_nothing(cluster: Cluster) -> None:
    done = cluster.run(LEG, "--explain")
    assert done.code == 0, done.err
    assert "vault" in done.out
    assert cluster.generations() == []


# ── What is no pod ───────────────────────────────────────────────────────────────────────────


def test_a_host_is_no_pod(cluster: Cluster) -> None:
    config = next(yaml.safe_load_all((cluster.machine.folder / "jobs" / LEG).read_text()))
    plan = cluster.machine.folder / "plan.json"
    plan.write_text(config["data"]["plan.json"])
    done = cluster.machine("run", "--in-cluster", str(plan), "vault-copy")
    assert (done.code, "so it is a host" in done.err) == (5, True)
    plan.write_text("{}")
    root = cluster.machine.folder / "elsewhere"
    root.mkdir()
    done = policyctl("run", "--root", str(root), "--in-cluster", str(plan), "vault-copy")
    assert (done.code, "is it as old as the image?" in done.err) == (5, True)
    assert policyctl("run", "--in-cluster", str(plan), "--all").code == 2


def test_the_host_runs_no_leg_of_the_cluster(cluster: Cluster) -> None:
    done = cluster.machine("run", "vault-copy")
    assert (done.code, "runs in the cluster" in done.out + done.err) == (5, True)


def test_what_the_host_refuses_is_told_nobody(cluster: Cluster) -> None:
    """It would replace what the job has told: a success would be gone, and a failure seem new."""
    assert cluster.run(LEG).code == 0
    machine = cluster.machine
    machine.edit("routes:", "monitoring: {textfile: /var/lib/metrics}\nroutes:")
    (machine.root / "var/lib/metrics").mkdir(parents=True)
    assert machine("apply").code == 0
    told = machine.root / "var/lib/metrics"
    assert machine("run", "vault-copy").code == 5
    assert machine("run", "vault-copy", "--json").code == 5
    assert not [one for one in told.iterdir() if "vault-copy" in one.name + one.read_text()]
    assert machine("run", "nightly").code == 0
    assert [one for one in told.iterdir() if "nightly" in one.name + one.read_text()]
    health = {one["leg"]: one["health"] for one in machine("status", "--json").json["legs"]}
    assert health["vault-copy"] == "fresh"


def _next_second() -> None:
    """A generation has the name of its second."""
    time.sleep(1.0)


def test_the_host_restores_what_a_job_has_dumped(cluster: Cluster) -> None:
    assert cluster.run(LEG).code == 0
    listed = cluster.machine("restore", "vault:", "--list")
    assert listed.code == 0, listed.err
    assert cluster.generations()[0] in listed.out
    done = cluster.machine("restore", "vault:")
    assert done.code == 0, done.err
