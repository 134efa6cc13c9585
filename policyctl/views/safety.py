"""What is safe and what is at risk, source by source."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.promises.objectives import hours
from engine.standing.safety import BEHIND, Safety, SourceSafety
from policyctl.views.console import Json, paint
from policyctl.views.fitted import fitted
from policyctl.views.paths import counted

_HEADER = ("source", "state", "fresh", "oldest", "at risk", "then")
_LEAST_NEEDED = ("then", "oldest")
_MAY_BE_EMPTY = frozenset({"oldest", "at risk", "then"})
_SHOWN = frozenset({Safety.AT_RISK, Safety.SAFE})
_NOT_SHOWN = {
    Safety.UNKNOWN: "copied elsewhere",
    Safety.NOT_KEPT: "by decision",
}
_SOON = timedelta(days=6)
"""Nearer than that a weekday says which day is meant."""


def safety_lines(sources: Sequence[SourceSafety], zone: ZoneInfo, now: datetime) -> Iterator[str]:
    """The table, and under it one sentence: what is at risk, and until when the rest is safe."""
    shown = [one for one in sources if one.safety in _SHOWN]
    if shown:
        rows = [_row(one, zone, now) for one in shown]
        lines = fitted(_HEADER, rows, least_needed=_LEAST_NEEDED, may_be_empty=_MAY_BE_EMPTY)
        yield paint(lines[0], "bold", sys.stdout)
        for one, line in zip(shown, lines[1:], strict=True):
            yield paint(line, "red", sys.stdout) if one.safety is Safety.AT_RISK else line
        yield _sentence(shown, zone, now)
    for safety, why in _NOT_SHOWN.items():
        names = [one.source for one in sources if one.safety is safety]
        if names:
            yield f"{safety.value} ({why}): {', '.join(names)}"
    if sources:
        yield ""


def _sentence(sources: Sequence[SourceSafety], zone: ZoneInfo, now: datetime) -> str:
    risky = [one.source for one in sources if one.safety is Safety.AT_RISK]
    safe = [one for one in sources if one.safety is Safety.SAFE]
    ends = [(one.first.at, one.source) for one in safe if one.first and one.first.at]
    parts = []
    if safe:
        said = f"{len(safe)} of {counted(len(sources), 'source')} safe"
        if ends:
            at, first = min(ends)
            said += f" until {_moment(at, zone, now)} if nothing more runs ({first} first)"
        parts.append(said)
    if risky:
        parts.append(f"at risk now: {', '.join(risky)}")
    return "; ".join(parts)


def _row(one: SourceSafety, zone: ZoneInfo, now: datetime) -> tuple[str, ...]:
    return (
        one.source,
        one.safety.value,
        f"{one.fresh} of {one.copies}",
        _length(one.oldest),
        _risk(one, zone, now),
        _then(one),
    )


def _risk(one: SourceSafety, zone: ZoneInfo, now: datetime) -> str:
    if one.first is None:
        return "-"
    if one.first.at is None:
        behind = one.first.what.startswith(BEHIND)
        return "until its next run" if behind else "until its first copy"
    word = "since" if one.first.at < now else "from"
    return f"{word} {_moment(one.first.at, zone, now)}"


def _then(one: SourceSafety) -> str:
    if one.first is None:
        return "-"
    return f"{one.first.what} ({one.first.part})"


def _moment(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = moment.astimezone(zone)
    return local.strftime("%a %H:%M" if abs(moment - now) < _SOON else "%d %b %H:%M")


def _length(length: timedelta | None) -> str:
    if length is None:
        return "-"
    seconds = int(length.total_seconds())
    return f"{seconds // 60} m" if 0 <= seconds < 3600 else hours(seconds)


def safety_json(one: SourceSafety) -> dict[str, Json]:
    """One source for programs."""
    at = one.first.at if one.first is not None else None
    return {
        "source": one.source,
        "safety": one.safety.value,
        "fresh_copies": one.fresh,
        "copies": one.copies,
        "oldest_seconds": int(one.oldest.total_seconds()) if one.oldest is not None else None,
        "at_risk_from": at.isoformat() if at is not None else None,
        "limit": one.first.what if one.first is not None else None,
        "part": one.first.part if one.first is not None else None,
    }
