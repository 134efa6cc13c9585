"""What a change set means for the data, as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from engine.changes.plan_changes import RouteChange
from engine.moves.acceptances import Acceptance
from engine.moves.data_changes import LegData, Promise
from engine.moves.destination_data import DestinationData
from engine.moves.flows import Flow, Offer
from engine.moves.held import Held
from engine.moves.pattern_hits import PatternNote
from policyctl.plan_data import PlanData
from policyctl.views.console import Json
from policyctl.views.measure import generation_room_json


def route_data_json(data: PlanData, change: RouteChange) -> dict[str, Json]:
    """What is added to a route."""
    found = data.changes.route(change)
    if found is None:
        return {"copies": {"before": None, "after": None}, "gained": [], "left": []}
    return {
        "copies": {"before": _held_json(found.before), "after": _held_json(found.after)},
        "gained": _flows_json(found.gained),
        "left": _flows_json(found.left),
    }


def data_json(data: PlanData) -> dict[str, Json]:
    """Everything about data that no single route says."""
    return {
        "legs": [_leg_json(one) for one in data.changes.legs],
        "destinations": [_destination_json(one) for one in data.changes.destinations],
        "generations": [generation_room_json(one) for one in data.generations],
        "unseen_rooms": dict(data.unseen_rooms),
        "renames": [_offer_json(one) for one in data.changes.renames],
        "patterns": [_pattern_json(one) for one in data.patterns],
        "acceptances": [_acceptance_json(one) for one in data.acceptances],
    }


def _held_json(held: Held | None) -> Json:
    if held is None:
        return None
    return {
        "copies": held.copies,
        "media": held.media,
        "offsite": held.offsite,
        "rpo_seconds": held.rpo,
        "offsite_rpo_seconds": held.rpo_offsite,
        "history_seconds": held.history,
    }


def _flows_json(flows: Iterable[Flow]) -> list[Json]:
    return [
        {
            "destination": one.destination,
            "place": one.place,
            "route": one.piece.text,
            "leg": one.leg,
            "bytes": one.volume.bytes if one.volume else None,
            "files": one.volume.files if one.volume else None,
        }
        for one in flows
    ]


def _leg_json(one: LegData) -> dict[str, Json]:
    return {
        "leg": one.leg,
        "before": _promise_json(one.before),
        "after": _promise_json(one.after),
        "gained": _flows_json(one.gained),
        "left": _flows_json(one.left),
        "copies": [
            {"route": shift.text, "before": shift.before, "after": shift.after}
            for shift in one.shifts
        ],
    }


def _promise_json(one: Promise | None) -> Json:
    if one is None:
        return None
    return {
        "rpo_seconds": one.rpo,
        "history_seconds": one.history,
        "generations": list(one.generations) if one.generations is not None else None,
    }


def _destination_json(one: DestinationData) -> dict[str, Json]:
    room, rate = one.room, one.rate
    return {
        "destination": one.destination,
        "arriving_bytes": one.arriving,
        "renamable_bytes": one.renamable,
        "left_behind_bytes": one.left_behind,
        "unmeasured": list(one.unmeasured),
        "free_bytes": room.free if room else None,
        "total_bytes": room.total if room else None,
        "measured": room.measured.isoformat() if room else None,
        "used": one.used_before,
        "used_after": one.used_after,
        "max_used": one.max_used,
        "over": one.over,
        "accepted": one.accepted,
        "bytes_per_second": rate.bytes / rate.seconds if rate else None,
        "transfer_seconds": one.seconds,
    }


def _offer_json(one: Offer) -> dict[str, Json]:
    return {
        "destination": one.new.destination,
        "from": one.old.place,
        "to": one.new.place,
        "route": one.new.piece.text,
        "leg": one.new.leg,
        "bytes": one.new.volume.bytes if one.new.volume else None,
        "after": list(one.after),
    }


def _pattern_json(one: PatternNote) -> dict[str, Json]:
    return {
        "section": one.section,
        "text": one.text,
        "surprise": one.surprise.value,
        "sources": list(one.sources),
        "bytes": one.volume.bytes,
        "files": one.volume.files,
        "of_bytes": one.total.bytes,
        "of_files": one.total.files,
    }


def _acceptance_json(one: Acceptance) -> dict[str, Json]:
    return {
        "route": one.text,
        "action": one.action.value,
        "message": one.message,
        "was": one.was or None,
        "because": one.because,
        "since": one.since.isoformat() if one.since else None,
    }
