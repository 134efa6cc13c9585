"""Reading how things stand: the applied plan, what the records hold, and the manifest beside them.

Nothing is made or changed by asking.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from engine.changes.drift import ManifestState, PolicyDrift
from engine.changes.files import AppliedRecord
from engine.checks.outcome import CheckFacts
from engine.drill.outcome import DrillFacts
from engine.moves.acceptances import Acceptance
from engine.plan.model import LegPlan, Plan
from engine.plan.stored import PlanUnreadable
from engine.promises.chains import Chains
from engine.promises.plan_chains import chains_of
from engine.records.measurement import GenerationRoom
from engine.rollback.remaining import Rollback
from engine.routing.coverage import Coverage
from engine.standing.checks import CheckStatus, check_status
from engine.standing.drills import DrillStatus, drill_status
from engine.standing.facts import LegFacts
from engine.standing.safety import SourceSafety, safety_of
from engine.standing.status import Health, LegStatus, leg_status
from engine.standing.surroundings import (
    DestinationStatus,
    TrackerStatus,
    destination_status,
    tracker_status,
)
from engine.system.apply.applied import RecordUnreadable, load_applied, load_way_back
from engine.system.host.files import Unobservable
from engine.system.host.manifest import ManifestNotFound, find_manifest
from engine.system.host.places import Places
from engine.system.journal.journal import Journal
from engine.system.measure.generation_room import known_rooms
from engine.system.state.drills import Drills
from engine.system.state.looks import Looks
from engine.system.state.orphans import OrphanTotal
from engine.system.state.reading import read_journal, read_state
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import State, StateUnusable
from engine.system.telling.drift import read_drift
from engine.system.telling.facts import leg_facts, room_facts, tracker_facts
from engine.system.telling.forget import still_there
from policyctl.accepting import read_acceptances
from policyctl.boundary import Refused
from policyctl.covering import coverage_by

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `status` shows."""

    legs: tuple[LegStatus, ...]
    destinations: tuple[DestinationStatus, ...]
    tracker: TrackerStatus | None
    """None where it has nothing to follow."""
    drift: PolicyDrift | None
    """None where this user cannot look at the files."""
    notes: tuple[str, ...]
    timezone: str
    now: datetime
    sources: tuple[SourceSafety, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    orphans: OrphanTotal = field(default_factory=OrphanTotal)
    acceptances: tuple[Acceptance, ...] = ()
    """Shortfalls of the objectives that the applied plan accepts."""
    generations: tuple[GenerationRoom, ...] = ()
    """The room that they take, as last counted."""
    rollbacks: tuple[Rollback, ...] = ()
    """Those that are half done: what uses their volumes may be stopped."""
    drills: tuple[DrillStatus, ...] = ()
    checks: tuple[CheckStatus, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nobody has to act."""
        tracker = (self.tracker,) if self.tracker else ()
        parts = (*self.legs, *self.destinations, *tracker, *self.drills, *self.checks)
        as_applied = self.drift is None or not self.drift.of_files
        return as_applied and not self.rollbacks and all(one.sound for one in parts)


def read_standing(named: Path | None, root: Path) -> Standing:
    """Judge the applied plan by the records. Raises `Refused` and `StateUnusable`."""
    plan, record = applied_plan(root)
    return standing_of(plan, datetime.fromisoformat(record.applied_at), named, root)


def applied_plan(root: Path) -> tuple[Plan, AppliedRecord]:
    """What runs, and the note of its apply. Raises `Refused` where nothing is applied."""
    applied = load_applied(root)
    if applied is None:
        raise Refused("nothing is applied yet: `policyctl plan` shows what would be, then apply it")
    return applied


def standing_of(
    plan: Plan,
    applied_at: datetime,
    named: Path | None,
    root: Path,
    *,
    chains: Chains | None = None,
) -> Standing:
    """Judge a plan that is applied by the records. Raises `StateUnusable`.

    Whoever has followed the plan's chains already gives them: that takes most of the time.
    """
    drift = _drift(named, root)
    places = Places(root=root)
    if not places.state_file.exists():
        raise StateUnusable(
            f"{places.state_file} is not there, though a plan is applied: how its legs ran, and "
            "what they own, is not known. Put it back, or begin a new one with `policyctl apply`: "
            "then each leg looks at everything, and what lies at the destinations is somebody "
            "else's until `policyctl adopt`"
        )
    chains = chains or chains_of(plan)
    standing = unhurried(places, lambda: _read(plan, places, applied_at, chains))
    notes = (
        *_upstream_notes(plan, standing.legs),
        *standing.notes,
        *still_there(places),
        *_notes(drift),
    )
    return replace(standing, drift=drift, notes=notes)


def unhurried(places: Places, read: Callable[[], _Found]) -> _Found:
    """Read the records, once more where a run wrote just then. Raises `StateUnusable`."""
    try:
        return read()
    except sqlite3.DatabaseError:  # now with its log
        try:
            return read()
        except sqlite3.DatabaseError as error:
            raise StateUnusable(f"{places.state_file} cannot be read: {error}") from error


def _read(plan: Plan, places: Places, applied_at: datetime, chains: Chains) -> Standing:
    """What the records say, the notes about the plan aside."""
    now, before = datetime.now(UTC), _plan_before(places)
    with read_state(places.state_file) as state, read_journal(places.journal_file) as journal:
        legs = tuple(
            leg_status(
                plan,
                leg,
                _facts(plan, leg, state, journal, places, now, before),
                applied_at=applied_at,
                now=now,
            )
            for leg in plan.legs
        )
        destinations = tuple(
            destination_status(
                one,
                room_facts(one.name, state) if state is not None else None,
                now=now,
                staged=places.staged,
            )
            for one in plan.destinations
        )
        tracker = tracker_facts(plan, journal, places)
        entries = coverage_by(plan, state, places)
        generations = tuple(known_rooms(plan, state))
        accepted = read_acceptances(chains, chains, {}, state, applied_at)
        orphans = state.orphans.total() if state is not None else OrphanTotal()
        rollbacks = Rollbacks(state.connection).half_done() if state is not None else ()
        drills = tuple(
            drill_status(plan, one, _drill_facts(one.name, state), now=now) for one in plan.drills
        )
        checks = tuple(
            check_status(plan, one, _check_facts(one.name, state), now=now) for one in plan.checks
        )
    return Standing(
        legs=legs,
        destinations=destinations,
        tracker=tracker_status(tracker) if tracker is not None else None,
        drift=None,
        notes=(),
        timezone=plan.timezone,
        now=now,
        sources=safety_of(plan, legs, now=now, chains=chains),
        coverage=entries,
        orphans=orphans,
        acceptances=accepted,
        generations=generations,
        rollbacks=rollbacks,
        drills=drills,
        checks=checks,
    )


def _drill_facts(name: str, state: State | None) -> DrillFacts:
    return Drills(state.connection).facts(name) if state is not None else DrillFacts()


def _check_facts(name: str, state: State | None) -> CheckFacts:
    return Looks(state.connection).facts(name) if state is not None else CheckFacts()


def _plan_before(places: Places) -> Plan | None:
    """The plan before the applied one; without it more is unsure, and that is all."""
    try:
        return load_way_back(places.root)
    except (PlanUnreadable, RecordUnreadable, Unobservable):
        return None


def _facts(
    plan: Plan,
    leg: LegPlan,
    state: State | None,
    journal: Journal | None,
    places: Places,
    now: datetime,
    before: Plan | None,
) -> LegFacts:
    if state is None:
        return LegFacts()
    return leg_facts(plan, leg, state, journal, places, now=now, before=before)


def _upstream_notes(plan: Plan, rows: tuple[LegStatus, ...]) -> Iterator[str]:
    """Say which legs copy what a failing leg left: their copies are older than they look."""
    old = {one.leg for one in rows if not one.health.sound or one.pause is not None}
    bad = {one.leg: one.health.value for one in rows if one.leg in old}
    for leg in plan.legs:
        for name in sorted(_upstream(plan, leg, frozenset({leg.name})) & bad.keys()):
            is_it = "is " if bad[name] != Health.NEVER_RAN.value else ""
            yield f"{leg.name}: its source {name} {is_it}{bad[name]}"


def _upstream(plan: Plan, leg: LegPlan, seen: frozenset[str]) -> frozenset[str]:
    """The legs that write what a leg reads, and those before them."""
    read = {feed.reads for feed in leg.feeds}
    found: frozenset[str] = frozenset()
    for one in plan.legs:
        writes = {feed.writes.holder for feed in one.feeds if feed.writes is not None}
        if one.name not in seen and (one.name in read or writes & read):
            found |= {one.name} | _upstream(plan, one, seen | found | {one.name})
    return found


def _drift(named: Path | None, root: Path) -> PolicyDrift | None:
    """How manifest and files stand to what is applied: the manifest named, or the applied one.

    Where nobody noted which that was, it is looked for as by any other command.
    """
    looked = read_drift(Places(root=root), named=named)
    if looked is not None and not looked.drift.manifest_path:
        with suppress(ManifestNotFound):
            looked = read_drift(Places(root=root), named=find_manifest(None, root))
    return looked.drift if looked is not None else None


def _notes(drift: PolicyDrift | None) -> Iterator[str]:
    """Say where the manifest is no longer what runs; that is nobody's fault yet."""
    if drift is None:
        yield "this user cannot look at the generated files, so whether they changed is not known"
        return
    match drift.manifest:
        case ManifestState.EDITED:
            yield "the manifest differs from what is applied: `policyctl plan` shows how"
        case ManifestState.INVALID:
            yield (
                "the manifest is not valid now; what runs is the plan that was applied: "
                "`policyctl check` says why"
            )
        case ManifestState.MISSING:
            yield (
                f"the manifest {drift.manifest_path} is gone; what runs is the plan that was "
                "applied from it"
            )
        case ManifestState.APPLIED | ManifestState.UNKNOWN:
            return
