"""Times, lengths and states as the report says them; each state has a sign of its own shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.records.reports import RunStatus
from engine.report.headline import Level
from engine.standing.facts import Ran
from engine.standing.safety import Safety
from engine.standing.status import Health, LegStatus
from engine.standing.surroundings import RoomHealth

_NEAR = timedelta(days=6)
"""Nearer than that a weekday says which day is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A moment, as people of the manifest's zone say it, and for programs."""

    text: str
    exact: str
    """With its date, for whoever points at it."""
    iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A state in a word, with the name of its drawing: never told by a colour alone."""

    shape: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The manifest's zone, and the moment at which the page was made."""

    zone: ZoneInfo
    now: datetime

    def when(self, moment: datetime) -> When:
        """`Tue 06:30`; of what is further away the date."""
        local = moment.astimezone(self.zone)
        near = abs(moment - self.now) < _NEAR
        year = "" if local.year == self.now.astimezone(self.zone).year else f" {local.year}"
        date = f"{local.day} {local:%b}{year}"
        return When(
            text=f"{local:%a %H:%M}" if near else f"{date}, {local:%H:%M}",
            exact=f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}",
            iso=local.isoformat(timespec="seconds"),
        )

    def maybe(self, moment: datetime | None) -> When | None:
        """The same where there is one."""
        return self.when(moment) if moment is not None else None


def length(span: timedelta | None) -> str:
    """`40 s`, `12 min`, `27 h`, `5 d 3 h`; a dash where nobody knows."""
    if span is None:
        return "–"
    seconds = int(span.total_seconds())
    if seconds < 0:
        return "not yet"
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 100 * 60:
        return f"{seconds // 60} min"
    hours, minutes = divmod(seconds // 60, 60)
    if hours < 10 and minutes:
        return f"{hours} h {minutes} min"
    if hours < 72:
        return f"{hours} h"
    days, rest = divmod(hours, 24)
    return f"{days} d {rest} h" if rest and days < 14 else f"{days} d"


def number(amount: int) -> str:
    """A number with its thousands apart."""
    return f"{amount:,}"


def several(amount: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


_LEVELS = {
    Level.SAFE: "safe",
    Level.ATTENTION: "act",
    Level.RISK: "risk",
    Level.UNKNOWN: "unknown",
}
_SAFETIES = {
    Safety.SAFE: Sign(shape="safe", word="safe"),
    Safety.AT_RISK: Sign(shape="risk", word="at risk"),
    Safety.UNKNOWN: Sign(shape="unknown", word="not known here"),
    Safety.NOT_KEPT: Sign(shape="off", word="not kept"),
}
_HEALTHS = {
    Health.FRESH: "safe",
    Health.WAITING: "wait",
    Health.SEEDING: "wait",
    Health.SEED_STOPPED: "act",
    Health.FAILING: "act",
    Health.STALE: "risk",
    Health.NEVER_RAN: "risk",
    Health.UNFED: "risk",
    Health.PAUSED: "pause",
    Health.AHEAD: "act",
    Health.ELSEWHERE: "unknown",
}
_ROOMS = {
    RoomHealth.ENOUGH: "safe",
    RoomHealth.OVER: "risk",
    RoomHealth.OLD: "wait",
    RoomHealth.UNKNOWN: "unknown",
    RoomHealth.NEVER: "unknown",
}


def of_level(level: Level) -> Sign:
    """The sign of the whole."""
    return Sign(shape=_LEVELS[level], word=level.value)


def of_safety(safety: Safety) -> Sign:
    """The sign of a source."""
    return _SAFETIES[safety]


def of_leg(leg: LegStatus) -> Sign:
    """The sign of a leg: a fault beside its health makes it one that needs somebody."""
    shape = _HEALTHS[leg.health]
    if not leg.sound and leg.health.sound:
        word = "copies differ" if leg.differing else f"{leg.health.value}, not told"
        return Sign(shape="act", word=word)
    return Sign(shape=shape, word=leg.health.value)


def of_room(health: RoomHealth) -> Sign:
    """The sign of a destination's room."""
    return Sign(shape=_ROOMS[health], word=health.value)


def of_run(ran: Ran) -> Sign:
    """The sign of a run's end."""
    if ran.status is None:
        return Sign(shape="wait", word="running")
    if ran.status is RunStatus.OK:
        return Sign(shape="safe", word="ok")
    if ran.status.succeeded:
        return Sign(shape="safe", word=ran.status.value)
    if ran.ended is None:
        return Sign(shape="risk", word="killed")
    mild = {RunStatus.DEGRADED, RunStatus.GUARD, RunStatus.WAITED_TOO_LONG, RunStatus.LOCKED}
    return Sign(shape="act" if ran.status in mild else "risk", word=ran.status.value)
