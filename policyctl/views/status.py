"""How things stand, on one screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.objectives import hours
from engine.status import Health, LegStatus, Ran
from policyctl.views.console import Json, paint, table


def status_lines(rows: tuple[LegStatus, ...], notes: tuple[str, ...], zone: str) -> Iterator[str]:
    """Lines for people."""
    shown = [_row(one, ZoneInfo(zone)) for one in rows]
    header = ("leg", "kind", "state", "last run", "last success", "age", "allowed", "next run")
    lines = table(shown, header=header)
    yield paint(lines[0], "bold", sys.stdout)
    for one, line in zip(rows, lines[1:], strict=True):
        yield line if one.health.sound else paint(line, "red", sys.stdout)
    for one in rows:
        if one.last is not None and one.last.reason and one.health is not Health.FRESH:
            yield f"{one.leg}: {one.last.reason}"
    yield f"times are those of {zone}"
    yield from notes


def _row(one: LegStatus, zone: ZoneInfo) -> tuple[str, ...]:
    status = _how_it_ended(one.last) if one.last else ""
    last = f"{_time(one.last.started, zone)} {status}" if one.last else "-"
    return (
        one.leg,
        one.kind,
        one.health.value,
        last,
        _time(one.last_success, zone),
        _length(one.age),
        _length(one.allowed),
        _time(one.due, zone),
    )


def _how_it_ended(ran: Ran) -> str:
    if ran.status is None:
        return "running"
    return ran.status.value if ran.ended else "killed"


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%a %d %b %H:%M") if moment else "-"


def _length(length: timedelta | None) -> str:
    return hours(int(length.total_seconds())) if length is not None else "-"


def status_json(rows: tuple[LegStatus, ...], notes: tuple[str, ...]) -> dict[str, Json]:
    """The same for programs."""
    return {
        "healthy": all(one.health.sound for one in rows),
        "legs": [_leg_json(one) for one in rows],
        "notes": list(notes),
    }


def _leg_json(one: LegStatus) -> dict[str, Json]:
    last: Json = None
    if one.last is not None:
        last = {
            "started": one.last.started.isoformat(),
            "ended": one.last.ended.isoformat() if one.last.ended else None,
            "status": _how_it_ended(one.last) if one.last.status else None,
            "reason": one.last.reason,
            "bytes": one.last.bytes,
            "files": one.last.files,
        }
    return {
        "leg": one.leg,
        "kind": one.kind,
        "health": one.health.value,
        "last_run": last,
        "last_success": one.last_success.isoformat() if one.last_success else None,
        "age_seconds": int(one.age.total_seconds()) if one.age is not None else None,
        "allowed_seconds": int(one.allowed.total_seconds()) if one.allowed is not None else None,
        "next_run": one.due.isoformat() if one.due else None,
    }
