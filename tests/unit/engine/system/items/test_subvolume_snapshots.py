"""Snapshots of subvolumes while names are swapped under them; the kernel is the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.items.subvolumes import SubvolumeSnapshot
from engine.system.items import btrfs, subvolume_snapshots
from engine.system.items.failures import BtrfsFailed
from engine.system.items.subvolume_snapshots import InUse, give_to, opened, remove, take_snapshot
from engine.system.items.subvolumes import look
from tests.integration.btrfs import do, mounted_btrfs, subvolume

pytestmark = [pytest.mark.tool("btrfs", "mkfs.btrfs", "losetup"), pytest.mark.root]
MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A btrfs with the subvolume `photos` and two snapshots of it."""
    with mounted_btrfs(tmp_path, tmp_path / "pool"):
        subvolume(tmp_path / "pool/photos")
        for days in range(2):
            live = look(bytes(tmp_path / "pool")).subvolumes[0]
            take_snapshot(live, MOMENT + timedelta(days=days), "nightly")
        yield tmp_path / "pool"


def taken(root: Path) -> tuple[SubvolumeSnapshot, ...]:
    return tuple(sorted(look(bytes(root)).snapshots, key=lambda one: one.moment))


def read(snapshot: SubvolumeSnapshot) -> None:
    with opened(snapshot):
        pass


def swap(root: Path, older: SubvolumeSnapshot, newer: SubvolumeSnapshot) -> None:
    """Have the newer one bear the name of the older."""
    folder = Path(root, *map(bytes.decode, (b".policyctl-snapshots", b"photos")))
    (folder / older.name.decode()).rename(folder / "aside")
    (folder / newer.name.decode()).rename(folder / older.name.decode())


@pytest.mark.parametrize(
    "change", [remove, read, lambda one: give_to(one, "hourly")], ids=["remove", "read", "give_to"]
)
def test_law_24_one_that_bears_the_name_of_another_is_left_alone(
    root: Path, change: Callable[[SubvolumeSnapshot], None]
) -> None:
    older, newer = taken(root)
    swap(root, older, newer)
    with pytest.raises(BtrfsFailed, match="is another one now: it stays"):
        change(older)
    assert [one.uuid for one in taken(root)] == [newer.uuid]


@pytest.mark.parametrize("again", [True, False])
def test_law_24_of_a_subvolume_that_took_the_place_of_the_one_looked_at_nothing_is_taken(
    root: Path, again: bool
) -> None:
    (live,) = look(bytes(root)).subvolumes
    older, newer = taken(root)
    do("btrfs", "-q", "subvolume", "delete", root / "photos")
    words = "is gone"
    if again:
        subvolume(root / "photos")
        words = "not the subvolume any more that was looked at"
    with pytest.raises(BtrfsFailed, match=words):
        take_snapshot(live, MOMENT + timedelta(days=5), "nightly")
    for one in (older, newer):
        with pytest.raises(BtrfsFailed, match=words):
            remove(one)
        with pytest.raises(BtrfsFailed, match=words):
            read(one)
    assert sorted(one.name for one in look(bytes(root)).strays) == [older.name, newer.name]


def test_who_reads_one_keeps_it_and_who_removes_one_has_it_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, _ = taken(root)
    with opened(older), opened(older), pytest.raises(InUse, match="is being read"):
        remove(older)
    real = btrfs.change

    def while_it_goes(arguments: tuple[bytes, ...], keep_open: tuple[int, ...]) -> None:
        with pytest.raises(BtrfsFailed, match="is being removed"):
            read(older)
        real(arguments, keep_open)

    monkeypatch.setattr(subvolume_snapshots, "change", while_it_goes)
    remove(older)
    remove(older)  # one that is gone is no failure
    assert len(taken(root)) == 1


def test_a_new_name_that_is_taken_is_not_overwritten(root: Path) -> None:
    older, newer = taken(root)
    (root / ".policyctl-snapshots/photos/2026-11-28T03-00-00Z.hourly").mkdir()
    with pytest.raises(BtrfsFailed, match="is there already"):
        give_to(older, "hourly")
    assert taken(root) == (older, newer)


def test_where_the_command_only_says_that_it_worked_nobody_believes_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (live,) = look(bytes(root)).subvolumes
    older, _ = taken(root)
    monkeypatch.setattr(subvolume_snapshots, "change", lambda *_: None)
    with pytest.raises(BtrfsFailed, match="is no snapshot of ours"):
        take_snapshot(live, MOMENT + timedelta(days=5), "nightly")
    with pytest.raises(BtrfsFailed, match="is still there"):
        remove(older)
