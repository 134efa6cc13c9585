"""A first backup that is cut off while its source changes: it goes on without a person."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from tests.integration.killing import before_step, killed
from tests.integration.lab import Lab, tree, write

pytestmark = pytest.mark.tool("rsync")
COPIED = 6
"""So many steps, and the transfer is one of them."""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    for name in ("a/1", "a/2", "b/3", "c"):
        write(lab.source / name, name)
    return lab


def cut_off(lab: Lab) -> None:
    """Kill the first pass once it has copied, and before it has succeeded."""
    killed(lambda: lab.run(), before_step(COPIED))
    assert (lab.disk / "a/1").exists()


@contextmanager
def mounted(at: Path) -> Iterator[None]:
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def test_what_the_source_has_lost_since_is_deleted(lab: Lab) -> None:
    for number in range(3):
        killed(lambda: lab.run(), before_step(COPIED if number == 0 else number))
        (lab.source / "a" / f"{number + 1}").unlink(missing_ok=True)
    write(lab.source / "b/new")
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert tree(lab.disk).keys() - {b".policyctl-destination"} == tree(lab.source).keys()


def test_what_lay_there_before_stays(lab: Lab) -> None:
    write(lab.disk / "a/theirs", "somebody's")
    write(lab.disk / "stranger", "somebody's")
    cut_off(lab)
    for name in ("a/1", "a/2"):
        (lab.source / name).unlink()
    (lab.source / "a").rmdir()
    (lab.source / "b/3").unlink()
    report = lab.run()
    assert report.status is RunStatus.OK, report
    assert (lab.disk / "a/theirs").read_text() == "somebody's"
    assert (lab.disk / "stranger").exists()
    assert not (lab.disk / "b/3").exists()


@pytest.mark.root
def test_another_file_system_in_its_place_deletes_nothing(lab: Lab) -> None:
    cut_off(lab)
    with mounted(lab.source):
        write(lab.source / "c")
        report = lab.run()
        assert report.status is RunStatus.GUARD, report
        assert (lab.disk / "a/1").exists()
    (lab.source / "a/1").unlink()
    assert lab.run().status is RunStatus.OK
    assert not (lab.disk / "a/1").exists()


@pytest.mark.root
def test_what_is_not_mounted_any_more_is_not_deleted(lab: Lab) -> None:
    with mounted(lab.source / "inner"):
        write(lab.source / "inner/photo")
        cut_off(lab)
        assert (lab.disk / "inner/photo").exists()
    report = lab.run()
    assert report.status is RunStatus.GUARD, report
    assert (lab.disk / "inner/photo").exists()
    assert lab.run("nightly", Waiver.DELETIONS).status is RunStatus.OK
