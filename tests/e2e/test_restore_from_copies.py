"""`policyctl restore --at`: from the destination alone, on a machine that knows nothing."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine, policyctl
from tests.e2e.test_restore import HISTORY, HOUSE, names_in
from tests.integration.lab import tree, wrap_rsync

pytestmark = pytest.mark.tool("rsync")
LEFT = ".policyctl-plan.json"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk that has been taken out of its machine, which is gone."""
    (tmp_path / "old").mkdir()
    machine = Machine(tmp_path / "old", HOUSE)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    (machine.root / "srv/data/a/file").write_text("two")
    time.sleep(1.1)
    assert machine("run", "nightly", "offsite").code == 0
    return taken_out(machine, tmp_path, "mnt/disk")


def taken_out(machine: Machine, tmp_path: Path, place: str) -> Path:
    found = tmp_path / "found"
    shutil.copytree(machine.root / place, found, symlinks=True)
    (tmp_path / "manifest.yaml").write_text(machine.manifest.read_text())
    shutil.rmtree(machine.folder)
    return found


def test_all_that_is_needed_lies_beside_the_copies(disk: Path, tmp_path: Path) -> None:
    done = policyctl("restore", "--at", str(disk), "/srv/data/a/file", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "restored-from-disk/file").read_text() == "two"
    assert done.json["versions"][0]["moment"] is not None
    (old,) = (one for one in done.json["versions"] if one["kind"] == "set-aside")
    assert old["moment"] is not None, "the runs before are known as well"
    done = policyctl(
        "restore", "--at", str(disk), "/srv/data/a/file", "--as-of", old["moment"],
        "--to", str(tmp_path / "then"), cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "then/file").read_text() == "one"


def test_a_whole_source_comes_back_from_there(disk: Path, tmp_path: Path) -> None:
    done = policyctl("restore", "--at", str(disk), "/srv/data", cwd=tmp_path)
    assert done.code == 0, done.err
    assert tree(tmp_path / "restored-from-disk/data") == {
        b"a": ("directory", b""),
        b"a/file": ("file", b"two"),
        b"big": ("directory", b""),
        b"big/film": ("file", b"two two"),
        b"scratch": ("directory", b""),
        b"scratch/heap": ("file", b"three"),
    }


def test_without_what_was_left_the_manifest_and_the_name_do(disk: Path, tmp_path: Path) -> None:
    (disk / LEFT).unlink()
    bare = policyctl("restore", "--at", str(disk), "/srv/data/a/file", cwd=tmp_path)
    assert bare.code == 5
    assert "--policy FILE --from DESTINATION" in bare.err
    done = policyctl(
        "restore", "--at", str(disk), "-p", str(tmp_path / "manifest.yaml"), "--from", "disk",
        "/srv/data/a/file", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "age not known" in done.out
    assert (tmp_path / "restored-from-disk/file").read_text() == "two"


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"format": 1, "plan": {}}'])
def test_what_cannot_be_read_is_told(disk: Path, tmp_path: Path, content: str) -> None:
    (disk / LEFT).write_text(content)
    done = policyctl("restore", "--at", str(disk), "/srv/data/a/file", cwd=tmp_path)
    assert done.code == 5
    assert "Traceback" not in done.err
    assert LEFT in done.err


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Europe/Nowhere", "/etc"])
def test_a_time_zone_that_this_machine_does_not_know_is_in_nobodys_way(
    disk: Path, tmp_path: Path, zone: str
) -> None:
    left = json.loads((disk / LEFT).read_text())
    left["plan"]["timezone"] = zone
    (disk / LEFT).write_text(json.dumps(left))
    done = policyctl("restore", "--at", str(disk), "/srv/data/a/file", cwd=tmp_path)
    assert done.code == 0, done.err
    assert f"does not know the time zone {zone!r}: all times are UTC" in done.err


def test_what_to_type_next_is_about_these_copies_too(disk: Path, tmp_path: Path) -> None:
    copy = disk / "data/a/big.db"
    copy.write_bytes(b"SQLite format 3\0 and no more")
    (aside,) = (disk / "data/.policyctl-deleted").iterdir()
    shutil.copy(copy, aside / "a/big.db")
    done = policyctl("restore", "--at", str(disk), "/srv/data/a/big.db", cwd=tmp_path)
    assert done.code == 6, done.out
    assert "is damaged or differs" in done.err
    assert f"`policyctl restore /srv/data/a/big.db --at {disk} --from disk:2" in done.err


