"""When calendars elapse: the arithmetic of systemd timers in a time zone.

Owns the step from `policy.calendar.Calendar` (local date and time components) to instants, given
as epoch seconds, and what follows from it: next and previous runs, the longest gap, and the local
times that a change of the clocks takes away. It never asks what time it is.

What systemd does when clocks change, and so do the functions here: a local time that is skipped
does not elapse at all (the timer waits for the next match, often a day or a week later), and a
local time that is repeated elapses only the first time (`*:0/15` pauses for 75 minutes then). This
holds for timers that are given `Calendar.canonical()`. In a few zones (Dublin, Casablanca, Chatham)
systemd 252 loses its way on the day of a change and can skip more of it; that is not copied here.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from policy.calendar import FIRST_YEAR, LAST_YEAR, WEEKDAY_NAMES, Calendar

REFERENCE_START: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""Begin of the reference years, over which a policy's schedules are judged."""
REFERENCE_END: Final = datetime(2029, 1, 1, tzinfo=UTC)
"""End of the reference years, exclusive; 2028 has a 29th of February."""

# One full cycle of weekdays and leap years and more, for calendars that elapse once a year.
_WIDE_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
_WIDE_END: Final = datetime(2057, 1, 1, tzinfo=UTC)

_DAY: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = date(FIRST_YEAR, 1, 1).toordinal()
_LAST_DAY: Final = date(LAST_YEAR, 12, 31).toordinal()
_REFERENCE_DAYS: Final = date(2027, 1, 1).toordinal(), date(2028, 12, 31).toordinal()
_HORIZON: Final = 40 * 366 * _DAY
"""How far next and previous runs are looked for, in seconds."""

