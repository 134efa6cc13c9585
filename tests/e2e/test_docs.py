"""`policyctl docs` as a user meets it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, REFERENCE, Machine, policyctl

RECORD = ".policyctl-docs.json"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def listed(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


@pytest.fixture
def folder(machine: Machine) -> Path:
    done = machine("docs", "out")
    assert done.code == 0, done.err
    return machine.folder / "out"


def test_pages_are_written_and_the_same_again(machine: Machine, folder: Path) -> None:
    before = listed(folder)
    assert {"index.md", "restore.md", "runbooks/data.md", "losses/nas.md", RECORD} <= set(before)
    times = {one: one.stat().st_mtime_ns for one in folder.rglob("*.md")}
    again = machine("docs", "out", "--json")
    assert again.code == 0, again.err
    assert (again.json["differs"], again.json["written"]) == (False, False)
    assert listed(folder) == before
    assert {one: one.stat().st_mtime_ns for one in folder.rglob("*.md")} == times
    assert (folder / "index.md").stat().st_mode & 0o777 == 0o644


def test_check_says_what_differs_and_writes_nothing(machine: Machine, folder: Path) -> None:
    assert machine("docs", "out", "--check").code == 0
    machine.edit('"made anew each day"', '"made anew each night"')
    before = listed(folder)
    done = machine("docs", "out", "--check")
    assert done.code == 4
    assert "changed  index.md" in done.out
    assert listed(folder) == before
    assert machine("docs", "elsewhere", "--check", "--json").json["created"]
    assert not (machine.folder / "elsewhere").exists()
    assert machine("docs", "out").code == 0
    assert machine("docs", "out", "--check").code == 0
    assert b"made anew each night" in (folder / "index.md").read_bytes()


def test_what_is_applied_is_rendered_unless_a_manifest_is_named(machine: Machine) -> None:
    assert machine("apply").code == 0
    machine.edit('"made anew each day"', '"made anew each night"')
    root = ("--root", str(machine.root))
    assert policyctl("docs", "applied", *root, cwd=machine.folder).code == 0
    assert machine("docs", "edited").code == 0
    pages = machine.folder / "applied", machine.folder / "edited"
    assert [b"each night" in (one / "index.md").read_bytes() for one in pages] == [False, True]


def test_a_page_edited_by_hand_is_not_overwritten_unless_it_is_named(
    machine: Machine, folder: Path
) -> None:
    page = folder / "disks.md"
    page.write_text("my own notes")
    done = machine("docs", "out")
    assert done.code == 5
    assert "disks.md was changed by hand; nothing was written" in done.err
    assert page.read_text() == "my own notes"
    named = machine("docs", "out", "--overwrite", "disks.md")
    assert named.code == 0, named.err
    assert b"my own notes" not in page.read_bytes()
    strange = machine("docs", "out", "--overwrite", "../disks.md")
    assert strange.code == 5
    assert machine("docs", "out", "--check", "--overwrite", "disks.md").code == 2


def test_only_pages_of_its_own_are_removed(machine: Machine, folder: Path) -> None:
    (folder / "runbooks/mine.md").write_text("mine")
    (folder / "notes.txt").write_text("mine as well")
    machine.edit("  archive: {kind: tree", "  attic: {kind: tree")
    machine.edit("from: archive", "from: attic")
    done = machine("docs", "out")
    assert done.code == 0, done.err
    assert "gone     runbooks/archive.md" in done.out
    assert not (folder / "runbooks/archive.md").exists()
    assert (folder / "runbooks/attic.md").exists()
    assert (folder / "runbooks/mine.md").read_text() == "mine"
    assert (folder / "notes.txt").read_text() == "mine as well"


def test_a_page_of_somebody_elses_is_left(machine: Machine) -> None:
    (machine.folder / "out").mkdir()
    (machine.folder / "out/index.md").write_text("a site of mine")
    done = machine("docs", "out")
    assert done.code == 5
    assert "index.md was not written by policyctl" in done.err
    assert listed(machine.folder / "out") == {"index.md": b"a site of mine"}


def test_no_symlink_leads_out_of_the_folder(machine: Machine, folder: Path) -> None:
    elsewhere = machine.folder / "elsewhere"
    elsewhere.mkdir()
    for page in (folder / "runbooks").iterdir():
        page.unlink()
    (folder / "runbooks").rmdir()
    (folder / "runbooks").symlink_to(elsewhere)
    done = machine("docs", "out")
    assert done.code == 5
    assert "leads out of the root" in done.err
    assert list(elsewhere.iterdir()) == []


def test_what_is_in_the_way_is_told(machine: Machine, folder: Path) -> None:
    (folder / "index.md").unlink()
    os.mkfifo(folder / "index.md")
    assert "index.md" in machine("docs", "out").err
    (folder / "index.md").unlink()
    (folder / "index.md").mkdir()
    assert machine("docs", "out").code == 5
    (folder / RECORD).write_text("{}")
    done = machine("docs", "out")
    assert done.code == 5
    assert "cannot be used" in done.err


def test_a_manifest_that_is_not_valid_has_no_docs(machine: Machine) -> None:
    machine.edit("kind: postgresql", "kind: postgres")
    assert machine("docs", "out").code == 3
    assert not (machine.folder / "out").exists()


def test_the_docs_of_the_reference_lab_are_those_beside_it(update_golden: bool) -> None:
    command = ("docs", str(CHECKOUT / "examples/homelab/docs"), "--policy", str(REFERENCE))
    if update_golden:
        assert policyctl(*command).code == 0
    done = policyctl(*command, "--check")
    assert done.code == 0, (done.out, "pytest --update-golden")
