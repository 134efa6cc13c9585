"""After the state was lost: generations are nobody's, and a person gives them back to their leg."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engine.generations.names import Standing, moment_of
from engine.records.reports import RunStatus
from engine.system.adopt.entries import NotAdoptable
from engine.system.adopt.generations import FolderFound, adopt, keeps_generations, preview
from engine.system.host.lock import hold
from engine.system.state.state import open_state, stream_of
from tests.databases import make
from tests.integration.lab import Lab, only, tree, write
from tests.integration.test_versions import inodes

pytestmark = pytest.mark.tool("rsync")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
  nas: {{path: /mnt/nas, media: nas, site: away}}
sources:
  data: {{kind: tree, path: /srv/data}}
  more: {{kind: tree, path: /srv/more}}
  apps: {{kind: tree, path: /srv/apps}}
  pvcs: {{kind: lvm-thin, vg: pve, pool: data, volumes: "vm-*"}}
legs:
  hist: {{kind: versions, to: "disk:/hist/{{source}}", schedule: "02:00", timeout: 5m,
          keep: {{last: 3}}}}
  bases: {{kind: sqlite, from: apps, to: "disk:/bases", schedule: "03:00", timeout: 5m,
           keep: {{last: 3}}}}
  snaps: {{kind: snapshot, schedule: "01:00", timeout: 5m, keep: {{last: 2}}}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "05:00", timeout: 5m,
           keep: {{last: 3}}}}
  offsite: {{kind: mirror, from: disk, to: "nas:/lab", schedule: "06:00", timeout: 5m,
             full_every: 30d}}
routes:
  /srv/data: hist
  /srv/more: hist
  "pvcs:": snaps
"""
FOREIGN = "2020-01-01T00-00-00Z"


class House(Lab):
    """A lab with generations of two trees, and of databases."""

    def __init__(self, root: Path) -> None:
        for name in ("mnt/nas", "srv/more", "srv/apps"):
            (root / name).mkdir(parents=True)
        super().__init__(root, MANIFEST.format(host=socket.gethostname()))
        write(self.source / "a", b"a" * 5000)
        write(root / "srv/more/b")
        make(root / "srv/apps/x.db")

    def folder(self, name: str = "hist/data") -> Path:
        return self.disk / name

    def made(self, leg: str = "hist", folder: str = "hist/data", times: int = 2) -> list[str]:
        for _ in range(times):
            report = self.run(leg)
            assert report.status is RunStatus.OK, report
        return sorted(
            one.name for one in self.folder(folder).iterdir() if moment_of(os.fsencode(one.name))
        )

    def lose_state(self) -> None:
        """As a machine comes back without what it knew: the plan is applied anew."""
        for path in self.places.state_file.parent.glob(f"{self.places.state_file.name}*"):
            path.unlink()
        self.apply()

    def preview(self, place: str, leg: str = "hist") -> tuple[FolderFound, ...]:
        later = self.now + timedelta(minutes=5)
        return preview(self.plan, place, leg, self.places, later)

    def adopt(self, place: str, leg: str = "hist") -> None:
        adopt(self.preview(place, leg), self.places, self.now)

    def known(self, leg: str = "hist", number: int = 0) -> dict[str, Standing]:
        """What is known of the generations of a leg's feed."""
        plan = self.plan.leg(leg)
        assert plan is not None
        feed = plan.feeds[number]
        assert feed.writes is not None
        folder = self.disk.joinpath(*map(os.fsdecode, feed.writes.names))
        with open_state(self.places.state_file) as state:
            stream = stream_of(self.plan, plan, feed, state)
            names = [os.fsencode(one.name) for one in folder.iterdir()]
            found = state.generations.among(stream, names)
        return {f"{one.moment:%Y-%m-%dT%H-%M-%SZ}": one.standing for one in found}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# ── Given back ───────────────────────────────────────────────────────────────────────────────


def test_law_01_until_they_are_adopted_they_are_nobodys(house: House) -> None:
    first, second = house.made()
    house.lose_state()
    before = inodes(house.folder() / first)
    for _ in range(5):
        report = house.run("hist")
        assert report.status is RunStatus.OK, report
    feed = next(one for one in report.feeds if one.feed == "data")
    assert {os.fsencode(first), os.fsencode(second)} <= set(feed.foreign)
    assert (house.folder() / second).is_dir()
    assert inodes(house.folder() / first) == before


