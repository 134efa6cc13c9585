"""Reading how things stand: the applied plan, what the records hold, and the manifest beside them.

Nothing is made or changed by asking.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.facts import LegFacts
from engine.plan import LegPlan, Plan
from engine.status import Health, LegStatus, leg_status
from engine.surroundings import (
    DestinationStatus,
    TrackerStatus,
    destination_status,
    tracker_status,
)
from engine.system.apply import load_applied
from engine.system.facts import leg_facts, room_facts, tracker_facts
from engine.system.forget import still_there
from engine.system.journal import Journal
from engine.system.manifest import ManifestNotFound
from engine.system.places import Places
from engine.system.reading import read_journal, read_state
from engine.system.state import State, StateUnusable
from policy.diagnostics import PolicyInvalid
from policyctl.boundary import Refused
from policyctl.loading import load_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `status` shows."""

    legs: tuple[LegStatus, ...]
    destinations: tuple[DestinationStatus, ...]
    tracker: TrackerStatus | None
    """None where it has nothing to follow."""
    notes: tuple[str, ...]
    timezone: str

    @property
    def healthy(self) -> bool:
        """Whether nobody has to act."""
        parts = (*self.legs, *self.destinations, *((self.tracker,) if self.tracker else ()))
        return all(one.sound for one in parts)


def read_standing(named: Path | None, root: Path) -> Standing:
    """Judge the applied plan by the records. Raises `Refused` and `StateUnusable`."""
    applied = load_applied(root)
    if applied is None:
        raise Refused("nothing is applied yet: `policyctl plan` shows what would be, then apply it")
    plan, record = applied
    places = Places(root=root)
    applied_at = datetime.fromisoformat(record.applied_at)
    try:
        standing = _read(plan, places, applied_at)
    except sqlite3.DatabaseError:  # a run wrote just then: once more, now with its log
        try:
            standing = _read(plan, places, applied_at)
        except sqlite3.DatabaseError as error:
            raise StateUnusable(f"{places.state_file} cannot be read: {error}") from error
    notes = (
        *_upstream_notes(plan, standing.legs),
        *standing.notes,
        *still_there(places),
        *_notes(named, root, plan),
    )
    return Standing(
        legs=standing.legs,
        destinations=standing.destinations,
        tracker=standing.tracker,
        notes=notes,
        timezone=plan.timezone,
    )


def _read(plan: Plan, places: Places, applied_at: datetime) -> Standing:
    """What the records say, the notes about the plan aside."""
    now = datetime.now(UTC)
    with read_state(places.state_file) as state, read_journal(places.journal_file) as journal:
        legs = tuple(
            leg_status(
                plan,
                leg,
                _facts(plan, leg, state, journal, places),
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
    return Standing(
        legs=legs,
        destinations=destinations,
        tracker=tracker_status(tracker) if tracker is not None else None,
        notes=(),
        timezone=plan.timezone,
    )


def _facts(
    plan: Plan, leg: LegPlan, state: State | None, journal: Journal | None, places: Places
) -> LegFacts:
    return leg_facts(plan, leg, state, journal, places) if state is not None else LegFacts()


def _upstream_notes(plan: Plan, rows: tuple[LegStatus, ...]) -> Iterator[str]:
    """Say which legs copy what a failing leg left: their copies are older than they look."""
    bad = {one.leg: one.health.value for one in rows if not one.health.sound}
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


def _notes(named: Path | None, root: Path, applied: Plan) -> list[str]:
    """Say where the manifest is no longer what runs."""
    try:
        edited = load_manifest(named, root).compilation.plan
    except ManifestNotFound:
        return []
    except PolicyInvalid:
        return ["the manifest is not valid now; what runs is the plan that was applied"]
    if edited == applied:
        return []
    return ["the manifest differs from what is applied: `policyctl plan` shows how"]
