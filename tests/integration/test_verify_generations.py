"""Generations compared with what they were made of: trees, items of a real btrfs, databases."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.system.runs.runner import run_leg
from engine.system.verify.compare import verify_leg
from engine.system.verify.reading import Asked
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified
from tests.databases import make
from tests.integration.btrfs import Machine, do, mounted_btrfs
from tests.integration.lab import HOSTILE, Lab, at, tree, write
from tests.integration.test_sqlite_legs import House as Bases
from tests.integration.test_verify import rot
from tests.integration.test_versions import House as Versions

pytestmark = pytest.mark.tool("rsync")


def now() -> datetime:
    return datetime.now(UTC)


def back_up(lab: Lab, leg: str) -> None:
    """A run by the machine's own clock: change times are by that."""
    time.sleep(1.02)  # generations are named by the second
    report = run_leg(lab.plan, leg, places=lab.places, clock=now)
    assert report.status.succeeded, report


def verify(lab: Lab, leg: str, most: int | None = None, within=None) -> tuple[Verified, ...]:
    leg_plan = lab.plan.leg(leg)
    assert leg_plan is not None
    before = tree(lab.source), tree(lab.disk)
    asked = Asked(most=most, seed=1, within=within)
    found = verify_leg(lab.plan, leg_plan, asked, places=lab.places, clock=now, say=lambda _: None)
    assert (tree(lab.source), tree(lab.disk)) == before, "nothing is written"
    return found


@pytest.fixture
def house(tmp_path: Path) -> Versions:
    house = Versions(tmp_path)
    back_up(house, "hist")
    house.change()
    back_up(house, "hist")
    return house


def newest(house: Versions) -> Path:
    return house.hist / house.generations()[-1]


@pytest.mark.parametrize("most", [None, 1_000])
def test_the_newest_generation_of_a_tree_is_sound(house: Versions, most: int | None) -> None:
    (found,) = verify(house, "hist", most)
    assert found.sound, found
    assert found.generation == house.generations()[-1]
    assert found.files == found.compared == len(HOSTILE) + 4


@pytest.mark.parametrize("most", [None, 1_000])
def test_every_way_to_differ_is_told_apart(house: Versions, most: int | None) -> None:
    rot(newest(house) / "a/two")
    at(newest(house), b"odd", b"new\nline").unlink()
    write(newest(house) / "a/extra")
    (found,) = verify(house, "hist", most)
    wanted = {b"a/two": Difference.DAMAGED, b"odd/new\nline": Difference.MISSING}
    if most is None:
        wanted[b"a/extra"] = Difference.EXTRA
    assert {one.path: one.difference for one in found.found} == wanted


def test_what_changed_since_and_what_no_leg_carries_say_nothing(house: Versions) -> None:
    house.change()
    write(house.source / "scratch/more")
    write(house.source / "new.tmp")
    (found,) = verify(house, "hist")
    assert found.sound, found
    assert found.changed >= 1


def test_a_path_in_it_is_compared_alone(house: Versions) -> None:
    rot(newest(house) / "a/two")
    (found,) = verify(house, "hist", within={"data": ((b"odd",),)})
    assert found.sound, found
    assert found.compared == len(HOSTILE)


def test_where_the_generation_is_gone_nothing_is_said_of_an_older_one(house: Versions) -> None:
    newest(house).rename(house.disk / "elsewhere")
    (found,) = verify(house, "hist")
    assert "no generation of it is there" in found.refused


# ── Items ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Machine]:
    with mounted_btrfs(tmp_path, tmp_path / "srv/pool"):
        pool = Machine(tmp_path)
        write(pool.pool / "photos/one", b"1" * 5000)
        pool.run("snaps")
        pool.run("files")
        yield pool


items = pytest.mark.tool("btrfs", "mkfs.btrfs", "losetup")


@items
@pytest.mark.root
@pytest.mark.parametrize("most", [None, 1_000])
def test_an_item_is_compared_with_the_snapshot_that_it_was_made_of(
    pool: Machine, most: int | None
) -> None:
    """However old its snapshots are by now: here the clock is a week behind the machine's."""
    write(pool.pool / "photos/one", b"2" * 6000)
    pool.run("snaps")  # a newer one says nothing of it
    assert [(one.reads, one.sound) for one in verify(pool, "files", most)] == [
        ("apps", True),
        ("photos", True),
    ]
    (generation,) = pool.generations()
    rot(generation / "one")
    found = verify(pool, "files", most)
    assert [one.sound for one in found] == [True, False]
    assert found[1].found == (Found(path=b"one", difference=Difference.DAMAGED),)
    (alone,) = verify(pool, "files", most, within={"photos": ()})
    assert alone.found == found[1].found
    assert not any(b"policyctl-" in line for line in Path("/proc/mounts").read_bytes().split(b"\n"))


@items
@pytest.mark.root
def test_without_that_snapshot_it_is_not_compared(pool: Machine) -> None:
    for name in pool.snapshots():
        do("btrfs", "-q", "subvolume", "delete", pool.kept / "photos" / name)
    time.sleep(0.1)
    pool.run("snaps")
    apps, photos = verify(pool, "files")
    assert apps.sound
    assert "is gone: compare right after a run" in photos.refused


# ── Databases ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bases(tmp_path: Path) -> Bases:
    bases = Bases(tmp_path)
    for name in HOSTILE[:6]:
        make(at(bases.source, b"odd", name))
    back_up(bases, "bases")
    return bases


@pytest.mark.parametrize("most", [None, 1_000])
def test_sqlite_says_whether_each_copy_is_sound(bases: Bases, most: int | None) -> None:
    (found,) = verify(bases, "bases", most)
    assert found.sound, found
    assert found.compared == found.files == 8
    damaged = at(bases.newest, b"odd", HOSTILE[0])
    content = bytearray(damaged.read_bytes())
    content[-4096:] = b"\xff" * 4096
    damaged.write_bytes(content)
    (bases.newest / "plain.db").write_bytes(b"no database at all" * 1000)
    os.truncate(bases.newest / "app/deep.sqlite3", 4096)
    (found,) = verify(bases, "bases", most)
    assert {one.path for one in found.found} == {
        b"odd/" + HOSTILE[0],
        b"plain.db",
        b"app/deep.sqlite3",
    }
    assert {one.difference for one in found.found} == {Difference.UNSOUND}


def test_a_source_that_went_on_says_nothing_of_the_copy(bases: Bases) -> None:
    with closing(sqlite3.connect(bases.source / "plain.db")) as database:
        database.execute("CREATE TABLE later (a)")
        database.commit()
    (found,) = verify(bases, "bases")
    assert found.sound, found
