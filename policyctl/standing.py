"""Reading how things stand: the applied plan, the run history, and the manifest beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.plan import Plan
from engine.status import LegStatus, Ran, leg_status
from engine.system.apply import load_applied
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
    with open_state(Places(root=root).state_file) as state:
        legs = tuple(
            leg_status(
                plan,
                leg,
                _ran(state.last_run(leg.name)),
                _ran(state.last_success(leg.name)),
                applied_at=applied_at,
                now=now,
            )
            for leg in plan.legs
        )
    return Standing(legs=legs, notes=tuple(_notes(named, root, plan)), timezone=plan.timezone)


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
