"""Items while a run lasts; with real volumes in tests/lab/test_volume_legs.py."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.items.block_devices import probe_command
from engine.items.lvm_commands import activate_command, clone_command, remove_command
from engine.records.reports import RunStatus
from engine.steps.items import CloseItem, OpenItem
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from engine.system.host import mounted_worker
from engine.system.host.process import Completed
from engine.system.items import open_volume
from engine.system.journal.journal import open_journal
from engine.system.passes.feed_runs import FeedRuns, FeedStopped
from engine.system.passes.item_runs import ItemRuns
from engine.system.passes.transfers import Transfers
from tests.fake_commands import fake_commands
from tests.fake_lvm import CLONE, MOMENT, SNAP, WEB, FakeLvm, clone, lv, snapshot, volume

ACTIVE = replace(CLONE, attributes="Vwi-a-tz-k")
OLDER = replace(SNAP, name="web.policyctl.2026-11-27T03-00-00Z", uuid="older")
TAKE = TakeSnapshot(feed="web", volume=volume(), moment=MOMENT, leg="nightly")


@dataclass
class World:
    """LVM, and the items of one run."""

    lvm: FakeLvm
    items: ItemRuns
    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def step(self) -> OpenItem:
        at = os.fsencode(self.folder / "item")
        return OpenItem(feed="web", snapshot=snapshot(), reader="files", key_file=None, at=at)

    def opens(self) -> None:
        self.lvm.seen(CLONE)
        self.lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"))
        self.lvm.seen(CLONE, CLONE)
        self.lvm.commands.expect(activate_command(lv(CLONE)))
        self.lvm.seen(CLONE, ACTIVE)
        says = "TYPE=ext4\nUSAGE=filesystem\n"
        self.lvm.commands.expect(probe_command(lv(CLONE).device), out=says)

    def closes(self) -> None:
        self.lvm.seen(CLONE, ACTIVE)
        self.lvm.commands.expect(remove_command(clone(ACTIVE)))
        self.lvm.seen(CLONE)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(open_volume, "mapping", lambda name: os.fsencode(tmp_path / name))
    monkeypatch.setattr(open_volume, "_LINKS", ())
    monkeypatch.setattr(open_volume, "_PAUSE", 0.0)
    monkeypatch.setattr(open_volume, "_TRIES", 1)
    said: list[str] = []
    with (
        fake_commands(tmp_path / "bin", monkeypatch) as commands,
        open_journal(tmp_path / "journal.db") as journal,
    ):
        transfers = Transfers(journal=journal, progress=said.append, seconds=None)
        feeds = FeedRuns(transfers=transfers, tolerates_unreadable=False, reports={})
        items = ItemRuns(feeds, said.append)
        yield World(lvm=FakeLvm(commands), items=items, folder=tmp_path, said=said)


class TestSnapshots:
    def test_one_is_taken(self, world: World) -> None:
        world.lvm.seen(WEB, WEB)
        world.lvm.take()
        world.lvm.seen(SNAP, SNAP)
        world.items.take(TAKE)

    def test_law_24_of_another_volume_of_that_name_none_is(self, world: World) -> None:
        world.lvm.seen(WEB, replace(WEB, uuid="another"))
        with pytest.raises(FeedStopped, match="not the volume any more") as stop:
            world.items.take(TAKE)
        assert stop.value.status is RunStatus.FAILED

    def test_those_that_go_are_removed_and_told(self, world: World) -> None:
        going = (snapshot(OLDER), snapshot())
        for line, one in ((OLDER, going[0]), (SNAP, going[1])):
            world.lvm.commands.expect(remove_command(one))
            world.lvm.seen(line)
        world.items.remove(RemoveSnapshots(feed="web", snapshots=going, decisions=()))
        assert world.said == [f"web: pve/{OLDER.name} goes", f"web: pve/{SNAP.name} goes"]

    def test_one_that_stays_ends_it(self, world: World) -> None:
        going = (snapshot(OLDER), snapshot())
        world.lvm.commands.expect(remove_command(going[0]), code=5, err="  in use\n")
        world.lvm.seen(OLDER, OLDER)
        with pytest.raises(FeedStopped, match="is not removed: in use"):
            world.items.remove(RemoveSnapshots(feed="web", snapshots=going, decisions=()))
        assert world.said == []


class TestReading:
    def test_a_command_sees_the_volume_while_it_is_open(self, world: World) -> None:
        world.opens()
        world.items.open(world.step)
        argv = world.items.seeing("web", (b"rsync", b"-a"))
        assert argv[-2:] == (b"rsync", b"-a")
        assert {lv(CLONE).device, b"ext4", world.step.at} < set(argv)
        assert (world.folder / "item").stat().st_mode & 0o777 == 0o700
        world.closes()
        world.items.close(CloseItem(feed="web"))

    def test_law_26_what_is_copied_is_as_old_as_its_snapshot(self, world: World) -> None:
        world.opens()
        world.items.open(world.step)
        assert world.items.feeds.report("web").data_as_of == MOMENT
        world.closes()
        world.items.close_all()

    def test_what_cannot_be_opened_stops_its_item_and_is_closed(self, world: World) -> None:
        world.lvm.seen(CLONE)
        world.lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"), code=5, err="full\n")
        world.lvm.seen(CLONE)
        with pytest.raises(FeedStopped, match="lvcreate: full"):
            world.items.open(world.step)
        world.items.close(CloseItem(feed="web"))  # nothing is open

    def test_whatever_is_open_at_the_end_is_closed(self, world: World) -> None:
        world.opens()
        world.items.open(world.step)
        world.closes()
        world.items.close_all()
        world.items.close_all()

    def test_what_cannot_be_closed_fails_its_item_and_no_more(self, world: World) -> None:
        world.opens()
        world.items.open(world.step)
        world.lvm.seen(CLONE, ACTIVE)
        world.lvm.commands.expect(remove_command(clone(ACTIVE)), code=5, err="  in use\n")
        world.lvm.seen(CLONE, ACTIVE)
        with pytest.raises(FeedStopped, match="is not removed: in use"):
            world.items.close(CloseItem(feed="web"))

    def test_at_the_end_it_is_left_to_the_next_run(self, world: World) -> None:
        world.opens()
        world.items.open(world.step)
        world.lvm.seen(CLONE, ACTIVE)
        world.lvm.commands.expect(remove_command(clone(ACTIVE)), code=5, err="  in use\n")
        world.lvm.seen(CLONE, ACTIVE)
        world.items.close_all()

    @pytest.mark.parametrize(
        ("code", "words"),
        [(mounted_worker.FAILED, "wrong fs type"), (-signal.SIGALRM, "it took more than")],
    )
    def test_a_command_that_saw_nothing_is_told_from_one_that_failed(
        self, world: World, code: int, words: str
    ) -> None:
        world.opens()
        world.items.open(world.step)
        told = Completed(
            code=23, stdout=b"", stderr=b"no\n", timed_out=False, whole=True, seconds=0
        )
        world.items.check("web", told)
        with pytest.raises(FeedStopped, match=words):
            world.items.check("web", replace(told, code=code, stderr=b"wrong fs type\n"))
        world.closes()
        world.items.close_all()
