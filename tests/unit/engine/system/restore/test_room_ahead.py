"""What is to come is counted only where it might not fit, and only what has not come already."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.plan.model import Location
from engine.restore.aim import Aim
from engine.restore.fetch import Place, fetch_of
from engine.restore.room import Room
from engine.system.restore import room_ahead
from engine.system.restore.room_ahead import look_ahead
from engine.system.restore.staging import Note, write_note
from tests.integration.lab import compiled, manifest
from tests.unit.engine.restore.test_choice import version

pytestmark = pytest.mark.tool("rsync")
PLAN = compiled(manifest())
SIZE = 5_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "copies/data/inner"
    inner.mkdir(parents=True)
    (inner / "one").write_bytes(bytes(2_000))
    (inner / "two").write_bytes(bytes(3_000))
    (tmp_path / "copies/data/other").write_bytes(bytes(9_000))
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, here: int, used: int = 1 << 40) -> None:
    monkeypatch.setattr(room_ahead, "room_of", lambda _: (here, here + used))


def looked(folder: Path, *, size: int | None = None, root: bytes | None = None) -> Room | None:
    one = replace(version(), location=Location(holder="disk", names=(b"data", b"inner")), size=size)
    place = Place(root=root or os.fsencode(folder / "copies"), ssh=None)
    return look_ahead(aim(folder), one, fetch_of(PLAN, one, place), place)


def aim(folder: Path) -> Aim:
    return Aim(base=os.fsencode(folder), below=(b"new", b"deep"), name=b"inner")


def test_only_what_the_fetch_takes_is_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, SIZE - 1)
    assert looked(folder) == Room(folder=os.fsencode(folder), free=SIZE - 1, size=SIZE)
    assert not (folder / "new").exists(), "nothing was written"


def test_what_an_earlier_try_has_brought_is_not_to_come_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 3_000)
    there = Path(os.fsdecode(aim(folder).folder + b"/" + aim(folder).staging)) / "tree/data/inner"
    there.mkdir(parents=True)
    came = folder / "copies/data/inner/one"
    (there / "one").write_bytes(came.read_bytes())
    os.utime(there / "one", ns=(came.stat().st_atime_ns, came.stat().st_mtime_ns))
    room = looked(folder)
    assert room is not None
    assert (room.size, room.lacks) == (3_000, False)


def test_where_all_has_come_nothing_is_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 1)
    there = Path(os.fsdecode(aim(folder).folder + b"/" + aim(folder).staging))
    there.mkdir(parents=True)
    note = Note(path="", kept=b"", what="", piece=(b"tree",), placing=True)
    descriptor = os.open(there, os.O_RDONLY)
    try:
        write_note(descriptor, note)
    finally:
        os.close(descriptor)
    assert looked(folder) is None


@pytest.mark.parametrize("known", ["size", "disk"])
def test_what_fits_for_certain_is_not_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    monkeypatch.setattr(room_ahead, "run", None)
    free(monkeypatch, 10_000, used=10_000 if known == "disk" else 1 << 40)
    room = looked(folder, size=10_000 if known == "size" else None)
    assert room is not None
    assert not room.lacks


def test_what_cannot_be_counted_is_not_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1)
    room = looked(folder, root=os.fsencode(folder / "gone"))
    assert room is not None
    assert not room.lacks
    assert "could not be counted" in room.unknown


def test_counting_ends_after_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1)
    monkeypatch.setattr(room_ahead, "PATIENCE", 0.0)
    room = looked(folder)
    assert room is not None
    assert not room.lacks
    assert "took longer than 0 s" in room.unknown
