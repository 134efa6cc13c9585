"""Which generations lie where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.generations.names import Standing
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.system.host.places import Places
from engine.system.measure.generation_look import Folder, folders_of
from engine.system.state.state import State, open_state, stream_of
from tests.generations import known, named
from tests.strategies import compiled, manifest

PLAN: Plan = compiled(
    manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "nas": {"ssh": "b@nas.example.net", "path": "/v", "media": "nas", "site": "away"},
        },
        sources={
            "data": {"kind": "tree", "path": "/srv/data"},
            "database": {"kind": "postgresql", "connect": {"host": "localhost"}},
            "pvcs": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
        },
        legs={
            "hist": {"kind": "versions", "to": "disk:/hist", "keep": {"last": 2}},
            "into": {"kind": "dump", "from": "database", "to": "data:/dumps", "keep": {"last": 2}},
            "far": {
                "kind": "dump",
                "from": "database",
                "to": "nas:/dumps",
                "keep": {"last": 2},
                "runner": {"kubernetes": {"namespace": "dbaas"}},
            },
            "snaps": {"kind": "snapshot", "keep": {"last": 2}},
            "files": {"kind": "versions", "from": "snaps", "to": "disk:/f", "keep": {"last": 2}},
        },
        routes={"/srv/data": "hist", "pvcs:": "snaps"},
    )
)[0].plan

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "mnt/disk").mkdir(parents=True)
    return Places(root=tmp_path)


@pytest.fixture
def state(places: Places) -> Iterator[State]:
    with open_state(places.state_file) as state:
        yield state


def leg(name: str) -> LegPlan:
    found = PLAN.leg(name)
    assert found is not None
    return found


def look(name: str, places: Places, state: State) -> Folder:
    (folder,) = folders_of(PLAN, leg(name), places, state, NOW)
    return folder


def made(folder: Path, name: str, state: State, *days: int) -> None:
    stream = stream_of(PLAN, leg(name), leg(name).feeds[0], state)
    for one in days:
        (folder / os.fsdecode(named(one))).mkdir(parents=True)
        state.claim(stream, "r", [named(one)])
        state.generations.note(stream, named(one), Standing.VERIFIED)


def test_the_legs_own_ones_in_their_folder(tmp_path: Path, places: Places, state: State) -> None:
    made(tmp_path / "mnt/disk/hist", "hist", state, 1, 2)
    (tmp_path / "mnt/disk/hist" / os.fsdecode(named(9))).mkdir()  # somebody else's
    found = look("hist", places, state)
    assert found.generations == known(2, 1)
    assert (found.item, str(found.place), found.why_not) == ("data", "disk:/hist", "")


def test_those_that_lie_in_a_source_tree(tmp_path: Path, places: Places, state: State) -> None:
    made(tmp_path / "srv/data/dumps", "into", state, 1)
    assert look("into", places, state).generations == known(1)


def test_a_folder_that_is_not_there_yet_holds_none(places: Places, state: State) -> None:
    found = look("hist", places, state)
    assert (found.generations, found.why_not) == ((), "")


def test_what_cannot_be_read_says_so(tmp_path: Path, places: Places, state: State) -> None:
    (tmp_path / "mnt/disk/hist").write_text("a file")
    found = look("hist", places, state)
    assert (found.generations, found.why_not) == ((), "Not a directory")


def test_on_another_machine_nobody_looks(state: State) -> None:
    assert look("far", Places(root=Path("/")), state).why_not == "it lies on another machine"


def test_each_item_has_a_folder_of_its_own(tmp_path: Path, places: Places, state: State) -> None:
    """Also one that is no more; what nobody of the leg has made is none of its generations."""
    for names in ((b"media", b"films"), (b"media", b"music"), (b"old",)):
        item = b"/".join(names).decode()
        place = Location(holder="disk", names=(b"f", *names))
        own = Feed(reads=item, writes=place, selection=None)
        stream = stream_of(PLAN, leg("files"), own, state)
        (tmp_path / "mnt/disk/f" / item / os.fsdecode(named(1))).mkdir(parents=True)
        (tmp_path / "mnt/disk/f" / item / os.fsdecode(named(2))).mkdir()
        state.claim(stream, "r", [named(1)])
        state.generations.note(stream, named(1), Standing.VERIFIED)
    (tmp_path / "mnt/disk/f/empty").mkdir()
    found = tuple(folders_of(PLAN, leg("files"), places, state, NOW))
    assert [one.item for one in found] == ["media/films", "media/music", "old"]
    assert {one.generations for one in found} == {known(1)}
    assert str(found[0].place) == "disk:/f/media/films"


def test_below_another_root_no_volume_is_looked_at(places: Places, state: State) -> None:
    found = look("snaps", places, state)
    assert (found.item, found.generations) == ("pvcs", ())
    assert "below another root none is looked at" in found.why_not


def test_a_generations_name_at_the_top_hides_no_item(
    tmp_path: Path, places: Places, state: State
) -> None:
    name = os.fsdecode(named(1))
    for folder in (name, f"apps/web/{name}", f"apps/db/{name}"):
        (tmp_path / "mnt/disk/f" / folder).mkdir(parents=True)
    found = folders_of(PLAN, leg("files"), places, state, NOW)
    assert [one.item for one in found] == ["apps/db", "apps/web"]
