"""A rollback as its commands; with a real pool in tests/lab/test_rollback.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.items.lvm_commands import (
    activate_command,
    deactivate_command,
    look_command,
    rename_command,
    skip_command,
    successor_command,
    tag_command,
)
from engine.items.thin_names import Line, LvName
from engine.rollback.remaining import Direction, Rollback, RollbackRefused, Use, rollback_steps
from engine.rollback.workloads import Claim, Workload, WorkloadKind
from engine.system.rollback import rollback as module
from engine.system.rollback import workloads as cluster_module
from engine.system.rollback.rollback import RollbackFailed, RollbackRun
from engine.system.rollback.workloads import Cluster, ClusterFailed
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import State, open_state
from policy.parts import Hook
from policy.values import Duration
from tests.fake_commands import FakeCommands, fake_commands
from tests.fake_lvm import SNAP, WEB, FakeLvm, lv
from tests.reports import POOL, Lv, report
from tests.unit.engine.rollback.test_remaining import AFTER, BEFORE, ROLLBACK, pool
from tests.unit.engine.rollback.test_workloads import listed, pod, workload

NOW = datetime(2026, 11, 29, 2, 20, tzinfo=UTC)
ALL = LvName(group="pve", volume="data")
CLAIM = Claim(namespace="dbaas", name="data-pg-0")
PG = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=3)
HOOKS = Use(
    stop=(Hook(run=("users", "stop"), timeout=Duration(9)),),
    start=(Hook(run=("users", "start"), timeout=Duration(9)),),
)
SCALED = Use(claim=CLAIM, workloads=(PG,))
OPEN = replace(WEB, attributes="Vwi-aotz--", tags="theirs")
CLOSED = replace(OPEN, attributes="Vwi-a-tz--")
INACTIVE = replace(OPEN, attributes="Vwi---tz--")
OLD = replace(
    INACTIVE,
    name=BEFORE,
    tags="policyctl-before/2026-11-29T02-15-00Z,theirs",
    attributes="Vwi---tz-k",
)
MADE = Lv(
    name=AFTER,
    origin=SNAP.name,
    uuid="made",
    tags="policyctl-after/2026-11-29T02-15-00Z,theirs",
    attributes="Vwi---tz-k",
)
NEW = replace(MADE, name="web")
GET = ("--request-timeout", "20s")


@dataclass
class World:
    commands: FakeCommands
    state: State
    lvm: FakeLvm
    said: list[str] = field(default_factory=list)

    def run(self, record: Rollback = ROLLBACK) -> RollbackRun:
        return RollbackRun(
            record,
            pool=ALL,
            cluster=Cluster(kubeconfig=None),
            state=self.state,
            clock=lambda: NOW,
            progress=self.said.append,
        )

    def pool(self, *lines: Lv) -> None:
        self.commands.expect(look_command("pve"), out=report(POOL, *lines))

    def closes(self) -> None:
        self.lvm.seen(WEB, OPEN)
        self.lvm.seen(WEB, CLOSED)
        self.commands.expect(deactivate_command(lv(WEB)))
        self.lvm.seen(WEB, INACTIVE)

    def swaps(self) -> None:
        tags = set(MADE.tags.split(","))
        self.commands.expect(successor_command(lv(SNAP), lv(MADE), tags))
        self.lvm.seen(MADE, MADE)
        self.lvm.seen(WEB, INACTIVE)
        self.commands.expect(skip_command(lv(WEB), skip=True))
        self.lvm.seen(WEB, replace(INACTIVE, attributes="Vwi---tz-k"))
        tag = ROLLBACK.tag(Line.BEFORE)
        self.commands.expect(tag_command((lv(WEB), lv(SNAP)), tag, tagged=True))
        self.lvm.seen(WEB, INACTIVE)
        self.commands.expect(rename_command(lv(WEB), lv(OLD)))
        self.lvm.seen(OLD, OLD)
        self.lvm.seen(WEB)
        self.lvm.seen(MADE, MADE)
        self.commands.expect(rename_command(lv(MADE), lv(WEB)))
        self.lvm.seen(WEB, NEW)
        self.commands.expect(skip_command(lv(WEB), skip=False))
        self.lvm.seen(WEB, replace(NEW, attributes="Vwi---tz--"))
        self.commands.expect(activate_command(lv(WEB)))
        self.lvm.seen(WEB, replace(NEW, attributes="Vwi-a-tz--"))

    def scales(self, replicas: int, *, code: int = 0) -> None:
        words = ("scale", "--namespace", "dbaas", "--replicas", str(replicas), *GET)
        argv = ("kubectl", *words, "--", "statefulset.apps/pg")
        self.commands.expect(argv, code=code, err="forbidden\n" if code else "")

    def pods(self, *pods: dict[str, object]) -> None:
        argv = ("kubectl", "get", "pods", "--namespace", "dbaas", "--output", "json", *GET)
        self.commands.expect(argv, out=listed(*pods).decode())

    def shows(self, kind: str, name: str, out: bytes) -> None:
        argv = ("kubectl", "get", "--namespace", "dbaas", "--output", "json", *GET)
        self.commands.expect((*argv, "--", f"{kind}.apps/{name}"), out=out.decode())

    def noted(self) -> Rollback:
        (found,) = Rollbacks(self.state.connection).of("pool", "web")
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(module, "_POLL", 0.0)
    monkeypatch.setattr(cluster_module, "_POLL", 0.0)
    with (
        fake_commands(tmp_path / "bin", monkeypatch) as commands,
        open_state(tmp_path / "state.db") as state,
    ):
        yield World(commands=commands, state=state, lvm=FakeLvm(commands))


def test_from_the_users_to_the_users(world: World) -> None:
    world.pool(OPEN, SNAP)
    world.commands.expect(("users", "stop"))
    world.closes()
    world.swaps()
    world.commands.expect(("users", "start"))
    steps = rollback_steps(ROLLBACK, pool(OPEN, SNAP), HOOKS)
    assert world.run().go(HOOKS, steps) == replace(ROLLBACK, ended=NOW)
    assert world.noted() == replace(ROLLBACK, ended=NOW)
    assert Rollbacks(world.state.connection).half_done() == ()
    assert len(world.said) == len(steps)


def test_replicas_are_remembered_before_anything_is_scaled(world: World) -> None:
    world.pool(OPEN, SNAP)
    world.scales(0, code=1)
    world.pool(OPEN, SNAP)
    world.pool(OPEN, SNAP)
    world.scales(3, code=1)
    steps = rollback_steps(ROLLBACK, pool(OPEN, SNAP), SCALED)
    words = r"kubectl: forbidden; and then statefulset\.apps/pg in dbaas is not scaled to 3 again"
    with pytest.raises(RollbackFailed, match=words):
        world.run().go(SCALED, steps)
    assert world.noted() == replace(ROLLBACK, direction=Direction.BACK, stopped=(PG,))
    # It is half done still, and the next one starts them: with three, whatever there is now.
    (half,) = Rollbacks(world.state.connection).half_done()
    world.pool(OPEN, SNAP)
    world.scales(3)
    world.run(half).go(SCALED, rollback_steps(half, pool(OPEN, SNAP), SCALED))
    assert world.noted() == replace(ROLLBACK, direction=Direction.BACK, ended=NOW)


def test_pods_are_waited_for(world: World) -> None:
    world.pool(OPEN, SNAP)
    world.scales(0)
    world.pods(pod("pg-0"))
    world.pods()
    world.closes()
    world.swaps()
    world.scales(3)
    steps = rollback_steps(ROLLBACK, pool(OPEN, SNAP), SCALED)
    world.run().go(SCALED, steps)
    assert "scale statefulset.apps/pg in dbaas from 3 to 0" in world.said[0]


def test_pods_that_do_not_end_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "PODS_SECONDS", 0.0)
    world.pods(pod("pg-0"))
    with pytest.raises(ClusterFailed, match="do not end: pg-0"):
        Cluster(kubeconfig=None).wait_until_unused(CLAIM)


def test_what_stays_open_is_left_and_its_users_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.0)
    monkeypatch.setattr(module, "users_of", lambda device: (f"process 7 has {device.decode()}",))
    world.pool(OPEN, SNAP)
    world.commands.expect(("users", "stop"))
    world.lvm.seen(WEB, OPEN)
    world.pool(OPEN, SNAP)
    world.pool(OPEN, SNAP)
    world.commands.expect(("users", "start"))
    world.lvm.seen(MADE)
    steps = rollback_steps(ROLLBACK, pool(OPEN, SNAP), HOOKS)
    words = "pve/web is still open: process 7 has /dev/pve/web; the volume is what it was and"
    with pytest.raises(RollbackFailed, match=words):
        world.run().go(HOOKS, steps)
    assert world.noted() == replace(ROLLBACK, direction=Direction.BACK, ended=NOW)


def test_an_undo_of_what_stays_open_leaves_it_rolled_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.0)
    rolled = (replace(NEW, attributes="Vwi-aotz--"), OLD, replace(SNAP, origin=BEFORE))
    back = replace(ROLLBACK, direction=Direction.BACK)
    world.pool(*rolled)
    world.commands.expect(("users", "stop"))
    world.lvm.seen(WEB, rolled[0])
    world.pool(*rolled)
    world.pool(*rolled)
    world.commands.expect(("users", "start"))
    steps = rollback_steps(back, pool(*rolled), HOOKS)
    words = "is still open; the volume is what it was and what was stopped runs again$"
    with pytest.raises(RollbackFailed, match=words):
        world.run(back).go(HOOKS, steps)
    assert world.noted() == replace(ROLLBACK, ended=NOW)


def test_what_fails_between_the_renames_says_what_to_type(world: World) -> None:
    swapped = (OLD, replace(SNAP, origin=BEFORE), MADE)
    world.pool(*swapped)
    world.lvm.seen(WEB)
    world.lvm.seen(MADE, MADE)
    world.commands.expect(rename_command(lv(MADE), lv(WEB)), code=5, err="  no lock\n")
    world.pool(*swapped)
    steps = rollback_steps(ROLLBACK, pool(*swapped), Use())
    words = "lvrename: no lock; nothing is lost: a rollback of pool:web .* `policyctl rollback pool"
    with pytest.raises(RollbackFailed, match=words):
        world.run().go(Use(), steps)
    assert world.noted() == ROLLBACK


def test_what_was_confirmed_is_what_is_done(world: World) -> None:
    world.pool(replace(OPEN, uuid="other"), SNAP)
    steps = rollback_steps(ROLLBACK, pool(OPEN, SNAP), HOOKS)
    with pytest.raises(RollbackRefused, match="neither volume"):
        world.run().go(HOOKS, steps)
    world.pool(OPEN, SNAP, replace(SNAP, name="web.policyctl.2026-11-28T09-00-00Z"))
    with pytest.raises(RollbackRefused, match="things have changed since the steps were shown"):
        world.run().go(HOOKS, steps)
    assert Rollbacks(world.state.connection).of("pool", "web") == ()


def test_law_24_a_volume_that_somebody_opened_again_is_not_set_aside(world: World) -> None:
    world.pool(INACTIVE, SNAP, MADE)
    world.lvm.seen(WEB, INACTIVE)
    world.commands.expect(deactivate_command(lv(WEB)))
    world.lvm.seen(WEB, INACTIVE)
    world.lvm.seen(WEB, CLOSED)
    world.pool(CLOSED, SNAP, MADE)
    world.pool(CLOSED, SNAP, MADE)
    world.lvm.seen(MADE, MADE)
    steps = rollback_steps(ROLLBACK, pool(INACTIVE, SNAP, MADE), Use())
    words = f"not the closed volume any more .*; nothing uses pve/{AFTER}: `lvremove"
    with pytest.raises(RollbackFailed, match=words):
        world.run().go(Use(), steps)


class TestCluster:
    def users(self) -> tuple[Workload, ...]:
        return Cluster(kubeconfig=None).users(CLAIM)

    def test_pods_lead_to_their_workloads(self, world: World) -> None:
        world.pods(pod("pg-0"), pod("web-5d4f-x", owner=("ReplicaSet", "web-5d4f")))
        for kind, name, owner in (
            ("statefulset", "pg", ()),
            ("replicaset", "web-5d4f", ("Deployment", "web")),
            ("deployment", "web", ()),
        ):
            world.shows(kind, name, workload(2, owner=owner))
        assert [(one.text, one.replicas) for one in sorted(self.users(), key=str)] == [
            ("deployment.apps/web", 2),
            ("statefulset.apps/pg", 2),
        ]

    def test_what_cannot_be_scaled_is_told_with_a_way_out(self, world: World) -> None:
        world.pods(pod("agent-x", owner=("DaemonSet", "agent")))
        with pytest.raises(ClusterFailed, match=r"DaemonSet agent.*; say in the manifest how"):
            self.users()

    def test_law_33_a_cluster_that_does_not_answer_has_not_said_nobody(self, world: World) -> None:
        argv = ("kubectl", "get", "pods", "--namespace", "dbaas", "--output", "json", *GET)
        world.commands.expect(argv, err="connection refused\n", code=1)
        with pytest.raises(ClusterFailed, match="kubectl: connection refused"):
            self.users()
        world.commands.expect(argv, out=json.dumps({"items": None}))
        with pytest.raises(ClusterFailed, match="no list 'items'"):
            self.users()

    def test_the_manifests_kubeconfig_is_used(self, world: World) -> None:
        words = ("get", "pods", "--namespace", "dbaas", "--output", "json", *GET)
        world.commands.expect(
            ("kubectl", "--kubeconfig", "/etc/k.conf", *words), out=listed().decode()
        )
        assert Cluster(kubeconfig=b"/etc/k.conf").users(CLAIM) == ()
