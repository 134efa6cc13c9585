"""Reading how things stand: the applied plan, the run history, and the manifest beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.plan import LegPlan, Plan
from engine.reports import RunStatus
from engine.status import Health, LegStatus, Ran, leg_status
from engine.system.apply import load_applied
from engine.system.lock import Locked, hold
from engine.system.manifest import ManifestNotFound
from engine.system.places import Places
from engine.system.state import RunRecord, open_state
from policy.diagnostics import PolicyInvalid
from policyctl.boundary import Refused
from policyctl.loading import load_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `status` shows."""

    legs: tuple[LegStatus, ...]
    notes: tuple[str, ...]
    timezone: str


def read_standing(named: Path | None, root: Path) -> Standing:
    """Judge each leg of the applied plan by its history."""
    applied = load_applied(root)
    if applied is None:
        raise Refused("nothing is applied yet: `policyctl plan` shows what would be, then apply it")
    plan, record = applied
    applied_at = datetime.fromisoformat(record.applied_at)
    now = datetime.now(UTC)
    places = Places(root=root)
    with open_state(places.state_file) as state:
        legs = tuple(
            leg_status(
                plan,
                leg,
                _last(state.last_run(leg.name), places),
                _ran(state.last_success(leg.name)),
                applied_at=applied_at,
                now=now,
            )
            for leg in plan.legs
        )
    notes = (*_upstream_notes(plan, legs), *_notes(named, root, plan))
    return Standing(legs=legs, notes=notes, timezone=plan.timezone)


def _last(record: RunRecord | None, places: Places) -> Ran | None:
    """The last run; one that has no end, and whose leg nobody runs now, was killed."""
    ran = _ran(record)
    if record is None or ran is None or record.ended is not None:
        return ran
    if _is_held(places.leg_lock(record.leg)):
        return ran
    return replace(
        ran, status=RunStatus.INTERRUPTED, reason="it ended without telling: killed, or a power cut"
    )


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


def _is_held(lock: Path) -> bool:
    """Whether some process holds a lock now: taken for a moment, and let go at once."""
    if not lock.exists():
        return False
    try:
        with hold(lock):
            return False
    except Locked:
        return True


def _ran(record: RunRecord | None) -> Ran | None:
    if record is None:
        return None
    return Ran(
        started=record.started,
        ended=record.ended,
        status=record.status,
        reason=record.reason,
        bytes=record.bytes_sent,
        files=record.files,
    )


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
