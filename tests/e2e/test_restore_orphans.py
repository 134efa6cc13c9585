"""`policyctl restore` from what no leg carries any more: last of all, and called what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine
from tests.e2e.test_restore import HISTORY, HOUSE, names_in

pytestmark = pytest.mark.tool("rsync")


def house(folder: Path, text: str = HOUSE) -> Machine:
    machine = Machine(folder, text)
    assert machine("apply").code == 0
    assert machine("run", "nightly", "offsite").code == 0
    return machine


@pytest.fixture
def unrouted(tmp_path: Path) -> Machine:
    """A directory that goes nowhere any more, and is lost."""
    machine = house(tmp_path)
    machine.edit("  /srv/data: nightly\n", '  /srv/data: nightly\n  /srv/data/a: {none: "x"}\n')
    assert machine("apply").code == 0
    assert machine("run", "nightly", "offsite").code == 0
    shutil.rmtree(machine.root / "srv/data/a")
    return machine


def test_what_is_routed_to_none_comes_back_from_an_orphan(unrouted: Machine) -> None:
    done = unrouted("restore", "/srv/data/a/file")
    assert done.code == 0, done.err
    assert "takes     disk:/data/a: what nightly left of " in done.out
    assert "because   nothing that a leg carries may be taken; this is an orphan since " in done.out
    assert "note      disk:/data/a is an orphan (routed to none: x): nothing watches" in done.out
    assert (unrouted.folder / "restored-from-disk/file").read_text() == "one"
    listed = unrouted("restore", "/srv/data/a", "--list", "--json").json
    found = {one["from"]: one for one in listed["versions"]}
    assert sorted(found) == ["disk:/data/a", "nas:/lab/a"]
    first = found["disk:/data/a"]
    assert (first["orphan"]["why"], first["chosen"]) == ("routed to none: x", True)
    assert first["moment"] is not None
    told = unrouted("restore", "/srv/data/a", "--list").out.splitlines()
    assert told[1].endswith("/mnt/disk/data/a  an orphan: no leg carries it any more")
    for named in ("nas", "nas:/lab/a"):
        to = str(unrouted.folder / f"to-{named.replace('/', '-')}")
        done = unrouted("restore", "/srv/data/a", "--from", named, "--to", to)
        assert done.code == 0, done.err
        assert names_in(Path(to) / "a") == ["file"]
    wrong = unrouted("restore", "/srv/data/a", "--from", "elsewhere")
    assert "there are: disk, nas" in wrong.err


def test_an_age_is_that_of_the_last_run_before_it_was_left(unrouted: Machine) -> None:
    moment = unrouted("restore", "/srv/data/a", "--list", "--json").json["versions"][0]["moment"]
    unrouted.write("srv/data/other", "later")
    assert unrouted("run", "nightly", "offsite").code == 0
    again = unrouted("restore", "/srv/data/a", "--list", "--json").json["versions"][0]["moment"]
    assert again == moment


def test_what_a_leg_carries_is_taken_before_any_orphan(tmp_path: Path) -> None:
    machine = house(tmp_path)
    legs = '  second: {kind: mirror, to: "nas:/second", schedule: "03:00", timeout: 5m}\nroutes:'
    machine.edit("routes:", legs)
    machine.edit("  /srv/data: nightly\n", "  /srv/data: nightly\n  /srv/data/a: second\n")
    assert machine("apply").code == 0
    assert machine("run", "second").code == 0
    done = machine("restore", "/srv/data/a/file")
    assert done.code == 0, done.err
    assert "takes     nas: the newest state" in done.out
    assert "not       disk:/data/a: what nightly left of " in done.out
    assert "an orphan of nightly: no leg carries it any more (routed to second now)" in done.out
    named = machine("restore", "/srv/data/a/file", "--from", "disk")
    assert named.code == 0, named.err
    assert "takes     disk:/data/a: what nightly left" in named.out


def test_the_parent_of_an_orphan_is_not_taken_from_it(unrouted: Machine) -> None:
    done = unrouted("restore", "/srv/data", "--list", "--json")
    assert done.code == 0, done.err
    assert all(one["orphan"] is None for one in done.json["versions"])


def test_generations_of_a_leg_that_is_gone_come_back(tmp_path: Path) -> None:
    machine = house(tmp_path, HISTORY)
    text = machine.manifest.read_text()
    text = text.replace("nightly:", "other:").replace('to: "disk:/data"', 'to: "disk:/other"')
    text = text.replace("/srv/data: nightly", "/srv/data: other")
    machine.manifest.write_text(text)
    done = machine("apply", "--accept-removals")
    assert done.code == 0, done.err
    assert machine("run", "other").code == 0
    (made,) = names_in(machine.root / "mnt/disk/data")
    named = f"disk:/data/{made}"
    listed = machine("restore", "/srv/data/a/file", "--list", "--json").json
    old = next(one for one in listed["versions"] if one["from"] == named)
    assert (old["kind"], old["whole"], old["chosen"]) == ("generation", "complete", False)
    assert old["why_not"].startswith("an orphan of nightly: no leg carries it any more")
    (machine.root / "srv/data/a/file").unlink()
    done = machine("restore", "/srv/data/a/file", "--from", named)
    assert done.code == 0, done.err
    assert (machine.folder / "restored-from-disk/file").read_text() == "one"


def test_of_a_source_that_is_gone_its_orphans_are_named(tmp_path: Path) -> None:
    text = HOUSE.replace("legs:\n", 'legs:\n  old: {kind: mirror, from: shelf, to: "disk:/old"}\n')
    text = text.replace("sources:\n", "sources:\n  shelf: {kind: tree, path: /srv/archive}\n")
    machine = house(tmp_path, text)
    assert machine("run", "old").code == 0
    machine.manifest.write_text(HOUSE)
    assert machine("apply", "--accept-removals").code == 0
    done = machine("restore", "/srv/archive/old")
    assert done.code == 5
    assert "What sources that are gone have left lies in disk:/old: `policyctl gc" in done.err
