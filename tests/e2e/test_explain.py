"""`policyctl explain` beside the records: ages, looks, the way back, and whole trees."""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli import Machine, policyctl
from tests.integration.lab import HOSTILE, at, tree
from tests.integration.sshd import Server, serving

FOLDER = "./restored-from-"
"""What is told; the tests put another in its place."""


TWO_HOPS = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
sources:
  data: {kind: tree, path: /srv/data, media: ssd, site: home}
legs:
  nightly: {kind: mirror, to: "disk:/data", schedule: "02:00", deleted: {keep: 14d}}
  direct: {kind: mirror, to: "disk:/big", schedule: "02:30"}
  offsite: {kind: mirror, from: disk, to: "nas:/lab", schedule: "04:00"}
routes:
  /srv/data: nightly
  /srv/data/big: direct
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    assert found("apply").code == 0
    return found


def copy_of(machine: Machine, path: str | bytes, *more: str) -> Any:
    done = machine("explain", "--json", path, *more)
    assert done.code == 0, done.err
    (copy,) = done.json["copies"]
    return copy


def brought_back(command: str, to: Path, place: str) -> dict[bytes, tuple[str, bytes]]:
    """Type the command that was told into a shell, with another folder."""
    assert command.count(FOLDER) == 1
    told = command.replace(f"{FOLDER}{place}", str(to))
    done = subprocess.run(["bash", "-c", told], capture_output=True, check=False)
    assert done.returncode == 0, (told, done.stderr)
    return tree(to)


