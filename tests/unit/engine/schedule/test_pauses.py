"""When a pause ends: every form of WHEN, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.schedule.pauses import LONGEST, Pause, parse_reason, parse_until

NOW = datetime(2026, 11, 25, 15, 0, 0, 700_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def until(text: str, now: datetime = NOW, zone: ZoneInfo = BERLIN) -> datetime:
    return parse_until(text, now=now, zone=zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01", datetime(2026, 11, 30, 23, 0, tzinfo=UTC)),
        ("2026-12-01 06:00", datetime(2026, 12, 1, 5, 0, tzinfo=UTC)),
        ("3d", datetime(2026, 11, 28, 15, 0, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 26, 3, 0, tzinfo=UTC)),
        ("1s", datetime(2026, 11, 25, 15, 0, 1, tzinfo=UTC)),
        ("90d", datetime(2027, 2, 23, 15, 0, tzinfo=UTC)),
    ],
)
def test_a_day_a_time_and_a_length_are_read(text: str, expected: datetime) -> None:
    assert until(text) == expected


def test_a_time_is_that_of_the_manifests_zone() -> None:
    assert until("2026-12-01 06:00") - until(
        "2026-12-01 06:00", zone=ZoneInfo("UTC")
    ) == -timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "3", "d", "-3d", "3 d", "1.5d", "0h", "²d", "٣d", "2026-12", "2026-12-1"),
        *(
            "2026-12-01T06:00",
            "2026-12-01 6:00",
            "2026-12-01 06:00:00",
            " 2026-12-01",
            "2026-12-01\n",
        ),
        *("2026-13-01", "2026-11-31", "2026-12-01 24:00", "2026-12-01 23:60", "0000-01-01"),
        *("9999-12-31 23:59", "0001-01-01"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"write a day \(2026-12-01\)|more than 90 days|has passed"
    ):
        until(text)


@pytest.mark.parametrize(
    "text", ["2026-11-25", "2026-11-25 16:00", "2020-01-01", "0001-01-01 12:00"]
)
def test_what_has_passed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has passed"):
        until(text)


@pytest.mark.parametrize("text", ["91d", "13w", "2027-02-24", "9999-01-01", "2160h"])
def test_a_pause_has_a_longest_length(text: str) -> None:
    if text == "2160h":  # 90 days: just so
        assert until(text) - NOW <= LONGEST
        return
    with pytest.raises(ValueError, match="a pause that is forgotten is a backup that is not made"):
        until(text)


def test_a_time_that_a_clock_change_skips_is_refused() -> None:
    spring = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    with pytest.raises(ValueError, match="2027-03-28 02:30 does not come in Europe/Berlin"):
        until("2027-03-28 02:30", now=spring)
    assert until("2027-03-28 03:00", now=spring) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_of_a_time_that_comes_twice_it_is_the_first() -> None:
    autumn = datetime(2027, 10, 30, 12, 0, tzinfo=UTC)
    assert until("2027-10-31 02:30", now=autumn) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_a_pause_ends_by_itself() -> None:
    pause = Pause(leg="nightly", until=NOW, since=NOW - timedelta(days=1))
    assert pause.lasts(NOW - timedelta(microseconds=1))
    assert not pause.lasts(NOW)


def test_a_reason_is_one_line_that_can_be_shown() -> None:
    assert parse_reason(" new disk: grün ") == "new disk: grün"
    for text in ("two\nlines", "\x1b[31mred", "x" * 201, "tab\t"):
        with pytest.raises(ValueError, match="one line of at most 200"):
            parse_reason(text)
