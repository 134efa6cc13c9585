"""Pauses: legs that are not to start by schedule until a certain time. Pure.

A pause ends by itself: who asks after its end finds none. It has a longest length, since a pause
that is forgotten is a backup that is not made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from policy.values import parse_duration

LONGEST = timedelta(days=90)
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?: ([0-9]{2}):([0-9]{2}))?")
_FORMS = "write a day (2026-12-01), a day and a time (2026-12-01 06:00) or a length (3d, 12h)"
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One leg's pause."""

    leg: str
    until: datetime
    """From then on it counts no more."""
    since: datetime
    reason: str = ""

    def lasts(self, now: datetime) -> bool:
        """Whether it still counts."""
        return now < self.until


def parse_until(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Read when a pause ends, in UTC: a day begins at 00:00, a length counts from `now`.

    Raises `ValueError` for what is no time, is not in the future, or lies further away than
    `LONGEST`.
    """
    until = _read(text, now, zone)
    if until <= now:
        raise ValueError(f"{text} has passed: {_FORMS}")
    if until - now > LONGEST:
        raise ValueError(
            f"{text} is more than {LONGEST.days} days away: a pause that is forgotten is a backup "
            "that is not made, so none is longer; pause again when it ends"
        )
    return until


def parse_reason(text: str) -> str:
    """Read why: one line that can be shown. Raises `ValueError`."""
    if not text.isprintable() or len(text) > _LONGEST_REASON:
        raise ValueError(f"write one line of at most {_LONGEST_REASON} printable characters")
    return text.strip()


def _read(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found is not None:
        return _of_wall_clock(text, [int(part or 0) for part in found.groups()], zone)
    try:
        length = timedelta(seconds=parse_duration(text).seconds)
    except ValueError:
        raise ValueError(f"{text!r} is no time: {_FORMS}") from None
    return now.astimezone(UTC).replace(microsecond=0) + length


def _of_wall_clock(text: str, parts: list[int], zone: ZoneInfo) -> datetime:
    """A time as the clock on the wall shows it; of one that comes twice, the first."""
    year, month, day, hour, minute = parts
    try:
        wall = datetime(year, month, day, hour, minute, tzinfo=zone)
        moment = wall.astimezone(UTC)
        shown = moment.astimezone(zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time of the calendar: {_FORMS}") from None
    if shown.replace(tzinfo=None) != wall.replace(tzinfo=None):
        raise ValueError(f"{text} does not come in {zone.key}: the clocks go forward then")
    return moment


def pause_sentence(pause: Pause, timezone: str) -> str:
    """A pause in one sentence: `nightly is paused until 2026-12-01 06:00 (UTC): new disk`."""
    reason = f": {pause.reason}" if pause.reason else ""
    return f"{pause.leg} is paused until {moment(pause.until, timezone)} ({timezone}){reason}"


def moment(when: datetime, timezone: str) -> str:
    """A time of the manifest's zone, with its year: a pause may be long."""
    return f"{when.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"
