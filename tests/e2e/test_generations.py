"""Legs that keep generations, by the command line: run, shown, explained, and applied again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from engine.generations.names import moment_of
from tests.databases import make, rows
from tests.e2e.test_cli import Done, Machine, machine_is_settled, policyctl
from tests.integration.btrfs import mounted_btrfs, subvolume
from tests.integration.btrfs import text as btrfs_manifest
from tests.integration.lab import at
from tests.integration.sshd import serving

MANIFEST = """\
version: 1
host: myhost
timezone: Europe/Sofia
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {path: /mnt/nas, media: nas, site: away}
sources:
  data: {kind: tree, path: /srv/data}
  apps: {kind: tree, path: /srv/apps}
  pool: {kind: lvm-thin, vg: pve, pool: data, volumes: "vm-*"}
legs:
  hist: {kind: versions, to: "disk:/hist", schedule: "03:00", timeout: 5m, keep: {last: 2}}
  bases:
    kind: sqlite
    from: apps
    to: "disk:/bases"
    schedule: "04:00"
    timeout: 5m
    keep: {last: 2}
  offsite: {kind: mirror, from: disk, to: "nas:/lab", schedule: "05:00", timeout: 5m}
  snaps: {kind: snapshot, schedule: "01:00", timeout: 5m, keep: {last: 2}}
routes:
  /srv/data: hist
  "pool:": snaps
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, MANIFEST)
    (found.root / "mnt/nas").mkdir()
    make(found.root / "srv/apps/web/app.db")
    assert found("apply").code == 0
    return found


def run(machine: Machine, leg: str, times: int = 1) -> Any:
    """Run a leg; each run is a second of its own, since a generation has the name of its start."""
    for _ in range(times):
        time.sleep(1.05)
        done = machine("run", leg, "--json")
        assert done.code == 0, done.err
    return done.json


def generations(machine: Machine, place: str) -> list[str]:
    folder = machine.root / place
    return sorted(one.name for one in folder.iterdir() if moment_of(os.fsencode(one.name)))


def shown(machine: Machine, *leg: str) -> list[dict[str, Any]]:
    done = machine("show", "generations", *leg, "--json")
    assert (done.code, done.err) == (0, "")
    found: list[dict[str, Any]] = done.json["folders"]
    return found


# ── show generations ─────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_what_is_kept_is_shown_with_why_and_until_when(machine: Machine) -> None:
    run(machine, "hist", 3)
    older, newest = generations(machine, "mnt/disk/hist")
    done = machine("show", "generations", "hist")
    assert (done.code, done.err) == (0, "")
    head, header, first, second = done.out.splitlines()
    assert head == "hist  data → disk:/hist  keep: last 2; 2 generations"
    assert header.split() == ["generation", "local", "time", "known", "to", "be", "why", "goes"]
    assert first.split()[0] == newest
    assert "verified" in first
    assert "last 1 of 2; the newest verified one" in first
    assert second.split()[0] == older
    assert second.rstrip().endswith("03:00"), "the run that will remove it, by the local clock"
    (folder,) = shown(machine, "hist")
    assert (folder["leg"], folder["item"], folder["place"]) == ("hist", "data", "disk")
    assert (folder["path"], folder["error"]) == ("/hist", None)
    by_name = {one["name"]: one for one in folder["generations"]}
    assert list(by_name) == [newest, older]
    assert by_name[newest]["verdict"] == "keep"
    assert by_name[newest]["reasons"] == ["last 1 of 2", "the newest verified one"]
    assert by_name[older]["goes"] < by_name[newest]["goes"]


@pytest.mark.tool("rsync")
def test_of_many_that_go_those_of_the_next_run_are_told_apart(machine: Machine) -> None:
    machine.edit("timeout: 5m, keep: {last: 2}}\n  bases", "timeout: 5m, keep: {last: 4}}\n  bases")
    assert machine("apply").code == 0
    run(machine, "hist", 4)
    machine.edit("timeout: 5m, keep: {last: 4}}\n  bases", "timeout: 5m, keep: {last: 1}}\n  bases")
    assert machine("apply").code == 0
    rows = [
        line.split("  ") for line in machine("show", "generations", "hist").out.splitlines()[2:]
    ]
    goes = {row[1].strip(): row[-1].strip() for row in rows}
    later = [name for name, when in goes.items() if when == "with a later run: half go in one"]
    soon = [name for name, when in goes.items() if when == "with the next run"]
    before = generations(machine, "mnt/disk/hist")
    assert (len(before), len(later), len(soon)) == (4, 1, 2)
    run(machine, "hist")
    assert set(before) - set(generations(machine, "mnt/disk/hist")) == set(soon)


