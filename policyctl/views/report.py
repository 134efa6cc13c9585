"""The facts of the report, for programs."""

from __future__ import annotations

from datetime import datetime

from engine.overview.days import ShownDay, Window
from engine.overview.graph import Edge, Graph, Node, Ride
from engine.overview.protection import Gap, HeldCopy, Protection
from engine.plan.model import Location
from engine.report.concerns import Concern, to_act_on, to_know
from engine.report.facts import LegRun, RoomHistory
from engine.report.headline import headline
from policyctl.reporting import Report
from policyctl.views.console import Json
from policyctl.views.generations import generations_json
from policyctl.views.paths import path_json
from policyctl.views.status import how_it_ended
from policyctl.views.status_json import status_json


def report_json(report: Report) -> dict[str, Json]:
    """Everything that the page shows; what `status --json` says has the names that it has there."""
    facts = report.facts
    found = headline(facts)
    return {
        "host": facts.plan.host,
        "timezone": facts.plan.timezone,
        "at": facts.now.isoformat(),
        "applied_at": facts.applied_at.isoformat(),
        "headline": {
            "level": found.level.value,
            "safe_until": _moment(found.until),
            "at_risk_first": found.first.source if found.first is not None else None,
            "at_risk": [one.source for one in found.at_risk],
        },
        "needs_you": [_concern(one) for one in to_act_on(facts)],
        "worth_knowing": [_concern(one) for one in to_know(facts)],
        **status_json(report.standing),
        "routing": _graph(facts.overview.graph),
        "protection": [_protection(one) for one in facts.overview.protection],
        "days": [_day(one) for one in facts.overview.days.days],
        "by_hand": list(facts.overview.days.by_hand),
        "room_history": [_room(one) for one in facts.rooms],
        "generation_folders": generations_json(facts.keepings)["folders"],
        "runs": [_run(one) for one in facts.runs],
    }


def _concern(one: Concern) -> dict[str, Json]:
    return {
        "about": one.about,
        "what": one.what,
        "more": one.more or None,
        "do": one.do or None,
        "until": _moment(one.until),
    }


def _graph(graph: Graph) -> dict[str, Json]:
    return {
        "nodes": [_node(one) for one in graph.nodes],
        "edges": [_edge(one) for one in graph.edges],
    }


def _node(one: Node) -> dict[str, Json]:
    return {
        "name": one.name,
        "kind": one.kind.value,
        "what": one.what,
        "media": one.media,
        "site": one.site,
    }


def _edge(one: Edge) -> dict[str, Json]:
    return {
        "from": one.origin,
        "to": one.target,
        "places": list(one.places),
        "rides": [_ride(ride) for ride in one.rides],
    }


def _ride(one: Ride) -> dict[str, Json]:
    return {
        "source": one.source,
        "route": one.label,
        "reason": one.reason or None,
        "because": one.because or None,
        "stops": one.stops or None,
    }


def _protection(one: Protection) -> dict[str, Json]:
    return {
        "source": one.source,
        "part": one.label,
        "leg": one.leg or "none",
        "copies": [_copy(copy) for copy in one.copies],
        "rpo_seconds": one.rpo,
        "offsite_rpo_seconds": one.offsite_rpo,
        "history_seconds": one.history,
        "gaps": [_gap(gap) for gap in one.gaps],
    }


def _copy(one: HeldCopy) -> dict[str, Json]:
    return {
        "form": one.form.value,
        "place": one.copy.place,
        **_path(one.copy.location),
        "via": list(one.copy.via),
        "offsite": one.offsite,
        "rpo_seconds": one.copy.rpo.seconds if one.copy.rpo is not None else None,
        "kept": one.kept or None,
    }


def _path(location: Location) -> dict[str, Json]:
    return path_json(b"/" + b"/".join(location.names))


def _gap(one: Gap) -> dict[str, Json]:
    return {"kind": one.kind.value, "what": one.what, "because": one.because or None}


def _day(one: ShownDay) -> dict[str, Json]:
    return {
        "title": one.title,
        "legs": [
            {"leg": row.leg, "runs": [_window(window) for window in row.windows]}
            for row in one.rows
        ],
    }


def _window(one: Window) -> dict[str, Json]:
    return {
        "due_seconds": one.due,
        "earliest_start_seconds": one.earliest,
        "latest_start_seconds": one.start,
        "latest_end_seconds": one.end,
    }


def _room(one: RoomHistory) -> dict[str, Json]:
    return {
        "destination": one.destination,
        "days": [
            {"day": day.day.isoformat(), "free_bytes": day.free, "size_bytes": day.total}
            for day in one.days
        ],
    }


def _run(one: LegRun) -> dict[str, Json]:
    ran = one.ran
    return {
        "leg": one.leg,
        "started": ran.started.isoformat(),
        "ended": _moment(ran.ended),
        "status": how_it_ended(ran) if ran.status else None,
        "reason": ran.reason,
        "mode": ran.mode,
        "bytes": ran.bytes,
        "files": ran.files,
        "deletions": ran.deletions,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
