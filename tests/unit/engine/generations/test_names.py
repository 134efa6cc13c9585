"""Names of generations: exact both ways, and safe wherever copies lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.generations.names import Generation, Standing, moment_of, name_of

MOMENT = datetime(2026, 11, 28, 3, 0, 0, tzinfo=UTC)
NAME = b"2026-11-28T03-00-00Z"


def test_a_name_is_the_start_in_utc() -> None:
    assert name_of(MOMENT) == NAME
    assert name_of(MOMENT.astimezone(ZoneInfo("Europe/Sofia"))) == NAME
    assert name_of(MOMENT + timedelta(microseconds=999_999)) == NAME
    assert moment_of(NAME) == MOMENT


def test_an_hour_that_comes_twice_gives_two_names() -> None:
    wall = datetime(2026, 10, 25, 3, 30, tzinfo=ZoneInfo("Europe/Sofia"))
    assert name_of(wall) == b"2026-10-25T00-30-00Z"
    assert name_of(wall.replace(fold=1)) == b"2026-10-25T01-30-00Z"


def test_a_name_can_lie_on_any_file_system_and_in_lvm() -> None:
    allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_.-"
    assert set(NAME) <= set(allowed)
    assert not NAME.startswith(b"-")


@pytest.mark.parametrize(
    "name",
    [
        *(b"", b".", b"latest", b"2026-11-28", b"20261128T030000Z", b"2026-11-28T03:00:00Z"),
        *(b"2026-11-28T03-00-00", b"2026-11-28t03-00-00z", b"2026-11-28T03-00-00Z\n"),
        *(b" 2026-11-28T03-00-00Z", b"2026-11-28T03-00-00Z-2", b"2026-11-28T03-00-00.5Z"),
        *(b"2026-13-01T00-00-00Z", b"2026-02-29T00-00-00Z", b"2026-11-28T24-00-00Z"),
        *(b"2026-11-28T03-60-00Z", b"2016-12-31T23-59-60Z", b"2026-11-2\xb2T03-00-00Z"),
        *("2026-11-2٣T03-00-00Z".encode(), b"\xff" * 20),
        # Years in which a zone's clock would run over the edge of the calendar.
        *(b"0000-01-01T00-00-00Z", b"0001-01-01T00-00-00Z", b"1969-12-31T23-59-59Z"),
        *(b"2200-01-01T00-00-00Z", b"9999-12-31T23-59-59Z"),
    ],
)
def test_any_other_name_is_none_of_ours(name: bytes) -> None:
    assert moment_of(name) is None


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 28, 3, 0),  # noqa: DTZ001 - this is the test: a moment without a zone
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2200, 1, 1, tzinfo=UTC),
    ],
)
def test_what_has_no_name_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match=r"no zone|outside 1970 to 2199"):
        name_of(moment)


@pytest.mark.parametrize(
    ("standing", "counts"),
    [
        (Standing.INCOMPLETE, False),
        (Standing.COMPLETE, True),
        (Standing.VERIFIED, True),
        (Standing.DAMAGED, False),
    ],
)
def test_only_what_is_complete_and_whole_counts(standing: Standing, counts: bool) -> None:
    assert Generation(moment=MOMENT, standing=standing).counts is counts