def test_law_41_what_lies_there_is_no_symlink_to_elsewhere(disk: Path, tmp_path: Path) -> None:
    (disk / LEFT).rename(tmp_path / "plan.json")
    (disk / LEFT).symlink_to(tmp_path / "plan.json")
    done = policyctl("restore", "--at", str(disk), "/srv/data/a/file", cwd=tmp_path)
    assert done.code == 5, done.out


def test_among_the_copies_nothing_is_restored(disk: Path, tmp_path: Path) -> None:
    done = policyctl("restore", "--at", ".", "/srv/data/a/file", cwd=disk)
    assert done.code == 5
    assert "lies among the copies" in done.err
    assert names_in(disk) == [".policyctl-destination", LEFT, "data"]


def test_generations_that_a_later_hop_carried_on_come_back_from_there(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    machine = Machine(tmp_path / "old", HISTORY)
    assert machine("apply").code == 0
    assert machine("run", "nightly", "offsite").code == 0
    nas = taken_out(machine, tmp_path, "@nas.example.net/volume1/copies")
    done = policyctl("restore", "--at", str(nas), "/srv/data/a/file", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [one["whole"] for one in done.json["versions"]] == ["complete"]
    assert (tmp_path / "restored-from-nas/file").read_text() == "one"


def test_the_newest_generation_is_whole_although_another_leg_began_before(tmp_path: Path) -> None:
    """A hop's own age is that of the oldest leg that it reads, which began before it was made."""
    (tmp_path / "old").mkdir()
    first = '  first: {kind: mirror, to: "disk:/first", schedule: "01:00"}\nroutes:'
    text = HISTORY.replace("routes:", first) + "  /srv/data/b: first\n"
    machine = Machine(tmp_path / "old", text)
    machine.write("srv/data/b/other", "rides the first leg")
    assert machine("apply").code == 0
    for content in ("one", "two"):
        machine.write("srv/data/a/file", content)
        assert machine("run", "first").code == 0
        time.sleep(1.1)  # generations are named by the second
        assert machine("run", "nightly").code == 0
        assert machine("run", "offsite").code == 0
    nas = taken_out(machine, tmp_path, "@nas.example.net/volume1/copies")
    done = policyctl("restore", "--at", str(nas), "/srv/data/a/file", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [one["whole"] for one in done.json["versions"]] == ["complete", "complete"]
    assert (tmp_path / "restored-from-nas/file").read_text() == "two"


def test_what_is_left_goes_with_no_leg_and_is_nobodys_orphan(tmp_path: Path) -> None:
    machine = Machine(tmp_path, HOUSE.replace("from: nightly", "from: disk"))
    assert machine("apply").code == 0
    for _ in range(2):
        assert machine("run", "nightly", "offsite").code == 0
    left = json.loads((machine.root / "mnt/disk" / LEFT).read_text())
    assert left["destination"] == "disk"
    # Of all legs: what the disk had got when it was carried on is told further on, too.
    assert {leg: len(runs) for leg, runs in left["runs"].items()} == {"nightly": 2, "offsite": 1}
    assert (machine.root / "mnt/disk" / LEFT).stat().st_mode & 0o777 == 0o600
    far = machine.root / "@nas.example.net/volume1/copies"
    assert json.loads((far / LEFT).read_text())["destination"] == "nas"
    assert names_in(far / "lab") == ["data"]
    assert policyctl("gc", "--json", "--root", str(machine.root)).json["orphans"] == []


def test_a_run_that_did_not_come_to_its_end_is_known_from_the_copies_alone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    machine = Machine(tmp_path / "old", HOUSE)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    fails = 'case "$*" in *--max-delete*) exit 11;; esac; real "$@"'
    broken = wrap_rsync(tmp_path / "bin", fails)
    (machine.root / "srv/data/a/file").write_text("two")
    assert machine("run", "nightly", PATH=broken).code == 5
    disk = taken_out(machine, tmp_path, "mnt/disk")
    done = policyctl("restore", "--at", str(disk), "/srv/data/a", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "note      a run of nightly began on " in done.out
    assert "is not known to have succeeded: some of it may be newer than it says" in done.out


def test_once_one_has_succeeded_nothing_is_said_of_those_before(disk: Path, tmp_path: Path) -> None:
    done = policyctl("restore", "--at", str(disk), "/srv/data/a", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "not known to have succeeded" not in done.out
