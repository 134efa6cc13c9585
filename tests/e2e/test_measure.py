"""`policyctl measure`, and what `plan` knows by it."""

import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.test_cli import CHECKOUT, Machine

STATE = "var/lib/policyctl/state.db"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def figures(machine: Machine, *sources: str):
    found = machine("measure", "--json", *sources).json["sources"]
    return {one["source"]: one for one in found}


def sizes(source) -> dict[str, tuple[int, int]]:
    return {one["route"]: (one["files"], one["bytes"]) for one in source["routes"]}


def test_each_route_has_its_files_and_bytes(machine: Machine) -> None:
    machine.write("srv/data/a/x.swp", "ignored")
    machine.write("srv/data/cache/deep/er", "ignored as well")
    os.link(machine.root / "srv/data/a/file", machine.root / "srv/data/big/linked")
    found = figures(machine)
    assert list(found) == ["archive", "data"]
    data = found["data"]
    assert sizes(data) == {
        "/srv/data/big": (2, 7),
        "/srv/data/scratch": (1, 5),
        "/srv/data": (1, 3),
    }
    assert [one["leg"] for one in data["routes"]] == ["direct", "none", "nightly"]
    assert (data["path"], data["found"], data["kept"]) == ("/srv/data", True, True)
    assert (data["files"], data["bytes"]) == (4, 15)
    assert data["ignored"] == {"files": 2, "bytes": 22}
    assert (data["unreadable_directories"], data["seconds"] >= 0) == (0, True)
    (whole,) = found["archive"]["routes"]
    assert whole == {"route": "/srv/archive", "leg": "in-cluster", "files": 1, "bytes": 4}


def test_people_see_a_table(machine: Machine) -> None:
    done = machine("measure", "data")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["source", "files", "size", "leg", "route"],
        ["data", "1", "7", "B", "direct", "/srv/data/big"],
        ["data", "1", "5", "B", "none", "/srv/data/scratch"],
        ["data", "1", "3", "B", "nightly", "/srv/data"],
    ]
    sentence = r"data: 15 B, 3 files; ignored: 0 B, 0 files; in \d+\.\d s"
    assert re.fullmatch(sentence, lines[4])


def test_plan_shows_what_was_measured_and_says_how_old_it_is(machine: Machine) -> None:
    assert machine("apply").code == 0
    assert machine("measure").code == 0
    machine.write("srv/data/scratch/later", "x" * 1000)
    machine.edit('{none: "made anew each day"}', "direct")
    shown = machine("plan").out
    assert "5 B, 1 file" in shown
    assert "as measured" not in shown
    before = (datetime.now(UTC) - timedelta(days=3, hours=1)).isoformat()
    with closing(sqlite3.connect(machine.root / STATE)) as db:
        db.execute("UPDATE measured SET at = ?", (before,))
        db.commit()
    assert "as measured 3 d ago" in machine("plan").out
    assert machine("measure").code == 0
    shown = machine("plan").out
    assert "1005 B, 2 files" in shown
    assert "as measured" not in shown
    machine.edit('"*.swp": "editor\'s swap file"', '"*.other": "something else"')
    machine.write("srv/data/scratch/more", "x" * 2000)
    assert "2.9 KiB, 3 files" in machine("plan").out, "other ignores: the tree is walked again"


def test_a_source_that_was_renamed_need_not_be_measured_again(machine: Machine) -> None:
    assert machine("apply").code == 0
    assert machine("measure").code == 0
    machine.edit(
        "  data: {kind: tree, path: /srv/data", "  files: {was: data, kind: tree, path: /srv/data"
    )
    assert machine("apply").code == 0
    with closing(sqlite3.connect(machine.root / STATE)) as db:
        named = {row[0] for row in db.execute("SELECT source FROM measured")}
        assert named == {row[0] for row in db.execute("SELECT source FROM volume")}
    assert named == {"files", "archive"}


def test_law_36_a_source_that_leaves_takes_its_figures_along(machine: Machine) -> None:
    assert machine("apply").code == 0
    assert machine("measure").code == 0
    text = machine.manifest.read_text()
    leg = text[text.index("  in-cluster:") : text.index("routes:")]
    archive = next(line for line in text.splitlines(True) if line.startswith("  archive:"))
    machine.manifest.write_text(text.replace(leg, "").replace(archive, ""))
    done = machine("apply", "--accept-removals")
    assert done.code == 0, done.err
    with closing(sqlite3.connect(machine.root / STATE)) as db:
        assert db.execute("SELECT source FROM measured").fetchall() == [("data",)]


def test_a_tree_that_is_not_there_is_said_to_be(machine: Machine) -> None:
    shutil.rmtree(machine.root / "srv/archive")
    done = machine("measure")
    assert done.code == 5
    assert "archive: /srv/archive is not there, or empty: it was not measured" in done.err
    assert "data" in done.out, "the others are measured all the same"
    assert figures(machine)["archive"] == {
        "source": "archive",
        "path": "/srv/archive",
        "found": False,
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "there is no source 'nothing'; there are: archive, data"),
        ("database", "database is no tree, and only trees are measured: archive, data"),
    ],
)
def test_only_trees_of_the_manifest_are_measured(machine: Machine, name: str, said: str) -> None:
    done = machine("measure", name)
    assert (done.code, done.out) == (5, "")
    assert said in done.err


def test_a_lost_state_is_not_hidden_behind_a_new_one(machine: Machine) -> None:
    assert machine("apply").code == 0
    (machine.root / STATE).unlink()
    done = machine("measure")
    assert done.code == 0
    assert "the figures are not kept for `policyctl plan" in done.err
    assert not (machine.root / STATE).exists()


def test_a_terminal_sees_how_far_it_is(machine: Machine) -> None:
    master, slave = pty.openpty()
    policy = ("-p", str(machine.manifest), "--root", str(machine.root))
    done = subprocess.run(
        [sys.executable, "-m", "policyctl.main", "measure", "data", *policy],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=slave,
        check=True,
    )
    os.close(slave)
    shown = os.read(master, 10_000)
    os.close(master)
    assert b"\rdata: 3 files, 15 B " in shown
    assert shown.endswith(b" \r"), "the line is left empty"
    assert b"\r" not in done.stdout


AS_NOBODY = """\
import os, sys
from policyctl.main import app, main
app(args=sys.argv[1:], standalone_mode=False)  # as root: what nobody may not import is there then
os.seteuid(65534)
main(sys.argv[1:])
"""


@pytest.mark.root
def test_without_root_what_is_readable_is_measured() -> None:
    with TemporaryDirectory() as name:
        machine = Machine(Path(name))
        machine.write("srv/data/shut/file", "1")
        for path in (machine.folder, *machine.folder.rglob("*")):
            path.chmod(0o755)
        (machine.root / "srv/data/shut").chmod(0o700)
        (machine.root / "var/lib/policyctl").mkdir(parents=True, mode=0o700)
        policy = ("-p", str(machine.manifest), "--root", str(machine.root))
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "measure", "data", *policy],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 6, done.stderr
    assert "data: 16 B, 4 files;" in done.stdout
    assert "data: 15 B, 3 files;" in done.stdout, "all but what it may not read"
    assert (
        "data: 1 directory could not be read: the figures are short by what is in " in done.stderr
    )
    assert "data: the figures are not kept for `policyctl plan" in done.stderr