def test_what_a_leg_had_made_is_its_own_again(house: House) -> None:
    first, second = house.made()
    house.lose_state()
    (found,) = house.preview("disk:/hist/data")
    assert found.item == "data"
    assert found.names == (os.fsencode(first), os.fsencode(second))
    assert (found.refused, found.goes) == ((), ())
    assert house.known() == {}
    before = {name: inodes(house.folder() / name) for name in (first, second)}
    house.adopt("disk:/hist/data")
    assert house.known() == dict.fromkeys((first, second), Standing.COMPLETE)
    assert {name: inodes(house.folder() / name) for name in (first, second)} == before
    assert house.preview("disk:/hist/data")[0].names == ()
    report = house.run("hist")
    feed = next(one for one in report.feeds if one.feed == "data")
    assert (report.status, feed.foreign, feed.files) == (RunStatus.OK, (), 0), report
    third = sorted(house.known())[-1]
    assert house.known()[third] is Standing.VERIFIED
    shared = [(house.folder() / name / "a").stat().st_ino for name in (first, third)]
    assert shared[0] == shared[1]


def test_law_16_what_keep_lets_go_is_shown_first_and_goes_with_a_verified_one(
    house: House,
) -> None:
    names = house.made(times=3)
    house.lose_state()
    (found,) = house.preview("disk:/hist/data")
    assert found.goes == (os.fsencode(names[0]),)
    house.adopt("disk:/hist/data")
    assert all((house.folder() / name).is_dir() for name in names)
    assert house.run("hist").status is RunStatus.OK
    assert not (house.folder() / names[0]).exists()
    assert sorted(house.known())[:2] == names[1:]


def test_one_generation_alone_is_given_back(house: House) -> None:
    first, second = house.made()
    house.lose_state()
    house.adopt(f"disk:/hist/data/{second}")
    assert house.known() == {second: Standing.COMPLETE}
    (found,) = house.preview("disk:/hist/data")
    assert found.names == (os.fsencode(first),)


def test_all_folders_of_a_leg_are_given_back_at_once(house: House) -> None:
    house.made()
    house.lose_state()
    found = house.preview("disk:/hist")
    assert [(one.item, len(one.names)) for one in found] == [("data", 2), ("more", 2)]
    house.adopt("disk:/")
    assert len(house.known("hist", 0)) == len(house.known("hist", 1)) == 2


def test_generations_of_databases_are_given_back(house: House) -> None:
    first, second = house.made("bases", "bases")
    house.lose_state()
    house.adopt("disk:/bases", "bases")
    assert house.known("bases") == dict.fromkeys((first, second), Standing.COMPLETE)
    report = house.run("bases")
    assert (report.status, only(report).files) == (RunStatus.OK, 0), report
    inode = {one.stat().st_ino for one in house.folder("bases").glob("*/x.db")}
    assert len(inode) == 1


def test_generations_of_items_are_given_back_item_by_item(house: House) -> None:
    """As runs over volumes leave them; a generation's name at the top is no item."""
    for name in (f"apps/web/{FOREIGN}", f"apps/db/{FOREIGN}", FOREIGN):
        write(house.folder("files") / name / "file")
    found = house.preview("disk:/files", "files")
    assert [(one.item, one.names) for one in found] == [
        ("apps/db", (os.fsencode(FOREIGN),)),
        ("apps/web", (os.fsencode(FOREIGN),)),
    ]
    house.adopt("disk:/files/apps/web", "files")
    assert [len(one.names) for one in house.preview("disk:/files", "files")] == [1, 0]


def test_later_hops_carry_on_what_was_given_back(house: House) -> None:
    first, second = house.made()
    house.lose_state()
    assert house.run("offsite").status is RunStatus.OK
    carried = house.root / "mnt/nas/lab/hist/data"
    assert not (carried / first).exists()
    house.adopt("disk:/hist/data")
    report = house.run("offsite")
    assert (report.status, only(report).mode) == (RunStatus.OK, "incremental"), report
    for name in (first, second):
        assert tree(carried / name) == tree(house.folder() / name)


# ── Not given ────────────────────────────────────────────────────────────────────────────────


def a_symlink(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"no generation")


def of_another_user(path: Path) -> None:
    os.chown(path, 4321, 4321)


