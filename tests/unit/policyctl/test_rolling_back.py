"""What `rollback` would do: asked of fakes; done on a real pool in tests/lab/test_rollback.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.items.lvm_commands import look_command
from engine.plan.model import Plan
from engine.rollback.remaining import Direction, Rollback, StartUsers, StopUsers
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import open_state
from policyctl import rolling_back
from policyctl.boundary import Refused
from policyctl.rolling_back import Proposal, RollingBack
from policyctl.running import Running
from policyctl.views.rollback import done_lines, proposal_json, proposal_lines
from tests.fake_commands import FakeCommands, fake_commands
from tests.fake_lvm import SNAP, WEB
from tests.reports import POOL, Lv, report
from tests.strategies import compiled, manifest
from tests.unit.engine.items.test_volume_names import listed as bound
from tests.unit.engine.items.test_volume_names import persistent
from tests.unit.engine.rollback.test_remaining import IN_USE, OLDER, ROLLBACK
from tests.unit.engine.rollback.test_workloads import listed, pod, workload
from tests.unit.engine.system.rollback.test_rollback import GET, OLD, PG

USERS = {
    "stop": [{"run": ["users", "stop", "{volume}", "of {item}"]}],
    "start": [{"run": ["users", "start", "{volume}"], "timeout": "5m"}],
}
NEW = Lv(
    name="web",
    origin=SNAP.name,
    uuid="made",
    attributes="Vwi-aotz--",
    tags="policyctl-after/2026-11-29T02-15-00Z",
)
ASIDE = replace(SNAP, origin=OLD.name)
CLAIMED = bound(persistent("p", "dbaas/data-pg-0", csi={"volumeHandle": "pve/web"})).decode()


def plan(**source: Any) -> Plan:
    pool = {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "w*", **source}
    return compiled(
        manifest(
            sources={"pool": pool, "data": {"kind": "tree", "path": "/srv/data"}},
            legs={
                "nightly": {"kind": "snapshot", "keep": {"last": 2}, "min_free": "20%"},
                "mirror": {"kind": "mirror", "to": "disk:/"},
            },
            routes={"/srv/data": "mirror", "pool:": "nightly", "pool:wiki": {"none": "x"}},
        )
    )[0].plan


@dataclass
class World:
    commands: FakeCommands
    places: Places
    monkeypatch: pytest.MonkeyPatch

    def rolling(self, name: str = "pool:web", **source: Any) -> RollingBack:
        running = Running(
            plan=plan(**source),
            places=self.places,
            applied_at=datetime(2026, 11, 1, tzinfo=UTC),
            waived=frozenset(),
            verbose=False,
        )
        self.monkeypatch.setattr(Running, "of_applied", lambda root: running)
        return RollingBack(Path("/"), name)

    def looks(self, *lines: Lv, times: int = 1, pool: Lv = POOL) -> None:
        for _ in range(times):
            self.commands.expect(look_command("pve"), out=report(pool, *lines))

    def propose(
        self, *lines: Lv, times: int = 2, to: str | None = None, pool: Lv = POOL, **source: Any
    ) -> Proposal:
        self.looks(*lines, times=times, pool=pool)
        return self.rolling(**source).propose(to=to, undo=False)

    def undo(self, *lines: Lv, times: int = 1) -> Proposal:
        self.looks(*lines, times=times)
        return self.rolling(rollback=USERS).propose(to=None, undo=True)

    def notes(self, record: Rollback) -> None:
        with open_state(self.places.state_file) as state:
            Rollbacks(state.connection).note(record)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(rolling_back, "users_of", lambda device: ("it is mounted on /live",))
    with fake_commands(tmp_path / "bin", monkeypatch) as commands:
        places = Places(root=Path("/"), state=tmp_path / "state")
        yield World(commands=commands, places=places, monkeypatch=monkeypatch)


def test_the_newest_snapshot_with_the_commands_of_the_manifest(world: World) -> None:
    found = world.propose(IN_USE, OLDER, SNAP, rollback=USERS)
    assert found.record.snapshot == SNAP.name
    stop = found.steps[0]
    assert isinstance(stop, StopUsers)
    assert stop.use.stop[0].run == ("users", "stop", "web", "of web")
    assert isinstance(found.steps[-1], StartUsers)
    assert (found.legs, found.continued, found.notes) == (("nightly",), False, ())
    lines = list(proposal_lines(found))
    assert lines[0] == "pool:web (pve/web) goes back to its snapshot of 2026-11-28 03:00:00 UTC"
    assert "nothing is removed" in lines[1]
    assert lines[2] == "  1. stop what uses it: run users stop web of web"
    document = proposal_json(found, None)
    assert (document["done"], document["snapshot"]) == (False, SNAP.name)


@pytest.mark.parametrize("to", ["2026-11-27T03-00-00Z", "2026-11-27"])
def test_one_by_its_name_or_the_beginning_of_it(world: World, to: str) -> None:
    found = world.propose(WEB, OLDER, SNAP, to=to)
    assert found.record.snapshot == OLDER.name


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("2026-11-2", "several snapshots begin with '2026-11-2'; of web there are: 2026-11-27T03"),
        ("2025", "there is no snapshot '2025'; of web there are:"),
        ("", "several snapshots begin with ''"),
    ],
)
def test_another_is_not_guessed(world: World, to: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        world.propose(WEB, OLDER, SNAP, to=to)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pool", "name one as SOURCE:ITEM"),
        ("data:x", "name one as SOURCE:ITEM"),
        ("nothing:x", "name one as SOURCE:ITEM"),
    ],
)
def test_what_is_no_volume_is_refused(world: World, name: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        world.rolling(name)


def test_an_item_that_no_leg_snapshots_is_refused(world: World) -> None:
    world.looks(WEB, replace(WEB, name="wiki", uuid="wiki"), times=2)
    with pytest.raises(Refused, match="no leg takes snapshots of wiki in pool; there are: web"):
        world.rolling("pool:wiki").propose(to=None, undo=False)
    with pytest.raises(Refused, match="there is no snapshot of web"):
        world.propose(WEB)


def test_what_is_in_use_and_cannot_be_stopped_is_refused(world: World) -> None:
    with pytest.raises(
        Refused, match=r"pve/web is in use: it is mounted on /live\. Stop that first"
    ):
        world.propose(IN_USE, SNAP)


def test_a_full_pool_is_refused_and_another_size_told(world: World) -> None:
    full = replace(POOL, used="81.00")
    with pytest.raises(Refused, match="has 19% of its data free, not 20%, and a rollback keeps"):
        world.propose(WEB, SNAP, pool=full)
    found = world.propose(replace(WEB, size="2147483648"), SNAP)
    (note,) = found.notes
    assert note == "the volume had 1.0 GiB then, and has 2.0 GiB now: it will have 1.0 GiB again"


class TestCluster:
    def asks(self, world: World, *pods: dict[str, Any]) -> None:
        world.looks(IN_USE, SNAP, times=2)
        ask = ("kubectl", "get", "persistentvolumes", "--output", "json", *GET)
        world.commands.expect(ask, out=CLAIMED)
        words = ("get", "pods", "--namespace", "dbaas", "--output", "json", *GET)
        world.commands.expect(("kubectl", *words), out=listed(*pods).decode())

    def test_workloads_are_scaled_whose_pods_use_the_claim(self, world: World) -> None:
        self.asks(world, pod("pg-0"))
        words = ("kubectl", "get", "--namespace", "dbaas", "--output", "json", *GET)
        world.commands.expect((*words, "--", "statefulset.apps/pg"), out=workload(3).decode())
        found = world.rolling("pool:dbaas/data-pg-0", names="kubernetes").propose(
            to=None, undo=False
        )
        assert found.use.workloads == (PG,)
        assert "from 3 to 0, which stops all of its pods" in list(proposal_lines(found))[2]

    def test_what_an_operator_runs_needs_commands(self, world: World) -> None:
        self.asks(world, pod("pg-1", owner=("Cluster", "pg", "postgresql.cnpg.io/v1")))
        with pytest.raises(Refused, match=r"belongs to Cluster pg.*Nothing was changed"):
            world.rolling("pool:dbaas/data-pg-0", names="kubernetes").propose(to=None, undo=False)


class TestCutOff:
    def test_it_goes_on_with_what_it_was_for(self, world: World) -> None:
        world.notes(ROLLBACK)
        found = world.propose(OLD, ASIDE, times=1)
        assert (found.record, found.continued) == (ROLLBACK, True)
        assert "where it was cut off" in next(proposal_lines(found))
        with pytest.raises(Refused, match=r"a rollback to .* is half done: `policyctl rollback"):
            world.propose(OLD, ASIDE, times=1, to="2026-11-27")
        found = world.propose(OLD, ASIDE, times=1, to="2026-11-28T03-00-00Z")
        assert found.record == ROLLBACK

    def test_or_back(self, world: World) -> None:
        world.notes(replace(ROLLBACK, stopped=(PG,)))
        found = world.undo(OLD, ASIDE)
        assert found.record.direction is Direction.BACK
        assert found.record.stopped == (PG,)
        assert len(list(done_lines(found))) == 1
        assert "no other volume was made yet" in list(proposal_lines(found))[1]

    def test_an_undo_is_not_turned_round(self, world: World) -> None:
        back = replace(ROLLBACK, direction=Direction.BACK)
        world.notes(back)
        with pytest.raises(Refused, match="an undo is half done: `policyctl rollback pool:web --u"):
            world.propose(OLD, ASIDE, times=1)


class TestUndo:
    def test_the_last_one_that_stands(self, world: World) -> None:
        done = replace(ROLLBACK, ended=ROLLBACK.moment)
        earlier = replace(done, moment=ROLLBACK.moment.replace(hour=1))
        later = replace(done, moment=ROLLBACK.moment.replace(hour=9), direction=Direction.BACK)
        for one in (earlier, done, later):
            world.notes(one)
        found = world.undo(NEW, OLD, ASIDE)
        assert found.record == replace(ROLLBACK, direction=Direction.BACK)
        assert isinstance(found.steps[0], StopUsers)
        assert "returns to what it was before its rollback" in next(proposal_lines(found))

    def test_there_must_be_one(self, world: World) -> None:
        with pytest.raises(Refused, match="no rollback of web is there that could be undone"):
            world.undo(WEB, SNAP, times=2)

    def test_what_was_removed_by_hand_does_not_come_back(self, world: World) -> None:
        world.notes(replace(ROLLBACK, ended=ROLLBACK.moment))
        with pytest.raises(Refused, match="was set aside, is not there any more"):
            world.undo(NEW, replace(SNAP, origin="", tags=SNAP.tags))

    def test_a_lost_state_is_no_obstacle(self, world: World) -> None:
        found = world.undo(NEW, OLD, ASIDE, times=2)
        assert found.record.before == OLD.uuid
        lines = list(done_lines(found))
        assert lines[0] == "pool:web is what it was before"
        assert "lvremove pve/web.policyctl-after.2026-11-29T02-15-00Z" in lines[2]


def test_law_07_no_leg_takes_snapshots_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_back, "_LOCK_SECONDS", 0.0)
    found = world.propose(IN_USE, SNAP, rollback=USERS)
    rolling = world.rolling(rollback=USERS)
    said: list[str] = []
    with (
        hold(world.places.leg_lock("nightly")),
        pytest.raises(rolling_back.Locked),
    ):
        rolling_back.roll_back(rolling, found, said.append)
    with open_state(world.places.state_file) as state:
        assert Rollbacks(state.connection).half_done() == ()
