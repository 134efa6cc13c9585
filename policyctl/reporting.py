"""What `report` shows: the applied plan and how everything stands, read at one moment.

Nothing is made or changed by asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.overview.overview import Overview, overview_of
from engine.plan.model import Plan
from engine.promises.plan_chains import chains_of
from engine.report.facts import Facts, LegRun, RoomHistory
from engine.rollback.words import half_done
from engine.standing.keeping import Keeping
from engine.system.host.places import Places
from engine.system.state.reading import read_state
from engine.system.state.state import State
from engine.system.telling.facts import newest_runs
from policyctl.keeping import keepings_now
from policyctl.standing import Standing, applied_plan, standing_of, unhurried
from policyctl.views.coverage import coverage_lines
from policyctl.views.orphans import total_lines
from policyctl.views.status import drift_lines

_RUNS = 150
"""Runs of each leg that are looked at: a day and a half of one that runs every quarter hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The facts of the page, and what `status` says of the same moment."""

    facts: Facts
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """What `status` does not read."""

    runs: tuple[LegRun, ...] = ()
    rooms: tuple[RoomHistory, ...] = ()
    keepings: tuple[Keeping, ...] = ()


def read_report(named: Path | None, root: Path) -> Report:
    """Gather everything. Raises `Refused` and `StateUnusable` as `status` does."""
    plan, record = applied_plan(root)
    applied_at = datetime.fromisoformat(record.applied_at)
    chains = chains_of(plan)
    standing = standing_of(plan, applied_at, named, root, chains=chains)
    places = Places(root=root)
    records = unhurried(places, lambda: _records(plan, places, standing.now))
    facts = _facts(plan, applied_at, standing, records, overview_of(plan, chains))
    return Report(facts=facts, standing=standing)


def _records(plan: Plan, places: Places, now: datetime) -> _Records:
    with read_state(places.state_file) as state:
        if state is None:
            return _Records()
        runs = sorted(_runs(plan, state, places), key=lambda one: one.ran.started, reverse=True)
        return _Records(
            runs=tuple(runs),
            rooms=tuple(
                RoomHistory(destination=one.name, days=state.rooms.days(one.name))
                for one in plan.destinations
            ),
            keepings=tuple(keepings_now(plan, places, state, now)),
        )


def _runs(plan: Plan, state: State, places: Places) -> Iterator[LegRun]:
    for leg in plan.legs:
        for ran in newest_runs(leg.name, state, places, most=_RUNS):
            yield LegRun(leg=leg.name, ran=ran)


def _facts(
    plan: Plan, applied_at: datetime, standing: Standing, records: _Records, overview: Overview
) -> Facts:
    return Facts(
        plan=plan,
        overview=overview,
        now=standing.now,
        applied_at=applied_at,
        healthy=standing.healthy,
        sources=standing.sources,
        legs=standing.legs,
        destinations=standing.destinations,
        rooms=records.rooms,
        tracker=standing.tracker,
        faults=tuple(_faults(standing)),
        notes=tuple(_notes(standing)),
        acceptances=standing.acceptances,
        generations=standing.generations,
        keepings=records.keepings,
        drills=standing.drills,
        checks=standing.checks,
        runs=records.runs,
    )


def _faults(standing: Standing) -> Iterator[str]:
    if standing.drift is not None:
        yield from drift_lines(standing.drift)
    yield from map(half_done, standing.rollbacks)


def _notes(standing: Standing) -> Iterator[str]:
    yield from standing.notes
    yield from coverage_lines(standing.coverage)
    yield from total_lines(standing.orphans)