@contextmanager
def mounted(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (a_symlink, "it is a symlink"),
        (a_file, "it is no directory"),
        pytest.param(of_another_user, "it belongs to user 4321", marks=pytest.mark.root),
    ],
)
def test_law_41_what_the_leg_would_not_have_made_is_refused(
    house: House, change: Callable[[Path], None], said: str
) -> None:
    first, second = house.made()
    house.lose_state()
    change(house.folder() / first)
    (found,) = house.preview("disk:/hist/data")
    assert found.names == (os.fsencode(second),)
    ((name, reason),) = found.refused
    assert (name, said in reason) == (os.fsencode(first), True)
    with pytest.raises(NotAdoptable, match=said):
        house.preview(f"disk:/hist/data/{first}")
    house.adopt("disk:/hist/data")
    assert house.known() == {second: Standing.COMPLETE}


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_law_41_what_is_mounted_over_a_generation_is_refused(house: House) -> None:
    first, _ = house.made()
    house.lose_state()
    with mounted(house.folder() / first):
        ((_, reason),) = house.preview("disk:/hist/data")[0].refused
    assert reason == "another file system is mounted there"


@pytest.mark.root
def test_a_generation_belongs_to_whom_its_source_does(house: House) -> None:
    os.chown(house.source, 1234, 1234)
    first, second = house.made()
    assert (house.folder() / first).stat().st_uid == 1234
    house.lose_state()
    assert len(house.preview("disk:/hist/data")[0].names) == 2
    os.chown(house.source, 0, 0)
    with pytest.raises(NotAdoptable, match="user 1234, and what the leg makes here to 0"):
        house.preview("disk:/hist/data")
    # One that the leg has made since says whom they belong to.
    os.chown(house.source, 1234, 1234)
    assert house.run("hist").status is RunStatus.OK
    house.source.rename(house.root / "srv/gone")
    (found,) = house.preview("disk:/hist/data")
    assert found.names == (os.fsencode(first), os.fsencode(second))


def test_law_41_nothing_is_taken_from_a_folder_that_others_write_to(house: House) -> None:
    house.made()
    house.lose_state()
    house.folder().chmod(0o777)
    with pytest.raises(NotAdoptable, match="others may write to the folder"):
        house.preview("disk:/hist/data")
    found = house.preview("disk:/hist")
    assert [len(one.names) for one in found] == [0, 2]


def test_law_41_a_symlink_on_the_way_is_not_followed(house: House) -> None:
    house.made()
    house.lose_state()
    house.folder().rename(house.disk / "elsewhere")
    house.folder().symlink_to(house.disk / "elsewhere")
    with pytest.raises(NotAdoptable, match="a symlink, or no directory"):
        house.preview("disk:/hist/data")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("disk:/bases", "is not below what 'hist' writes"),
        ("disk", "names no place"),
        ("disk:/hist/../bases", "names no place"),
        ("disk:/hist/data/x/y", "holds no folder of generations"),
        ("nas:/", "is not below what 'hist' writes"),
    ],
)
def test_other_places_are_refused(house: House, place: str, said: str) -> None:
    house.made()
    with pytest.raises(NotAdoptable, match=said):
        house.preview(place)


def test_an_entry_that_is_no_generation_is_refused_by_its_name(house: House) -> None:
    house.made()
    write(house.folder() / "photos/1.jpg")
    assert house.preview("disk:/hist/data")[0].refused == ()
    with pytest.raises(NotAdoptable, match="photos: it has no generation's name"):
        house.preview("disk:/hist/data/photos")


def test_nothing_is_taken_over_while_the_leg_runs(house: House) -> None:
    house.made()
    house.lose_state()
    found = house.preview("disk:/hist/data")
    with (
        hold(house.places.leg_lock("hist")),
        pytest.raises(NotAdoptable, match=r"hist runs now .* adopt once it has ended"),
    ):
        adopt(found, house.places, house.now)
    assert house.known() == {}


def test_nothing_is_taken_over_from_another_disk(house: House) -> None:
    house.made()
    house.lose_state()
    house.disk.rename(house.root / "mnt/away")
    write(house.folder() / FOREIGN / "of another disk")
    with pytest.raises(NotAdoptable, match="is not the disk that was recorded"):
        house.preview("disk:/hist/data")


def test_only_legs_that_keep_generations_in_folders_have_some(house: House) -> None:
    keep = {one.name for one in house.plan.legs if keeps_generations(one)}
    assert keep == {"hist", "bases", "files"}
    assert not keeps_generations(None)
