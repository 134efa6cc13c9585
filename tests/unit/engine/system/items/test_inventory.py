"""The items of a source: the volumes of its pool that a leg carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.items.items import Inventory
from engine.items.lvm_commands import look_at_command, look_command, remove_command, retag_command
from engine.items.thin_pool import ThinSnapshot
from engine.plan.model import Plan
from engine.records.reports import FeedReport, RunStatus
from engine.system.host.places import Places
from engine.system.items import open_volume
from engine.system.items.inventory import inventory, sweep_items
from engine.system.state.records import RunRecord
from engine.system.state.state import State, open_state
from tests.fake_commands import FakeCommands, fake_commands
from tests.fake_lvm import CLONE, MOMENT, SNAP, WEB, FakeLvm, clone
from tests.reports import POOL, Lv, report
from tests.strategies import compiled, manifest

PLAN: Plan = compiled(
    manifest(
        sources={
            "pool": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "w*"},
            "data": {"kind": "tree", "path": "/srv/data"},
        },
        legs={
            "nightly": {"kind": "snapshot", "keep": {"last": 2}, "schedule": "02:00"},
            "files": {"kind": "versions", "from": "nightly", "to": "disk:/f", "keep": {"last": 2}},
            "hist": {"kind": "versions", "to": "disk:/hist", "keep": {"last": 2}},
        },
        routes={"/srv/data": "hist", "pool:": "nightly", "pool:wiki": {"none": "x"}},
    )
)[0].plan
HERE = Places(root=Path("/"))
OLDER = replace(SNAP, name="web.policyctl.2026-11-27T03-00-00Z", uuid="older")
OTHERS = replace(SNAP, name="web.policyctl.2026-11-26T03-00-00Z", tags="policyctl/weekly")


@dataclass
class World:
    commands: FakeCommands
    state: State

    def found(self, leg: str, *lines: Lv, code: int = 0) -> Inventory:
        """What a leg finds where LVM reports these lines."""
        out = report(POOL, *lines) if not code else ""
        err = "" if not code else "  no such group\n"
        self.commands.expect(look_command("pve"), out=out, code=code, err=err)
        return self.look(leg, HERE)

    def look(self, leg: str, places: Places) -> Inventory:
        plan = PLAN.leg(leg)
        assert plan is not None
        return inventory(PLAN, plan, plan.feeds[0], places, self.state, MOMENT)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(
        open_volume, "mapping", lambda name: b"%b/%b" % (bytes(tmp_path), name.encode())
    )
    monkeypatch.setattr(open_volume, "_PAUSE", 0.0)
    with (
        fake_commands(tmp_path / "bin", monkeypatch) as commands,
        open_state(tmp_path / "state.db") as state,
    ):
        yield World(commands=commands, state=state)


def names(found: Inventory) -> list[str]:
    return [one.name for one in found.items]


def test_volumes_that_are_meant_and_routed_here(world: World) -> None:
    found = world.found("nightly", WEB, replace(WEB, name="wiki"), replace(WEB, name="vm-1"))
    assert (names(found), found.notes, found.refused) == (["web"], (), "")
    assert found.pool is not None
    assert found.moment == MOMENT


def test_a_reader_has_the_items_of_the_leg_that_takes_them(world: World) -> None:
    found = world.found("files", WEB, replace(WEB, name="wiki"), SNAP)
    assert names(found) == ["web"]
    assert found.source == "pool"


def test_snapshots_are_the_takers_own_and_in_order(world: World) -> None:
    for leg in ("nightly", "files"):
        (item,) = world.found(leg, WEB, SNAP, OTHERS, OLDER).items
        assert [one.text for one in item.snapshots] == [f"pve/{OLDER.name}", f"pve/{SNAP.name}"]
        assert item.newest is not None
        assert item.newest.moment == MOMENT


def test_law_32_a_reader_knows_how_old_they_may_be_and_the_taker_does_not_ask(
    world: World,
) -> None:
    taker = PLAN.leg("nightly")
    assert taker is not None
    assert taker.allowed_age is not None
    assert world.found("files", WEB).allowed == taker.allowed_age
    assert world.found("nightly", WEB).allowed is None


def test_what_somebody_else_took_and_what_is_nobodys_is_told_and_left_alone(world: World) -> None:
    theirs = Lv(name="web_backup", origin="web", attributes="Vri---tz-k", uuid="theirs")
    found = world.found("nightly", WEB, theirs, replace(SNAP, tags=""))
    assert names(found) == ["web"]
    assert found.items[0].snapshots == ()
    assert found.notes == (
        "pve/web_backup is a snapshot of web that somebody else took: left alone",
        f"pve/{SNAP.name} stays: it does not have exactly one of our tags",
    )


def test_what_a_rollback_has_set_aside_is_no_item_and_is_told(world: World) -> None:
    moment = "2026-11-29T02-15-00Z"
    aside = Lv(
        name=f"web.policyctl-before.{moment}", tags=f"policyctl-before/{moment}", uuid="before"
    )
    held = replace(SNAP, origin=aside.name)
    for leg in ("nightly", "files"):
        found = world.found(leg, WEB, held, aside)
        assert names(found) == ["web"]
        (item,) = found.items
        assert [one.volume.name.volume for one in item.set_aside] == [aside.name]
        assert item.held == {MOMENT}
        (note,) = found.notes
        assert note == (
            f"pve/{aside.name} is what web was before its rollback of 2026-11-29 02:15 UTC: it is "
            f"kept, with its snapshots, until `lvremove pve/{aside.name}`"
        )
    # Cut off between both renames: there is no volume of the name.
    found = world.found("nightly", held, aside)
    assert names(found) == []
    assert "pve/web is not there: a rollback of it was cut off" in found.notes[-1]
    # In use since a rollback, with no device and skipped at boot: it has an origin, and is carried.
    tagged = replace(WEB, origin=held.name, tags=f"policyctl-after/{moment}")
    found = world.found("nightly", replace(tagged, attributes="Vwi---tz-k"), held, aside)
    assert names(found) == ["web"]
    # The name alone makes it nobody's.
    found = world.found("nightly", WEB, replace(aside, tags=""))
    assert names(found) == ["web"]
    assert found.items[0].set_aside == ()
    assert "does not have exactly one of our tags" in found.notes[0]


def test_law_33_where_lvm_does_not_answer_nothing_is_known(world: World) -> None:
    found = world.found("nightly", code=5)
    assert (found.pool, found.items) == (None, ())
    assert "no such group" in found.refused


def test_how_many_there_were_at_the_last_success(world: World) -> None:
    assert world.found("nightly", WEB).previous is None
    record = RunRecord(run_id="1", leg="nightly", started=MOMENT, ended=None, status=None)
    reports = [FeedReport(feed=name, status=RunStatus.OK) for name in ("web", "wiki")]
    world.state.finish(replace(record.end(MOMENT, reports), status=RunStatus.OK))
    assert world.found("nightly", WEB).previous == 2
    assert world.found("nightly", code=5).previous == 2
    assert world.found("files", WEB).previous is None


def test_below_another_root_no_volume_is_looked_at(world: World, tmp_path: Path) -> None:
    found = world.look("nightly", Places(root=tmp_path))
    assert found.items == ()
    assert "below another root" in found.refused


class TestSweep:
    def sweep(self, world: World, leg: str, places: Places = HERE) -> tuple[str, ...]:
        plan = PLAN.leg(leg)
        assert plan is not None
        return sweep_items(PLAN, plan, places, world.state)

    def test_what_a_killed_run_has_left_open_is_closed(self, world: World) -> None:
        world.commands.expect(look_command("pve"), out=report(POOL, WEB, SNAP, CLONE))
        lvm = FakeLvm(world.commands)
        lvm.seen(CLONE, CLONE)
        world.commands.expect(remove_command(clone()))
        lvm.seen(CLONE)
        (said,) = self.sweep(world, "files")
        assert CLONE.name in said

    def test_law_07_what_another_leg_reads_stays_open(self, world: World) -> None:
        world.commands.expect(look_command("pve"), out=report(POOL, WEB, SNAP, CLONE))
        assert self.sweep(world, "nightly") == ()

    def test_where_nothing_can_be_open_nobody_looks(self, world: World, tmp_path: Path) -> None:
        assert self.sweep(world, "hist") == ()
        assert self.sweep(world, "files", Places(root=tmp_path)) == ()
        world.commands.check()


def test_a_renamed_leg_knows_its_snapshots_and_takes_them_over(world: World) -> None:
    """`was: weekly`: they are pruned with its own, and read, also before it has run again."""
    renamed = replace(
        PLAN,
        legs=tuple(
            replace(one, leg=replace(one.leg, was="weekly")) if one.name == "nightly" else one
            for one in PLAN.legs
        ),
    )
    leg = renamed.leg("nightly")
    assert leg is not None
    out = report(POOL, WEB, SNAP, OTHERS)
    for name in ("nightly", "files"):
        reader = renamed.leg(name)
        assert reader is not None
        world.commands.expect(look_command("pve"), out=out)
        found = inventory(renamed, reader, reader.feeds[0], HERE, world.state, MOMENT)
        assert [len(one.snapshots) for one in found.items] == [2]
    old = next(one for one in found.items[0].snapshots if one.leg == "weekly")
    assert isinstance(old, ThinSnapshot)
    world.commands.expect(look_command("pve"), out=out)
    world.commands.expect(retag_command(old, "nightly"))
    taken = report(POOL, replace(OTHERS, tags="policyctl/nightly"))
    world.commands.expect(look_at_command(old.volume.name), out=taken)
    (said,) = sweep_items(renamed, leg, HERE, world.state)
    assert said.endswith("it is nightly's now, which was weekly")
