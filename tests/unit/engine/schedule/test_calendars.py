"""Calendars elapse when systemd says, also on the days when the clocks change."""

import os
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.schedule.calendars import (
    REFERENCE_END,
    REFERENCE_START,
    dst_faults,
    longest_gap,
    next_run,
    occurrences,
    previous_run,
    runs_per_day,
)
from policy.calendar import Calendar, CalendarError, parse_calendar

SOFIA = ZoneInfo("Europe/Sofia")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
DAY = 86_400
ELAPSE = re.compile(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} (\S+ \S+) UTC")

# The day before clocks go forward, and the day before they go back, at 22:00 UTC.
CHANGES = {
    SOFIA: ("2027-03-26 22:00", "2027-10-29 22:00", "2028-03-24 22:00", "2028-10-27 22:00"),
    NEW_YORK: ("2027-03-12 22:00", "2027-11-05 22:00", "2028-03-10 22:00", "2028-11-03 22:00"),
}


def calendars_of(*texts: str) -> list[Calendar]:
    return [parse_calendar(text) for text in texts]


def seconds_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def local_runs(text: str, zone: ZoneInfo, day: str, days: int = 1) -> list[str]:
    """Return the elapses of so many local days, in local time with its offset from UTC."""
    begin = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = begin + timedelta(days=days)
    start, stop = int(begin.timestamp()), int(end.timestamp())
    runs = occurrences(calendars_of(text), zone=zone, start=start, end=stop)
    return [f"{datetime.fromtimestamp(run, zone):%H:%M %z}" for run in runs]