@pytest.mark.tool("rsync")
def test_what_is_foreign_is_not_shown(machine: Machine) -> None:
    (machine.root / "mnt/disk/hist/2020-01-01T00-00-00Z").mkdir(parents=True)
    run(machine, "hist")
    (folder,) = shown(machine, "hist")
    assert [one["name"] for one in folder["generations"]] == generations(machine, "mnt/disk/hist")[
        1:
    ]


def test_before_the_first_run_there_are_none(machine: Machine) -> None:
    done = machine("show", "generations", "hist")
    assert done.code == 0
    assert done.out == "hist  data → disk:/hist  keep: last 2; 0 generations\n"


@pytest.mark.parametrize(
    ("leg", "words"),
    [
        ("offsite", "the leg offsite keeps no generations: it has no `keep`"),
        ("nope", "nope"),
    ],
)
def test_a_leg_that_keeps_none_is_refused(machine: Machine, leg: str, words: str) -> None:
    done = machine("show", "generations", leg)
    assert (done.code, done.out) == (5, "")
    assert words in done.err


def test_nothing_is_shown_of_what_is_not_applied(tmp_path: Path) -> None:
    done = Machine(tmp_path, MANIFEST)("show", "generations")
    assert (done.code, done.out) == (5, "")
    assert "nothing is applied yet" in done.err


@pytest.mark.tool("rsync")
def test_asking_changes_nothing(machine: Machine) -> None:
    run(machine, "hist")
    before = machine.state()
    shown(machine)
    assert machine.state() == before


# ── explain ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_explain_names_the_generations_that_hold_a_path_and_the_way_back(
    machine: Machine, tmp_path: Path
) -> None:
    machine.write("srv/data/a/old", "gone soon")
    run(machine, "hist")
    (machine.root / "srv/data/a/old").unlink()
    run(machine, "hist")
    run(machine, "offsite")
    older, newest = generations(machine, "mnt/disk/hist")
    found = machine("explain", "--json", "/srv/data/a/old").json["copies"]
    assert [one["path"] for one in found] == ["/mnt/disk/hist/*/a/old", "/mnt/nas/lab/hist/*/a/old"]
    assert {one["there"] for one in found} == {True}
    human = machine("explain", "/srv/data/a/old").out
    assert older in human
    assert newest not in human
    back = found[0]["restore"]
    assert [one["held_by"] for one in found] == [[older]] * 2
    subprocess.run(["bash", "-c", back], cwd=tmp_path, check=True, capture_output=True)
    (restored,) = tmp_path.glob("restored-from-*/**/old")
    assert restored.read_text() == "gone soon"


FAR = """\
version: 1
host: here
timezone: UTC
destinations:
  disk: {{path: "{top}/disk", media: hdd, site: home}}
  nas: {{path: "{top}/nas", media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: "{top}/data"}}
legs:
  hist: {{kind: versions, to: "disk:/hist", schedule: "03:00", timeout: 5m, keep: {{last: 2}}}}
  offsite: {{kind: mirror, from: disk, to: "nas:/lab", schedule: "05:00", timeout: 5m}}
routes:
  "{top}/data": hist
"""


@pytest.mark.tool("rsync", "sshd", "ssh-keygen", "bash")
def test_law_34_generations_on_another_machine_are_asked_for_whatever_a_name_holds(
    tmp_path: Path,
) -> None:
    names = (b"-e x; touch gone", b"new\nline", b"$(id) `id` 'q' \"q\"", b"bad\xff*?[a]\\")
    there = tmp_path / "nas/lab/hist"
    for name in names:
        at(there, b"2026-01-02T03-00-00Z", b"d").mkdir(parents=True, exist_ok=True)
        at(there, b"2026-01-02T03-00-00Z", b"d", name).write_bytes(b"old")
        at(there, b"2026-01-03T03-00-00Z", b"d").mkdir(parents=True, exist_ok=True)
    at(there, b"2026-01-03T03-00-00Z", b"d", names[1]).symlink_to("nowhere")
    at(there, b"2026 not one Z", b"d").mkdir(parents=True)
    manifest = tmp_path / "policy.yaml"
    with serving(tmp_path / "sshd") as server:
        manifest.write_text(FAR.format(top=tmp_path, ssh=server.yaml()))
        paths = [os.fsencode(tmp_path) + b"/data/d/" + name for name in (*names, b"nothing")]
        done = policyctl("explain", "--json", "--look", "-p", str(manifest), *paths)
    far = [one["copies"][1] for one in done.json]
    older, newest = "2026-01-02T03-00-00Z", "2026-01-03T03-00-00Z"
    assert [one["held_by"] for one in far] == [[older], [older, newest], [older], [older], []]
    assert [one["there"] for one in far] == [True, True, True, True, False]
    assert not list(tmp_path.rglob("gone"))


# ── Databases ────────────────────────────────────────────────────────────────────────────────


