"""Jobs of a cluster at their real paths: a program's dump, and what they tell a real gateway."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.cluster.jobs import Job, jobs_of
from engine.plan.model import Plan
from engine.plan.stored import plan_from_json, plan_to_json
from engine.records.reports import RunReport, RunStatus
from engine.system.checks.carry_out import carry_out
from engine.system.host.places import Places
from engine.system.runs.in_cluster import run_in_cluster
from engine.system.runs.runner import run_leg
from engine.system.state.looks import Looks
from engine.system.state.state import open_state
from engine.system.telling.tell import tell_leg
from tests.integration.gateway import Gateway, gateway
from tests.strategies import compiled, manifest

pytestmark = pytest.mark.tool("prometheus-pushgateway")
LAST, STATUS = "policyctl_check_last_success_timestamp_seconds", "policyctl_check_status"


def now() -> datetime:
    return datetime.now(UTC)


class World:
    def __init__(self, folder: Path, told: Gateway) -> None:
        self.folder = folder
        self.told = told
        self.pods = 0
        self.tree, self.live = folder / "tree", folder / "live"
        for one in (self.tree / "dumps", self.live):
            one.mkdir(parents=True)
        self.database = self.live / "db.sqlite3"
        with closing(sqlite3.connect(self.database)) as database:
            database.execute("CREATE TABLE t (a)")
        self.plan: Plan = compiled(self.manifest())[0].plan

    def manifest(self) -> dict[str, Any]:
        runner = {"kubernetes": {"namespace": "apps", "volume": "apps/c", "at": str(self.live)}}
        tree = {"kind": "tree", "path": str(self.tree), "export": "192.0.2.10:/t"}
        export = ["cat", str(self.live / "export.json")]
        dump = {"kind": "dump", "from": "program", "to": "data:/dumps", "keep": {"last": 3}}
        check = {"kind": "sqlite-integrity", "source": "vault", "schedule": "hourly"}
        return manifest(
            sources={
                "data": tree,
                "program": {"kind": "command", "run": export, "file": "export.json"},
                "vault": {"kind": "sqlite", "path": str(self.database)},
            },
            legs={
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "copy": {"kind": "dump", "from": "vault", "to": "disk:/v", "keep": {"last": 2}},
                "export": {**dump, "schedule": "02:00", "runner": runner},
            },
            routes={str(self.tree): "mirror"},
            checks={"sound": {**check, "runner": runner}},
            monitoring={
                "pushgateway": "http://127.0.0.1:9",
                "cluster_pushgateway": self.told.url,
            },
        )

    def job(self, part: str) -> Job:
        (found,) = (one for one in jobs_of(self.plan) if one.part == part)
        return found

    def pod(self) -> Places:
        """A container that knows nothing."""
        self.pods += 1
        return Places(state=self.folder / f"pod-{self.pods}", in_pod=True)

    def dump(self) -> RunReport:
        plan, places = plan_from_json(plan_to_json(self.job("leg").plan)), self.pod()
        return run_in_cluster(
            plan,
            plan.legs[0],
            places,
            lambda: run_leg(plan, "export", places=places),
            clock=now,
        )

    def look(self) -> None:
        plan = plan_from_json(plan_to_json(self.job("check").plan))
        assert not carry_out(plan, plan.checks[0], places=self.pod(), clock=now).untold


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with gateway(tmp_path) as told:
        yield World(tmp_path, told)


def test_law_30_a_program_is_dumped_and_told_by_the_hosts_name(world: World) -> None:
    (world.live / "export.json").write_text('{"a": 1}')
    report = world.dump()
    assert (report.status, report.untold) == (RunStatus.OK, "")
    (made,) = (one for one in (world.tree / "dumps").iterdir() if not one.name.startswith("."))
    assert (made / "export.json").read_text() == '{"a": 1}'
    assert 'instance="pve"' in world.told.text
    before = world.told.series()
    (world.live / "export.json").write_text("{")
    assert world.dump().status is RunStatus.FAILED
    after = world.told.series()
    (success,) = (one for one in before if one.startswith("policyctl_leg_last_success_timestamp"))
    assert after[success] == before[success]


def test_law_06_a_look_that_fails_leaves_the_last_success(world: World) -> None:
    world.look()
    (success,) = (one for one in world.told.series() if one.startswith(LAST))
    before = world.told.series()[success]
    world.database.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    world.look()
    after = world.told.series()
    assert after[success] == before
    failed = [one for one in after if one.startswith(STATUS) and 'status="failed"' in one]
    assert [after[one] for one in failed] == [1.0]


def test_the_host_tells_since_when_a_check_is_expected(world: World) -> None:
    """So that one which never ran grows old; what jobs tell stays as it is."""
    world.look()
    before = world.told.series()
    places = Places(state=world.folder / "host")
    content = world.manifest()
    content["monitoring"]["pushgateway"] = world.told.url
    plan = compiled(content)[0].plan
    with open_state(places.state_file) as state:
        Looks(state.connection).expect({"sound"}, now())
        leg = plan.leg("mirror")
        assert leg is not None
        tell_leg(plan, leg, state, places, push_staged=True)
    after = world.told.series()
    assert before.items() <= after.items()
    expected = [one for one in after if one.startswith("policyctl_check_expected_since")]
    assert len(expected) == 1