def systemd_runs(batch: list[Calendar], zone: ZoneInfo, base: int, count: int) -> list[list[int]]:
    """Return what systemd computes as the next elapses after `base`, for each calendar."""
    command = ["systemd-analyze", "calendar", f"--base-time=@{base}", f"--iterations={count}"]
    done = subprocess.run(
        [*command, "--", *(calendar.canonical() for calendar in batch)],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": zone.key},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    blocks = done.stdout.split("Normalized form:")[1:]
    return [[seconds_of(text) for text in ELAPSE.findall(block)] for block in blocks]


def runs_after(calendar: Calendar, zone: ZoneInfo, base: int, count: int) -> list[int]:
    runs: list[int] = []
    after = datetime.fromtimestamp(base, UTC)
    while len(runs) < count:
        found = next_run([calendar], zone=zone, after=after)
        if found is None:
            break
        runs.append(int(found.timestamp()))
        after = found
    return runs


@pytest.mark.parametrize(
    ("text", "zone", "day", "expected"),
    [
        # Clocks go from 03:00 to 04:00.
        ("03:00", SOFIA, "2027-03-28", []),
        ("03:59:59", SOFIA, "2027-03-28", []),
        ("04:00", SOFIA, "2027-03-28", ["04:00 +0300"]),
        ("2..4:30", SOFIA, "2027-03-28", ["02:30 +0200", "04:30 +0300"]),
        # Clocks go from 04:00 back to 03:00: only the first 03:30 counts.
        ("03:30", SOFIA, "2027-10-31", ["03:30 +0300"]),
        (
            "3..4:0/30",
            SOFIA,
            "2027-10-31",
            ["03:00 +0300", "03:30 +0300", "04:00 +0200", "04:30 +0200"],
        ),
        # From 02:00 to 03:00, and back to 01:00.
        ("1..3:30", NEW_YORK, "2027-03-14", ["01:30 -0500", "03:30 -0400"]),
        ("1..2:30", NEW_YORK, "2027-11-07", ["01:30 -0400", "02:30 -0500"]),
        # Midnight itself is skipped.
        ("daily", ZoneInfo("Africa/Cairo"), "2027-04-30", []),
        # Samoa had no 30 December 2011.
        ("*:00", ZoneInfo("Pacific/Apia"), "2011-12-30", []),
    ],
)
def test_what_a_change_of_the_clocks_does(
    text: str, zone: ZoneInfo, day: str, expected: list[str]
) -> None:
    assert local_runs(text, zone, day) == expected


TABLE = [
    *("daily", "hourly", "weekly", "monthly", "03:00", "Sun 03:00", "03:30:10", "01:30", "02:30"),
    *("*:0/15", "*:0/7", "*:07", "0/5:00", "00/6:00", "1..4:0/20", "3,4:00", "Sat,Sun 2..3:59:59"),
    *("*-*-28..31 03:15", "Sun *-*-1..7 01:00", "*-*-1/3 02:15", "2027-10-31 03:30", "*-02-29"),
    *("Sun *-*-25..31 3:00", "*-3,10,11-* 1,2,3:45", "23:59:59", "*-*-31", "Mon *-02-29"),
]


@pytest.mark.tool("systemd-analyze")
@pytest.mark.parametrize(
    ("zone", "base"), [(zone, base) for zone, bases in CHANGES.items() for base in bases]
)
def test_the_table_elapses_as_in_systemd(zone: ZoneInfo, base: str) -> None:
    batch, start = calendars_of(*TABLE), seconds_of(base)
    for calendar, theirs in zip(batch, systemd_runs(batch, zone, start, 40), strict=True):
        # Far ahead the two may know different rules of the zone.
        ours = runs_after(calendar, zone, start, 40)
        near = [run for run in theirs if run < start + 10 * 366 * DAY]
        assert ours[: len(near)] == near, calendar.text


@pytest.mark.tool("systemd-analyze")
def test_a_calendar_that_is_over_has_no_next_run() -> None:
    [calendar] = calendars_of("2027-03-01 05:00")
    base = seconds_of("2027-03-01 05:00")
    assert systemd_runs([calendar], UTC_ZONE, base, 1) == [[]]
    assert runs_after(calendar, UTC_ZONE, base, 1) == []


def component(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    pair = st.integers(low, high - 1).flatmap(
        lambda first: st.tuples(st.just(first), st.integers(first + 1, high))
    )
    return st.one_of(
        st.just("*"),
        st.lists(number.map(str), min_size=1, max_size=4).map(",".join),
        pair.map("{0[0]}..{0[1]}".format),
        st.tuples(pair, st.integers(2, 9)).map("{0[0][0]}..{0[0][1]}/{0[1]}".format),
        pair.map(lambda pair: f"{pair[0]}/{pair[1] - pair[0]}"),
    )


WORDS = st.tuples(
    st.sampled_from(["", "", "Sun ", "Sat..Sun ", "Mon..Fri "]),
    st.sampled_from(["", "", "2027,2028-*-", "*-3,10,11-"]),
    component(1, 31),
    component(0, 5) | component(0, 23),
    component(0, 59),
    st.sampled_from(["", "", ":30", ":0..40/20"]),
)


@st.composite
def random_calendars(draw: st.DrawFn) -> Calendar:
    weekday, year, days, hours, minutes, seconds = draw(WORDS)
    day = f"{year or '*-'}{days} " if year or draw(st.booleans()) else ""
    try:
        return parse_calendar(f"{weekday}{day}{hours}:{minutes}{seconds}")
    except CalendarError:  # no such date
        return parse_calendar("Sun 03:00")


BATCHES = st.lists(random_calendars(), min_size=3, max_size=8)


@pytest.mark.tool("systemd-analyze")
@given(
    BATCHES,
    st.sampled_from([(zone, base) for zone, bases in CHANGES.items() for base in bases]),
    st.integers(0, 40 * 3600),
)
def test_random_calendars_elapse_as_in_systemd(
    batch: list[Calendar], change: tuple[ZoneInfo, str], later: int
) -> None:
    zone, base = change
    start = seconds_of(base) + later
    local = datetime.fromtimestamp(start, zone)
    if local.fold:  # a timer that begins inside the repeated hour is not a running timer
        start += 3600
    for calendar, theirs in zip(batch, systemd_runs(batch, zone, start, 30), strict=True):
        end = theirs[-1] + 1 if theirs else start + 400 * DAY
        ours = occurrences([calendar], zone=zone, start=start + 1, end=min(end, start + 3660 * DAY))
        assert ours == [run for run in theirs if run <= start + 3660 * DAY], calendar.text


@given(BATCHES, st.integers(0, 700 * DAY), st.integers(0, 20 * DAY))
def test_several_calendars_elapse_when_any_does(
    batch: list[Calendar], offset: int, length: int
) -> None:
    batch = [calendar for calendar in batch if runs_per_day([calendar]) < 500]
    start = int(REFERENCE_START.timestamp()) + offset
    end = start + length
    each = [occurrences([one], zone=SOFIA, start=start, end=end) for one in batch]
    together = occurrences(batch, zone=SOFIA, start=start, end=end)
    assert together == sorted({run for runs in each for run in runs})
    assert all(start <= run < end for run in together)


@given(random_calendars(), st.integers(0, 700 * DAY))
def test_next_and_previous_run_enclose_a_moment(calendar: Calendar, offset: int) -> None:
    moment = REFERENCE_START + timedelta(seconds=offset, microseconds=500)
    before = previous_run([calendar], zone=SOFIA, before=moment)
    after = next_run([calendar], zone=SOFIA, after=moment)
    if after is not None:
        assert after > moment
        assert previous_run([calendar], zone=SOFIA, before=after) == after
    if before is not None:
        assert before <= moment
        assert next_run([calendar], zone=SOFIA, after=before) == after
    if before is not None and after is not None:
        start, end = int(before.timestamp()) + 1, int(after.timestamp())
        assert occurrences([calendar], zone=SOFIA, start=start, end=end) == []


def test_next_run_is_later_and_previous_run_may_be_now() -> None:
    noon = datetime(2027, 6, 1, 9, 0, tzinfo=UTC)  # 12:00 in Sofia
    batch = calendars_of("00:00", "12:00")
    assert next_run(batch, zone=SOFIA, after=noon) == noon + timedelta(hours=12)
    assert previous_run(batch, zone=SOFIA, before=noon) == noon
    assert next_run([], zone=SOFIA, after=noon) is None
    assert previous_run([], zone=SOFIA, before=noon) is None


def test_a_run_is_looked_for_within_forty_years() -> None:
    now = datetime(2027, 6, 1, tzinfo=UTC)
    sparse = calendars_of("Mon *-02-29")
    assert next_run(sparse, zone=UTC_ZONE, after=now) == datetime(2044, 2, 29, tzinfo=UTC)
    assert previous_run(sparse, zone=UTC_ZONE, before=now) == datetime(2016, 2, 29, tzinfo=UTC)
    assert next_run(calendars_of("2190-01-01"), zone=UTC_ZONE, after=now) is None


@pytest.mark.parametrize(
    ("texts", "hours", "begins"),
    [
        (["daily"], 25, "2027-10-31 00:00 +0300"),
        (["00:00", "12:00"], 13, "2027-10-31 00:00 +0300"),
        (["02:00"], 25, "2027-10-31 02:00 +0300"),
        (["Sun 05:00"], 7 * 24 + 1, "2027-10-24 05:00 +0300"),
        # The Sunday of 28 March 2027 has no 03:00; the week after it has one hour less.
        (["Sun 03:00"], 14 * 24 - 1, "2027-03-21 03:00 +0200"),
        (["03:00"], 47, "2027-03-27 03:00 +0200"),
        (["*:0/15"], 1.25, "2027-10-31 03:45 +0300"),
        (["monthly"], 31 * 24 + 1, "2027-10-01 00:00 +0300"),
        (["yearly"], 366 * 24, "2024-01-01 00:00 +0200"),
        (["*-02-29"], 1461 * 24, "2020-02-29 00:00 +0200"),
        # Every other year: the gap begins in one reference year and ends after the other.
        (["2027/2-*-*"], 367 * 24, "2027-12-31 00:00 +0200"),
    ],
)
def test_the_longest_gap(texts: list[str], hours: float, begins: str) -> None:
    gap = longest_gap(calendars_of(*texts), zone=SOFIA)
    assert gap.seconds == gap.ends - gap.begins == hours * 3600
    assert f"{datetime.fromtimestamp(gap.begins, SOFIA):%Y-%m-%d %H:%M %z}" == begins


def test_a_calendar_that_ends_leaves_a_gap_to_the_end_of_the_years() -> None:
    gap = longest_gap(calendars_of("2027-*-* 02:00"), zone=UTC_ZONE)
    assert (gap.begins, gap.ends) == (seconds_of("2027-12-31 02:00"), seconds_of("2029-01-01"))
    assert longest_gap([], zone=UTC_ZONE).seconds > 30 * 365 * DAY


SKIPPED, REPEATED = ("skipped", "Sun 2027-03-28 "), ("repeated", "Sun 2027-10-31 ")


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("Sun 03:00", "03:00"),
        ("03:00", "03:00"),
        ("03:59:59", "03:59:59"),
        ("2..3:30", "03:30"),
        ("1/2:00", "03:00"),
    ],
)
def test_a_local_time_that_one_day_lacks_or_has_twice(text: str, times: str) -> None:
    found = [(fault.kind, fault.local) for fault in dst_faults(calendars_of(text), zone=SOFIA)]
    assert found == [(kind, day + times) for kind, day in (SKIPPED, REPEATED)]


