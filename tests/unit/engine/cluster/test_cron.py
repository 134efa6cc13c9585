"""Calendars as lines of cron: what they are, and that they elapse when the calendars do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cluster.cron import CronImpossible, cron_lines
from engine.schedule.calendars import occurrences
from policy.calendar import Calendar, parse_calendar

ZONES = ("Europe/Sofia", "America/New_York", "Asia/Kolkata", "UTC")
BEGIN = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime(2029, 1, 1, tzinfo=UTC).timestamp())
HALF_HOUR = 1800


def texts(*calendars: str) -> list[str]:
    return [line.text for line in cron_lines([parse_calendar(one) for one in calendars])]


@pytest.mark.parametrize(
    ("calendars", "lines"),
    [
        (["02:00"], ["0 2 * * *"]),
        (["hourly"], ["0 * * * *"]),
        (["weekly"], ["0 0 * * 1"]),
        (["Sun 01:15"], ["15 1 * * 0"]),
        (["Mon..Fri 03:00"], ["0 3 * * 1-5"]),
        (["Sat,Sun 03:00"], ["0 3 * * 0,6"]),
        (["00/6:00"], ["0 0-18/6 * * *"]),
        (["*:0/15"], ["0-45/15 * * * *"]),
        (["*-*-01 04:30"], ["30 4 1 * *"]),
        (["quarterly"], ["0 0 1 1-10/3 *"]),
        # As few lines as say it together.
        (["00:00", "12:00"], ["0 0,12 * * *"]),
        (["Mon 01:00", "Thu 01:00", "*-*-* 01:00"], ["0 1 * * *"]),
        (["01:10", "02:20"], ["10 1 * * *", "20 2 * * *"]),
        (["01:10", "01:20", "02:10", "02:20"], ["10,20 1,2 * * *"]),
        # Each is a line, not the days that are both.
        (["Mon 01:00", "*-*-15 01:00"], ["0 1 * * 1", "0 1 15 * *"]),
        ([], []),
    ],
)
def test_lines(calendars: list[str], lines: list[str]) -> None:
    assert texts(*calendars) == lines


@pytest.mark.parametrize(
    ("calendar", "why"),
    [
        ("02:00:30", "has seconds"),
        ("2027-01-01 02:00", "names years"),
        ("Sun *-*-01..07 02:00", "a weekday and a day of the month at once"),
    ],
)
def test_what_cron_cannot_say(calendar: str, why: str) -> None:
    with pytest.raises(CronImpossible, match=why):
        texts(calendar)


# ── The same moments, by a reading of cron that is not ours ──────────────────────────────────


def bits(field: str, low: int, high: int) -> tuple[frozenset[int], bool]:
    """A field as robfig/cron reads it, and whether it is a star."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (int(first), int(last if dash else first))
        assert low <= begin <= end <= high
        found |= set(range(begin, end + 1, int(step or 1)))
    return frozenset(found), field == "*"


@cache
def days_of(zone: str) -> tuple[tuple[date, tuple[tuple[int, int, int], ...]], ...]:
    """Each local day, with its half hours: the moment, and the local hour and minute then.

    Clocks change between two half hours.
    """
    there = ZoneInfo(zone)
    found: dict[date, list[tuple[int, int, int]]] = {}
    for moment in range(BEGIN, END, HALF_HOUR):
        local = datetime.fromtimestamp(moment, there)
        found.setdefault(local.date(), []).append((moment, local.hour, local.minute))
    return tuple((day, tuple(halves)) for day, halves in found.items())


def elapses(line: str, zone: str) -> Iterator[int]:
    """When the controller starts a job, as its documentation has it."""
    fields = line.split(" ")
    minutes, hours = bits(fields[0], 0, 59)[0], bits(fields[1], 0, 23)[0]
    (days, any_day), (months, _) = bits(fields[2], 1, 31), bits(fields[3], 1, 12)
    weekdays, any_weekday = bits(fields[4], 0, 6)
    for day, halves in days_of(zone):
        of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
        fits = (of_month and of_week) if any_day or any_weekday else (of_month or of_week)
        for moment, hour, begin in halves if fits and day.month in months else ():
            for minute in minutes if hour in hours else ():
                if begin <= minute < begin + 30:
                    yield moment + 60 * (minute - begin)


def some(low: int, high: int, most: int = 40) -> st.SearchStrategy[tuple[int, ...]]:
    values = st.sets(st.integers(low, high), min_size=1, max_size=min(most, high - low))
    return values.map(lambda found: tuple(sorted(found)))


def maybe(low: int, high: int) -> st.SearchStrategy[tuple[int, ...] | None]:
    return st.none() | some(low, high)


EVERY = tuple(range(7))
DAYS = st.one_of(
    st.fixed_dictionaries({"weekdays": some(0, 6)}),
    st.fixed_dictionaries({"days": maybe(1, 31)}),
)
CALENDARS = st.builds(
    lambda day, **rest: Calendar(text="made up", **{"weekdays": EVERY, **day}, **rest),
    DAYS,
    months=maybe(1, 12),
    hours=maybe(0, 23),
    minutes=some(0, 59, most=5),  # of each minute of two years there are too many
)


@settings(max_examples=50)
@given(st.lists(CALENDARS, min_size=1, max_size=3), st.sampled_from(ZONES))
def test_they_elapse_when_the_calendars_do(calendars: list[Calendar], zone: str) -> None:
    """Over two years. A local time that comes twice starts a job twice, and a timer once."""
    wanted = occurrences(calendars, zone=ZoneInfo(zone), start=BEGIN, end=END)
    lines = [line.text for line in cron_lines(calendars)]
    found = [moment for line in lines for moment in elapses(line, zone)]
    there = ZoneInfo(zone)
    again = {one for one in found if datetime.fromtimestamp(one, there).fold}
    assert {*found} - again == {*wanted} - again
    for moment in again - {*wanted}:
        local = datetime.fromtimestamp(moment, there)
        assert int(local.replace(fold=0).timestamp()) in {*wanted} | {*found}
