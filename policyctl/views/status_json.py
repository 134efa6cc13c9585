"""How things stand, for programs."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.changes.drift import PolicyDrift
from engine.moves.acceptances import Acceptance
from engine.rollback.remaining import Direction, Rollback
from engine.standing.facts import Ran
from engine.standing.status import ItemStatus, LegStatus
from engine.standing.surroundings import DestinationStatus, TrackerStatus
from policyctl.standing import Standing
from policyctl.views.console import Json
from policyctl.views.coverage import coverage_json
from policyctl.views.looks import check_json
from policyctl.views.measure import generation_room_json
from policyctl.views.orphans import total_json
from policyctl.views.paths import path_json
from policyctl.views.rehearsals import drill_json
from policyctl.views.safety import safety_json
from policyctl.views.status import how_it_ended, summary


def status_json(standing: Standing) -> dict[str, Json]:
    """The whole of `status` as JSON."""
    return {
        "healthy": standing.healthy,
        "summary": summary(standing),
        "sources": [safety_json(one) for one in standing.sources],
        "legs": [_leg(one) for one in standing.legs],
        "destinations": [_destination(one) for one in standing.destinations],
        "generations": [generation_room_json(one) for one in standing.generations],
        "drills": [drill_json(one) for one in standing.drills],
        "checks": [check_json(one) for one in standing.checks],
        "tracker": _tracker(standing.tracker) if standing.tracker is not None else None,
        "policy": _policy(standing.drift) if standing.drift is not None else None,
        "notes": list(standing.notes),
        **coverage_json(standing.coverage),
        "orphans": total_json(standing.orphans),
        "acceptances": [_acceptance(one, standing.now) for one in standing.acceptances],
        "rollbacks_half_done": [_rollback(one) for one in standing.rollbacks],
    }


def _acceptance(one: Acceptance, now: datetime) -> dict[str, Json]:
    return {
        "route": one.text,
        "message": one.message,
        "because": one.because,
        "since": _moment(one.since),
        "age_seconds": _seconds(now - one.since) if one.since is not None else None,
    }


def _rollback(one: Rollback) -> dict[str, Json]:
    return {
        "item": f"{one.source}:{one.item}",
        "volume": one.volume.text,
        "began": _moment(one.moment),
        "undo": one.direction is Direction.BACK,
    }


def _leg(one: LegStatus) -> dict[str, Json]:
    return {
        "leg": one.leg,
        "kind": one.kind,
        "health": one.health.value,
        "healthy": one.sound,
        "last_run": _run(one.last),
        "last_success": _moment(one.last_success),
        "data_as_of": _moment(one.data_as_of),
        "age_seconds": _seconds(one.age),
        "allowed_seconds": _seconds(one.allowed),
        "next_run": _moment(one.due),
        "full_pass_due": _moment(one.full_due),
        "pending_changes": one.pending,
        "seeding_since": _moment(one.seeding_since),
        "not_told": one.not_told or None,
        "paused_until": _moment(one.pause.until) if one.pause is not None else None,
        "paused_because": one.pause.reason if one.pause is not None else None,
        "items": [_item(item) for item in one.items],
    }


def _run(ran: Ran | None) -> Json:
    if ran is None:
        return None
    return {
        "started": ran.started.isoformat(),
        "ended": _moment(ran.ended),
        "status": how_it_ended(ran) if ran.status else None,
        "reason": ran.reason,
        "mode": ran.mode,
        "bytes": ran.bytes,
        "files": ran.files,
        "deletions": ran.deletions,
    }


def _item(item: ItemStatus) -> dict[str, Json]:
    last = item.last
    return {
        "item": item.name,
        "healthy": item.sound,
        "stale": item.stale,
        "status": last.status.value if last is not None and last.status is not None else None,
        "reason": last.reason if last is not None else "",
        "last_run": _moment(last.started) if last is not None else None,
        "last_success": _moment(item.success.started) if item.success is not None else None,
        "data_as_of": _moment(item.success.data_as_of) if item.success is not None else None,
        "pending_changes": item.pending,
        "verified": _moment(item.verified.ended) if item.verified is not None else None,
        "differing": item.verified.differing if item.verified is not None else None,
    }


def _destination(one: DestinationStatus) -> dict[str, Json]:
    return {
        "destination": one.destination,
        "health": one.health.value,
        "healthy": one.sound,
        "free_bytes": one.free,
        "size_bytes": one.total,
        "used": round(one.used, 4) if one.used is not None else None,
        "max_used": one.max_used,
        "measured": _moment(one.measured),
        "age_seconds": _seconds(one.age),
        "full_on": one.full_on.isoformat() if one.full_on is not None else None,
    }


def _tracker(one: TrackerStatus) -> dict[str, Json]:
    return {
        "health": one.health.value,
        "healthy": one.sound,
        "since": _moment(one.since),
        "watches": one.watches,
        "read_in_full": list(one.in_full),
        "details": list(one.details),
    }


def _policy(one: PolicyDrift) -> dict[str, Json]:
    files = [
        {**path_json(file.path.text), "found": "missing" if file.missing else "changed"}
        for file in one.files
    ]
    return {
        "manifest": one.manifest.value,
        "manifest_file": one.manifest_path or None,
        "manifest_sha256": one.manifest_digest or None,
        "plan_sha256": one.plan_digest,
        "drifted_files": files,
        "apply_interrupted": one.interrupted,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _seconds(length: timedelta | None) -> int | None:
    return int(length.total_seconds()) if length is not None else None