def test_databases_are_copied_by_their_own_leg(machine: Machine) -> None:
    told = run(machine, "bases", 3)
    assert told["status"] == "ok"
    kept = generations(machine, "mnt/disk/bases")
    assert len(kept) == 2
    copy = machine.root / "mnt/disk/bases" / kept[-1] / "web/app.db"
    assert rows(copy) == [(1,), (2,), (3,)]
    (folder,) = shown(machine, "bases")
    assert [one["standing"] for one in folder["generations"]] == ["verified", "verified"]


def test_law_16_a_damaged_one_keeps_what_is_older(machine: Machine) -> None:
    run(machine, "bases", 2)
    kept = generations(machine, "mnt/disk/bases")
    machine.write("srv/apps/web/bad.db", "SQLite format 3\0" + "no page" * 100)
    for _ in range(2):
        time.sleep(1.05)
        done = machine("run", "bases", "--json")
        assert done.code == 6
        assert "web/bad.db" in done.json["feeds"][0]["reason"]
    assert generations(machine, "mnt/disk/bases")[:2] == kept
    (folder,) = shown(machine, "bases")
    assert [(one["standing"], one["verdict"]) for one in folder["generations"]] == [
        *[("complete", "keep")] * 2,
        ("verified", "keep"),
        ("verified", "prune"),  # by the next run that is verified
    ]
    assert folder["generations"][2]["reasons"] == ["the newest verified one"]


# ── apply ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_another_apply_forgets_no_generation(machine: Machine) -> None:
    run(machine, "hist", 2)
    before = shown(machine)
    machine.edit('schedule: "05:00"', 'schedule: "06:00"')
    assert machine("apply").code == 0
    assert shown(machine) == before
    run(machine, "hist")
    assert len(generations(machine, "mnt/disk/hist")) == 2


@pytest.mark.tool("rsync")
def test_law_38_plan_says_how_many_generations_a_change_comes_to(machine: Machine) -> None:
    few = 'schedule: "03:00", timeout: 5m, keep: {last: 2}'
    machine.edit(few, few.replace("last: 2", "daily: 7, weekly: 4"))
    assert machine("apply").code == 0
    machine.edit("keep: {daily: 7, weekly: 4}", "keep: {last: 3}")
    done = machine("plan")
    assert "generations 9 to 10 → 3" in done.out
    (leg,) = [one for one in machine("plan", "--json").json["data"]["legs"] if one["leg"] == "hist"]
    assert leg["before"]["generations"] == [9, 10]
    assert leg["after"]["generations"] == [3, 3]
    assert machine("apply").code == 0
    assert machine_is_settled(machine)


# ── Subvolumes ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("btrfs", "mkfs.btrfs", "losetup", "rsync")
@pytest.mark.root
def test_subvolumes_by_the_command_line(tmp_path: Path) -> None:
    text = btrfs_manifest().replace(socket.gethostname(), "myhost")
    machine = Machine(tmp_path, text)
    with mounted_btrfs(tmp_path, machine.root / "srv/pool"):
        for name in ("photos", "apps"):
            subvolume(machine.root / "srv/pool" / name)
        (machine.root / "srv/pool/photos/1.jpg").write_text("picture")
        done = machine("apply")
        assert done.code == 0, done.err
        assert "source data: recorded as uuid:" in done.err + done.out
        done = machine("run", "snaps", "--explain")
        assert "take the snapshot .policyctl-snapshots/photos/" in done.out
        run(machine, "snaps", 3)
        run(machine, "files")
        folders = {one["item"]: one for one in shown(machine, "snaps")}
        assert {item: len(one["generations"]) for item, one in folders.items()} == {
            "apps": 2,
            "photos": 2,
        }
        done = machine("explain", "/srv/pool/photos/1.jpg")
        assert done.code == 0, done.err
        assert "/mnt/disk/files/photos/*/1.jpg" in done.out
        assert "/srv/pool/.policyctl-snapshots" in done.out
        statuses = machine("status", "--json").json["legs"]
        items = {leg["leg"]: {one["item"] for one in leg["items"]} for leg in statuses}
        assert items["snaps"] == items["files"] == {"apps", "photos"}
    # Another one at its place: it has to be named.
    with mounted_btrfs(tmp_path, machine.root / "srv/pool", name="second"):
        subvolume(machine.root / "srv/pool/photos")
        assert machine("run", "snaps").code == 5
        assert machine("apply", "--new-disk", "dta").code == 5
        done = machine("apply", "--new-disk", "data")
        assert done.code == 0, done.err
        assert machine("run", "snaps").code == 0


# ── Given back ───────────────────────────────────────────────────────────────────────────────


def adopt(machine: Machine, *arguments: str) -> Done:
    return policyctl("adopt", *arguments, "--by", "hist", "--root", str(machine.root))


