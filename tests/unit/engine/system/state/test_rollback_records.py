"""Rollbacks as the state database holds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from engine.rollback.remaining import Direction
from engine.rollback.workloads import Workload, WorkloadKind
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import open_state
from tests.unit.engine.rollback.test_remaining import MOMENT, ROLLBACK

PG = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=3)


def test_what_is_noted_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    begun = replace(ROLLBACK, stopped=(PG,), skipped=True, active=False)
    with open_state(path) as state:
        Rollbacks(state.connection).note(begun)
    with open_state(path) as state:
        assert Rollbacks(state.connection).of("pool", "web") == (begun,)
        assert Rollbacks(state.connection).half_done() == (begun,)
        assert (
            Rollbacks(state.connection).of("pool", "wiki")
            == Rollbacks(state.connection).of("other", "web")
            == ()
        )
        ended = replace(begun, direction=Direction.BACK, stopped=(), ended=MOMENT)
        Rollbacks(state.connection).note(ended)
        assert Rollbacks(state.connection).of("pool", "web") == (ended,)
        assert Rollbacks(state.connection).half_done() == ()


def test_the_newest_comes_first_and_each_is_remembered(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        moments = [MOMENT + timedelta(hours=hours) for hours in (5, 0, 30)]
        for moment in moments:
            Rollbacks(state.connection).note(replace(ROLLBACK, moment=moment))
        found = [one.moment for one in Rollbacks(state.connection).of("pool", "web")]
        assert found == sorted(moments, reverse=True)
        assert [one.moment for one in Rollbacks(state.connection).half_done()] == sorted(moments)


def test_they_follow_the_name_of_their_source(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        Rollbacks(state.connection).note(ROLLBACK)
        state.rename_source("pool", "volumes")
        assert Rollbacks(state.connection).of("volumes", "web") == (
            replace(ROLLBACK, source="volumes"),
        )
        assert Rollbacks(state.connection).of("pool", "web") == ()