def change(machine: Machine, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db:
        db.execute(statement, values)
        db.commit()


# ── Copies now ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_a_copy_is_told_with_its_age_and_whether_it_is_there(machine: Machine) -> None:
    before = copy_of(machine, "/srv/data/a/file")
    assert (before["age_seconds"], before["there"]) == (None, False)
    assert before["why_no_age"] == "nightly has not succeeded yet"
    assert machine("run", "nightly").code == 0
    after = copy_of(machine, "/srv/data/a/file")
    assert after["there"] is True
    assert 0 <= after["age_seconds"] < 60
    assert (after["owner"], after["stale"]) == ("nightly", False)
    assert after["allowed_seconds"] == after["rpo_seconds"] == 86_400 + 300
    (machine.root / "srv/data/a/later").write_text("x")
    assert copy_of(machine, "/srv/data/a/later")["there"] is False
    human = machine("explain", "/srv/data/a/file").out
    assert "    now       0 m old, as of " in human
    assert "; there\n    get back  `policyctl restore /srv/data/a/file --from disk --root " in human


@pytest.mark.tool("rsync")
def test_law_17_an_old_copy_is_told_by_the_records_not_by_its_time(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    then = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    change(machine, "UPDATE item SET data_as_of = ?", then)
    found = copy_of(machine, "/srv/data/a/file")
    assert (found["age_seconds"] // 86_400, found["stale"]) == (3, True)
    assert "older than its schedules allow" in machine("explain", "/srv/data/a/file").out


@pytest.mark.tool("rsync")
def test_what_was_deleted_lies_where_it_is_said_to(tmp_path: Path) -> None:
    machine = Machine(tmp_path, TWO_HOPS)
    machine.write("srv/data/b/file", "two")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    (machine.root / "srv/data/a/file").unlink()
    assert machine("run", "nightly").code == 0
    near, far = machine("explain", "--json", "/srv/data/a/file").json["copies"]
    assert near["kept_at"] == "/mnt/disk/data/.policyctl-deleted/*/a/file"
    (found,) = machine.root.glob(near["kept_at"].lstrip("/"))
    assert found.read_text() == "one"
    assert "kept_at" not in far
    said = machine("explain", "/srv/data/a/file").out
    assert f"kept      what a run deletes or overwrites stays 14d in {near['kept_at']}\n" in said


@pytest.mark.tool("rsync")
def test_law_32_the_age_at_a_later_hop_is_that_of_the_leg_that_carries_the_path(
    tmp_path: Path,
) -> None:
    """A leg beside it, which writes the same disk, has not run for long."""
    machine = Machine(tmp_path, TWO_HOPS)
    assert machine("apply").code == 0
    assert machine("run", "direct").code == 0
    long_ago = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    change(machine, "UPDATE item SET data_as_of = ?", long_ago)
    assert machine("run", "nightly", "offsite").code == 0
    copies = machine("explain", "--json", "/srv/data/a/file").json["copies"]
    assert [one["via"] for one in copies] == [["nightly"], ["nightly", "offsite"]]
    assert copies[0]["data_as_of"] == copies[1]["data_as_of"]
    other = machine("explain", "--json", "/srv/data/big/file").json["copies"]
    assert [one["data_as_of"] for one in other] == [long_ago, long_ago]
    assert machine("run", "nightly").code == 0
    later = machine("explain", "--json", "/srv/data/a/file").json["copies"]
    assert later[0]["data_as_of"] > later[1]["data_as_of"] == copies[1]["data_as_of"]


@pytest.mark.tool("rsync")
def test_law_10_an_edit_that_is_not_applied_has_no_copy_yet(machine: Machine) -> None:
    assert machine("run", "nightly", "direct").code == 0
    machine.edit("/srv/data/big: direct", "/srv/data/a: direct")
    found = copy_of(machine, "/srv/data/a/file")
    assert (found["leg"], found["age_seconds"], found["there"]) == ("direct", None, False)
    assert found["why_no_age"] == "not applied yet: `policyctl apply`"


@pytest.mark.tool("rsync")
def test_a_disk_that_is_away_holds_nothing(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    marker = machine.root / "mnt/disk/.policyctl-destination"
    marker.rename(marker.with_name("elsewhere"))
    found = copy_of(machine, "/srv/data/a/file")
    assert (found["there"], found["look"]) == (False, "its destination is not there")


def test_records_that_cannot_be_read_spoil_no_answer(machine: Machine) -> None:
    (machine.root / "var/lib/policyctl/state.db").write_bytes(b"no database at all" * 99)
    done = machine("explain", "--json", "/srv/data/a/file")
    assert done.code == 0
    (found,) = done.json["copies"]
    assert found["why_no_age"].startswith("the records cannot be read: ")
    assert found["restore"] is not None


@pytest.mark.tool("rsync", "bash")
def test_law_34_the_command_brings_hostile_names_back(machine: Machine, tmp_path: Path) -> None:
    top = machine.root / "srv/data/a"
    for name in HOSTILE:
        at(top, name).mkdir()
        at(top, name, name).write_bytes(name)
    assert machine("run", "nightly").code == 0
    asked = [(name, inner) for name in HOSTILE for inner in (b"", b"/" + name)]
    paths = [b"/srv/data/a/" + name + inner for name, inner in asked]
    told = machine("explain", "--json", *paths).json
    for number, ((name, inner), one) in enumerate(zip(asked, told, strict=True)):
        command = one["copies"][0]["restore"]
        found = brought_back(command, tmp_path / f"back{number}", "disk")
        file = name if inner else name + b"/" + name
        assert found.get(file) == ("file", name), (name, command)
        assert len(found) == (1 if inner else 2)


@pytest.mark.tool("rsync", "bash")
def test_law_01_a_whole_source_comes_back_without_what_others_own(
    machine: Machine, tmp_path: Path
) -> None:
    assert machine("run", "nightly").code == 0
    dumps = machine.root / "mnt/disk/dumps"
    dumps.mkdir()
    (dumps / "dump").write_text("a dump")
    found = brought_back(copy_of(machine, "/srv/data")["restore"], tmp_path / "back", "disk")
    assert found == {
        b"disk": ("directory", b""),
        b"disk/a": ("directory", b""),
        b"disk/a/file": ("file", b"one"),
    }


# ── Over SSH ─────────────────────────────────────────────────────────────────────────────────

FAR = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: "{top}/nas", media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: "{top}/data"}}
legs:
  offsite: {{kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m}}
routes:
  "{top}/data": offsite
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "sshd") as running:
        yield running


@pytest.mark.tool("rsync", "sshd", "ssh-keygen", "bash")
def test_law_34_over_ssh_too_and_nothing_else_comes_along(tmp_path: Path, server: Server) -> None:
    manifest, copies = tmp_path / "policy.yaml", tmp_path / "nas/copies"
    manifest.write_text(FAR.format(host="here", top=tmp_path, ssh=server.yaml()))
    beside = (b"abxc", b"stXXr", b"whit", b"a", b"b")
    for name in (*HOSTILE, *beside):
        at(copies, b"d", name).mkdir(parents=True)
        at(copies, b"d", name, b"f").write_bytes(name)
    names = HOSTILE[::3]  # each takes a connection
    paths = [os.fsencode(tmp_path) + b"/data/d/" + name for name in names]
    unseen = policyctl("explain", "--json", "-p", str(manifest), *paths).json
    assert {one["copies"][0]["look"] for one in unseen} == {"not looked at"}
    missing = os.fsencode(tmp_path) + b"/data/d/nothing*"
    done = policyctl("explain", "--json", "--look", "-p", str(manifest), *paths, missing)
    *seen, none = done.json
    assert [one["copies"][0]["there"] for one in (*seen, none)] == [*[True] * len(seen), False]
    for number, (name, one) in enumerate(zip(names, seen, strict=True)):
        found = brought_back(one["copies"][0]["restore"], tmp_path / f"back{number}", "nas")
        files = {key: value for key, value in found.items() if value[0] == "file"}
        assert list(files.values()) == [("file", name)], one["copies"][0]["restore"]
        (path,) = files
        assert path.endswith(name + b"/f")


@pytest.mark.tool("rsync", "sshd", "ssh-keygen")
def test_a_machine_that_does_not_answer_is_said_not_to(tmp_path: Path, server: Server) -> None:
    manifest = tmp_path / "policy.yaml"
    manifest.write_text(FAR.format(host="here", top=tmp_path, ssh=server.yaml()))
    server.forget_host()
    path = f"{tmp_path}/data/a"
    found = policyctl("explain", "--json", "--look", "-p", str(manifest), path).json
    (copy,) = found["copies"]
    assert (copy["there"], copy["look"]) == (None, "could not be looked at")
    assert "Host key verification failed" in copy["look_why"]
    assert "ssh-keyscan -p" in copy["look_why"]
    assert "\r" not in copy["look_why"]


# ── Whole trees ──────────────────────────────────────────────────────────────────────────────


def test_a_tree_is_told_by_leg_like_du(machine: Machine) -> None:
    machine.write("srv/data/cache/deep/x", "x" * 100)
    machine.write("srv/data/a/.file.swp", "s")
    os.link(machine.root / "srv/data/a/file", machine.root / "srv/data/a/again")
    done = machine("explain", "--tree", "--json", "/srv/data")
    assert done.code == 0, done.err
    whole, *inside = done.json["directories"]
    assert (whole["path"], whole["depth"], whole["files"]) == ("/srv/data", 0, 6)
    assert whole["bytes"] == 3 + len("two two") + len("three") + 100 + 1, "hard links once"
    assert [one["path"] for one in inside] == [
        f"/srv/data/{name}" for name in ("a", "big", "cache", "scratch")
    ]
    shares = {(one["leg"], one["fate"]): one for one in whole["shares"]}
    assert shares["nightly", "carried"]["files"] == 2
    assert shares["none", "none"]["reason"] == "made anew each day"
    assert {one["reason"] for one in whole["shares"] if one["fate"] == "ignored"} == {
        "rebuilt",
        "editor's swap file",
    }
    alone = machine("explain", "/srv/data", "--depth", "2")
    assert (alone.code, "--depth goes with --tree" in alone.err) == (2, True)
    human = machine("explain", "--tree", "/srv/data", "--depth", "0").out.splitlines()
    assert human[1].split()[:3] == ["116", "B", "6"]
    assert "none: made anew each day ('/srv/data/scratch', line 26)" in human


def test_a_tree_above_the_sources_is_told_too(machine: Machine) -> None:
    machine.write("srv/other/file", "12345")
    found = machine("explain", "--tree", "--json", "/srv").json["directories"]
    fates = {one["path"]: [share["leg"] for share in one["shares"]] for one in found}
    assert fates["/srv/archive"] == ["in-cluster"]
    assert fates["/srv/other"] == ["none"]
    (other,) = [one for one in found if one["path"] == "/srv/other"]
    assert other["shares"][0]["fate"] == "no source"


def test_each_file_of_a_tree_is_told_as_by_itself(machine: Machine) -> None:
    """The summary and the single answer are one judgement."""
    for name in (b"cache", b".policyctl-x", b"lost+found", b"dumps", b"big", *HOSTILE):
        for inner in (b"x", b"y.swp"):
            file = at(machine.root / "srv/data", name, inner)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"1")
    found = machine("explain", "--tree", "--json", "/srv/data").json["directories"]
    names = {
        base64.b64decode(one["path_b64"]) if "path_b64" in one else one["path"].encode(): one
        for one in found[1:]
    }
    assert len(names) == len(HOSTILE) + 7
    for path, one in names.items():
        single = machine("explain", "--json", path + b"/x").json
        whose = {share["leg"] for share in one["shares"] if share["fate"] != "ignored"}
        assert single["leg"] in whose or (single["leg"], whose) == ("none", set()), path


def test_what_is_no_directory_has_no_tree(machine: Machine) -> None:
    done = machine("explain", "--tree", "/srv/data/a/file")
    assert (done.code, done.out) == (5, "")
    assert "is no directory" in done.err
    failed = machine("explain", "--tree", "--json", "database:")
    assert failed.code == 5
    assert "is an item of a source" in json.loads(failed.out)["error"]


@pytest.mark.tool("rsync")
def test_asking_leaves_the_records_as_they_are(machine: Machine) -> None:
    assert machine("run", "nightly").code == 0
    shutil.rmtree(machine.root / "var/lib/policyctl/locks")
    state = machine.root / "var/lib/policyctl"
    before = {one.name: (one.stat().st_mtime_ns, one.stat().st_size) for one in state.iterdir()}
    assert machine("explain", "/srv/data/a").code == 0
    assert machine("explain", "--tree", "/srv").code == 0
    after = {one.name: (one.stat().st_mtime_ns, one.stat().st_size) for one in state.iterdir()}
    assert after == before
