"""How drills stand, in `status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.drill.outcome import came_words, estimate_words
from engine.records.measurement import length_words
from engine.standing.drills import DrillHealth, DrillStatus, FromPlace
from policyctl.views.console import Json
from policyctl.views.drill import drilled_json
from policyctl.views.paths import show_path, show_text

_SHOWN = 5


def drill_lines(one: DrillStatus, zone: ZoneInfo, now: datetime) -> Iterator[str]:
    """How one drill stands: a line, and one for each destination that it restores from."""
    age = f", the last good one {_ago(one.age)}" if one.age is not None else ""
    due = f"; next {_time(one.due, zone)}" if one.due is not None else ""
    yield f"drill {one.drill}, of {one.source}: {one.health.value}{age}{due}"
    for place in one.places:
        yield from _place_lines(one, place, now)
    if one.unfinished is not None:
        yield (
            f"  one that began at {_time(one.unfinished, zone)} has not ended: it goes on, or was "
            "killed; the next one removes what it left"
        )


def _place_lines(one: DrillStatus, place: FromPlace, now: datetime) -> Iterator[str]:
    last, measured = place.last, place.measured
    if last is None or last.ended is None or last.status is None:
        yield f"  {place.place}: never tried"
        return
    reason = f": {last.reason}" if last.reason else ""
    parts = [f"{last.status.value} {_ago(now - last.ended)}{reason}"]
    if measured is not None:
        parts += [came_words(measured), estimate_words(measured, one.stated)]
        if measured.slower_than(one.stated):
            parts[-1] += ": longer than stated"
    yield f"  {place.place}: {'; '.join(part for part in parts if part)}"
    for fault in last.faults[:_SHOWN]:
        yield f"    {show_path(fault.path)}: {show_text(fault.what)}"


def drill_json(one: DrillStatus) -> dict[str, Json]:
    """The same for programs."""
    return {
        "drill": one.drill,
        "source": one.source,
        "health": one.health.value,
        "healthy": one.sound,
        "slow": one.health is DrillHealth.SLOW,
        "age_seconds": _seconds(one.age),
        "allowed_seconds": _seconds(one.allowed),
        "stated_seconds": one.stated,
        "next_run": _moment(one.due),
        "unfinished_since": _moment(one.unfinished),
        "from": [
            {
                "destination": place.place,
                "last": drilled_json(place.last) if place.last is not None else None,
                "last_success": _moment(place.success.ended) if place.success else None,
            }
            for place in one.places
        ],
    }


def _ago(age: timedelta) -> str:
    seconds = age.total_seconds()
    return "just now" if seconds < 60 else f"{length_words(seconds)} ago"


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%d %b %H:%M") if moment is not None else "-"


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _seconds(length: timedelta | None) -> int | None:
    return int(length.total_seconds()) if length is not None else None