@pytest.mark.parametrize(
    "text",
    ["02:59:59", "04:00", "Sat 03:30", "hourly", "*:0/15", "2..4:30", "00/6:00", "*-06-01 03:00"],
)
def test_calendars_to_which_the_clocks_do_nothing(text: str) -> None:
    assert dst_faults(calendars_of(text), zone=SOFIA) == ()


def test_each_calendar_has_its_own_faults() -> None:
    sunday, march, fine = calendars_of("Sun 03:00", "*-03-26 03:30", "05:00")
    faults = dst_faults([sunday, march, fine], zone=SOFIA)
    assert [fault.calendar for fault in faults] == [sunday, sunday, march]
    assert faults[2].local == "Sun 2028-03-26 03:30"
    assert dst_faults([sunday, march, fine], zone=UTC_ZONE) == ()


def test_runs_per_day_counts_the_times_of_day() -> None:
    assert runs_per_day([]) == 0
    assert runs_per_day(calendars_of("Sun 03:00")) == 1
    assert runs_per_day(calendars_of("daily", "*:0/15", "*-*-1 2,3:*:0/30")) == 1 + 96 + 240
    assert runs_per_day(calendars_of("*:*:*")) == DAY


def test_two_years_are_computed_fast() -> None:
    start, end = int(REFERENCE_START.timestamp()), int(REFERENCE_END.timestamp())
    begun = time.perf_counter()
    assert len(occurrences(calendars_of("*:0/5"), zone=SOFIA, start=start, end=end)) > 210_000
    assert len(occurrences(calendars_of("daily"), zone=SOFIA, start=start, end=end)) == 731
    assert time.perf_counter() - begun < 3  # seconds; about 0.1 on an idle machine