def test_generations_whose_state_was_lost_are_shown_and_given_back(machine: Machine) -> None:
    run(machine, "hist", times=2)
    names = generations(machine, "mnt/disk/hist")
    state = machine.root / "var/lib/policyctl/state.db"
    for path in state.parent.glob(f"{state.name}*"):
        path.unlink()
    assert machine("apply").code == 0
    time.sleep(1.05)
    told = machine("run", "hist")
    assert told.code == 0
    assert (
        "data: if they are generations whose state was lost: "
        f"`policyctl adopt disk:/hist --by hist --root {machine.root}`" in told.out
    )
    time.sleep(1.05)  # what goes is reckoned for a run of now, and no two have one second
    preview = adopt(machine, "disk:/hist")
    assert preview.code == 0
    lines = preview.out.splitlines()
    assert lines[0] == "data → disk:/hist: 2 generations"
    assert lines[1].startswith(f"  would be taken over: {names[0]}  ")
    # With the one made since and the next one there are four, and two are to be kept.
    goes = [f"  goes with the next run of hist, by `keep`: {name}" for name in names]
    assert lines[3:5] == goes
    assert lines[-2].startswith("they count as complete and not as verified")
    asked = f"policyctl adopt disk:/hist --by hist --yes --root {machine.root}"
    assert lines[-1] == f"to do it: `{asked}`"
    assert len(shown(machine, "hist")[0]["generations"]) == 1
    done = adopt(machine, "disk:/hist", "--yes", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["leg"], found["adopted"]) == ("hist", True)
    assert found["folders"] == [
        {
            "item": "data",
            "place": "disk",
            "path": "/hist",
            "generations": names,
            "refused": [],
            "goes": names,
        }
    ]
    standings = {one["name"]: one["standing"] for one in shown(machine, "hist")[0]["generations"]}
    assert {standings[name] for name in names} == {"complete"}
    run(machine, "hist")
    assert not set(names) & set(generations(machine, "mnt/disk/hist"))


def test_what_looks_like_a_generation_and_is_none_is_refused(machine: Machine) -> None:
    run(machine, "hist")
    (machine.root / "mnt/disk/hist/2020-01-01T00-00-00Z").symlink_to("/etc")
    told = adopt(machine, "disk:/hist", "--yes")
    assert told.code != 0
    assert "2020-01-01T00-00-00Z: it is a symlink" in told.err
    assert len(shown(machine, "hist")[0]["generations"]) == 1


# ── The room that they take ──────────────────────────────────────────────────────────────────


def generations_in(shown: Any) -> dict[str, tuple[int, int, int]]:
    return {
        one["place"]: (one["generations"], one["files"], one["bytes"])
        for one in shown["generations"]
    }


def test_law_38_the_room_that_generations_take_is_counted_once_a_file(machine: Machine) -> None:
    machine.write("srv/data/other", "1234567")
    run(machine, "hist", times=2)  # both link to one and the same files
    assert "generations" not in machine("status").out
    whole = sum(
        one.stat().st_size for one in (machine.root / "srv/data").rglob("*") if one.is_file()
    )
    files = sum(one.is_file() for one in (machine.root / "srv/data").rglob("*"))
    found = generations_in(machine("measure", "--json").json)
    assert found == {"disk:/hist": (2, files, whole), "disk:/bases": (0, 0, 0)}
    assert "in 2, counted today" in machine("measure").out
    assert generations_in(machine("status", "--json").json) == found
    said = f"generations of hist at disk:/hist: {whole} B, {files} files in 2, counted today"
    assert said in machine("status").out
    assert said in machine("explain", "--tree", str(machine.root / "srv/data")).out
    machine.edit("keep: {last: 2}}\n  bases", "keep: {last: 3}}\n  bases")
    assert said in machine("plan").out
    assert generations_in(machine("plan", "--json").json["data"]) == {
        "disk:/hist": found["disk:/hist"]
    }
    # What lies beside them in the folder is nobody's, and is not counted.
    machine.write("mnt/disk/hist/2020-01-01T00-00-00Z/foreign", "somebody's")
    assert generations_in(machine("measure", "--json").json) == found


def test_an_orphan_of_generations_is_as_large_as_it_is(machine: Machine) -> None:
    """Sizes of `gc` count each file once as well, however many generations share it."""
    run(machine, "hist", times=2)
    whole = sum(
        one.stat().st_size for one in (machine.root / "srv/data").rglob("*") if one.is_file()
    )
    machine.edit('"disk:/hist"', '"disk:/history"')
    assert machine("apply").code == 0
    (one,) = json.loads(
        policyctl("gc", "--json", "--root", str(machine.root), cwd=machine.folder).out
    )["orphans"]
    assert (one["orphan"], one["bytes"]) == ("disk:/hist", whole)