DstKind = Literal["skipped", "repeated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch without an elapse: its length in seconds, begin and end in epoch seconds."""

    seconds: int
    begins: int
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DstFault:
    """A local time of a calendar, such as `Sun 2027-03-28 03:00`, that does not happen once."""

    calendar: Calendar
    kind: DstKind
    local: str


def occurrences(
    calendars: Sequence[Calendar], *, zone: ZoneInfo, start: int, end: int
) -> list[int]:
    """Return when any of the calendars elapses in [start, end), sorted, in epoch seconds."""
    # A local date begins and ends up to 14 hours away from the UTC date of the same name.
    first = max(_EPOCH_ORDINAL + start // _DAY - 1, _FIRST_DAY)
    last = min(_EPOCH_ORDINAL + end // _DAY + 1, _LAST_DAY)
    found: set[int] = set()
    for calendar in calendars:
        times = _times_of_day(calendar)
        for ordinal in _matching_days(calendar, first, last):
            found.update(_elapses_of_day(times, zone, ordinal))
    return sorted(elapse for elapse in found if start <= elapse < end)


def next_run(calendars: Sequence[Calendar], *, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first elapse strictly after an aware time, in UTC; None if 40 years have none."""
    start = _epoch_seconds(after) + 1
    for begin, end in _widening_spans():
        found = occurrences(calendars, zone=zone, start=start + begin, end=start + end)
        if found:
            return _EPOCH + timedelta(seconds=found[0])
    return None


def previous_run(
    calendars: Sequence[Calendar], *, zone: ZoneInfo, before: datetime
) -> datetime | None:
    """Return the last elapse at or before an aware time, in UTC; None if 40 years have none."""
    stop = _epoch_seconds(before) + 1
    for begin, end in _widening_spans():
        found = occurrences(calendars, zone=zone, start=stop - end, end=stop - begin)
        if found:
            return _EPOCH + timedelta(seconds=found[-1])
    return None


def last_run(calendars: Sequence[Calendar], *, zone: ZoneInfo) -> datetime | None:
    """Return when a schedule that ends elapses for the last time; None for one that goes on."""
    if next_run(calendars, zone=zone, after=_WIDE_END) is not None:
        return None
    return previous_run(calendars, zone=zone, before=_WIDE_END)


def longest_gap(calendars: Sequence[Calendar], *, zone: ZoneInfo) -> Gap:
    """Return the longest time between two elapses that lies in or reaches into the reference years.

    Calendars with fewer than three elapses there are judged over 2024 to 2056. Where none precedes
    or follows within 40 years, the gap is counted from or to the edge of those years: a schedule
    that ends leaves its copies without end.
    """
    edges = REFERENCE_START, REFERENCE_END
    runs = _occurrences_between(calendars, zone, edges)
    if len(runs) < 3:
        edges = _WIDE_START, _WIDE_END
        runs = _occurrences_between(calendars, zone, edges)
    before = previous_run(calendars, zone=zone, before=edges[0])
    after = next_run(calendars, zone=zone, after=edges[1] - timedelta(seconds=1))
    points = [_epoch_seconds(before or edges[0]), *runs, _epoch_seconds(after or edges[1])]
    ends, begins = max(zip(points[1:], points, strict=False), key=lambda pair: pair[0] - pair[1])
    return Gap(seconds=ends - begins, begins=begins, ends=ends)


def dst_faults(calendars: Sequence[Calendar], *, zone: ZoneInfo) -> tuple[DstFault, ...]:
    """Return the first local time of each calendar that a reference year skips, and repeats.

    A calendar that also elapses in the hour before and the hour after loses nothing by the change
    and has no fault.
    """
    return tuple(
        fault
        for calendar in calendars
        for kind in ("skipped", "repeated")
        if (fault := _first_fault(calendar, zone, kind)) is not None
    )


def runs_per_day(calendars: Sequence[Calendar]) -> int:
    """Return the most elapses that one day can have, counting each calendar by itself."""
    return sum(
        (24 if calendar.hours is None else len(calendar.hours))
        * (60 if calendar.minutes is None else len(calendar.minutes))
        * len(calendar.seconds)
        for calendar in calendars
    )


def _occurrences_between(
    calendars: Sequence[Calendar], zone: ZoneInfo, edges: tuple[datetime, datetime]
) -> list[int]:
    start, end = map(_epoch_seconds, edges)
    return occurrences(calendars, zone=zone, start=start, end=end)


def _epoch_seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _widening_spans() -> Iterator[tuple[int, int]]:
    """Yield adjoining spans up to the horizon, ever wider: frequent calendars stay cheap."""
    begin, width = 0, 2 * _DAY
    while begin < _HORIZON:
        end = min(begin + width, _HORIZON)
        yield begin, end
        begin, width = end, width * 4


@lru_cache(maxsize=128)
def _times_of_day(calendar: Calendar) -> tuple[int, ...]:
    """Return the local times of day at which the calendar elapses, in seconds from 00:00:00."""
    hours = range(24) if calendar.hours is None else calendar.hours
    minutes = range(60) if calendar.minutes is None else calendar.minutes
    return tuple(
        (hour * 60 + minute) * 60 + second
        for hour in hours
        for minute in minutes
        for second in calendar.seconds
    )


def _matching_days(calendar: Calendar, first: int, last: int) -> Iterator[int]:
    """Yield the proleptic ordinals from first to last whose date and weekday match."""
    if first > last:
        return
    weekdays = {(number + 1) % 7 for number in calendar.weekdays}
    for begin, length in _matching_months(calendar, first, last):
        for day in calendar.days or range(1, length + 1):
            ordinal = begin + day - 1
            if day <= length and first <= ordinal <= last and ordinal % 7 in weekdays:
                yield ordinal


def _matching_months(calendar: Calendar, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the ordinal of the first day and the number of days of each month that matches."""
    begin_year, end_year = date.fromordinal(first).year, date.fromordinal(last).year
    for year in range(begin_year, end_year + 1):
        if calendar.years is not None and year not in calendar.years:
            continue
        for month in calendar.months or range(1, 13):
            begin, length = date(year, month, 1).toordinal(), monthrange(year, month)[1]
            if begin <= last and begin + length > first:
                yield begin, length


def _elapses_of_day(times: tuple[int, ...], zone: ZoneInfo, ordinal: int) -> list[int]:
    """Return the epoch seconds of those times that the given local day has."""
    offset = _utc_offset(zone, ordinal)
    if offset == _utc_offset(zone, ordinal + 1):
        base = (ordinal - _EPOCH_ORDINAL) * _DAY - offset
        return [base + time for time in times]
    return [
        _epoch_seconds(moment)
        for time in times
        if _fate(moment := _local(ordinal, time, zone)) != "skipped"
    ]


@lru_cache(maxsize=16_384)
def _utc_offset(zone: ZoneInfo, ordinal: int) -> int:
    """Return how many seconds local time is ahead of UTC when the given local day begins."""
    offset = _local(ordinal, 0, zone).utcoffset() or timedelta()
    return offset // timedelta(seconds=1)


def _local(ordinal: int, time: int, zone: ZoneInfo) -> datetime:
    naive = datetime.fromordinal(ordinal) + timedelta(seconds=time)
    return naive.replace(tzinfo=zone)


def _fate(moment: datetime) -> DstKind | None:
    """Return what a change of the clocks does to a local time."""
    later = moment.replace(fold=1)
    if moment.utcoffset() == later.utcoffset():
        return None
    # Of a time that does not exist, the two readings lie in reverse order (PEP 495).
    return "skipped" if _epoch_seconds(later) < _epoch_seconds(moment) else "repeated"


def _first_fault(calendar: Calendar, zone: ZoneInfo, kind: DstKind) -> DstFault | None:
    if calendar.hours is None:
        return None
    for ordinal in _matching_days(calendar, *_REFERENCE_DAYS):
        if ordinal not in _changing_days(zone):
            continue
        for time in _times_of_day(calendar):
            moment = _local(ordinal, time, zone)
            if _fate(moment) == kind and not _elapses_around(calendar.hours, moment.hour):
                return DstFault(calendar=calendar, kind=kind, local=_write_local(moment))
    return None


@lru_cache(maxsize=16)
def _changing_days(zone: ZoneInfo) -> frozenset[int]:
    """Return the local days of the reference years in which the clocks change."""
    first, last = _REFERENCE_DAYS
    return frozenset(
        ordinal
        for ordinal in range(first, last + 1)
        if _utc_offset(zone, ordinal) != _utc_offset(zone, ordinal + 1)
    )


def _elapses_around(hours: tuple[int, ...], hour: int) -> bool:
    return (hour - 1) % 24 in hours and (hour + 1) % 24 in hours


def _write_local(moment: datetime) -> str:
    # Not %a: its names follow the locale of the process.
    pattern = "%Y-%m-%d %H:%M:%S" if moment.second else "%Y-%m-%d %H:%M"
    return f"{WEEKDAY_NAMES[moment.weekday()]} {moment:{pattern}}"
