"""When a destination will be full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standing.forecast import HORIZON, RoomDay, full_on

TODAY = date(2026, 11, 25)
TOTAL = 1_000_000


def days(used: Iterable[int], *, total: int = TOTAL, every: int = 1) -> list[RoomDay]:
    """One figure a day up to today."""
    sizes = list(used)
    last = len(sizes) - 1
    return [
        RoomDay(day=TODAY - timedelta(days=(last - at) * every), free=total - one, total=total)
        for at, one in enumerate(sizes)
    ]


def test_steady_growth_is_drawn_on() -> None:
    # 690,000 used today and 10,000 more a day: 800,000 is passed in eleven days.
    found = full_on(days(range(500_000, 700_000, 10_000)), 0.8, today=TODAY)
    assert found == TODAY + timedelta(days=11)


@given(
    rate=st.integers(1, 20_000),
    used=st.integers(0, 700_000),
    noise=st.lists(st.integers(-50, 50), min_size=30, max_size=30),
)
def test_it_is_where_the_line_says_it_is(rate: int, used: int, noise: list[int]) -> None:
    first = used + 20_000  # so that no noise is a sudden fall
    series = [first + rate * at + one for at, one in enumerate(noise)]
    found = full_on(days(series), 1.0, today=TODAY)
    expected = (TOTAL - series[-1]) / rate
    if found is None:
        assert expected > HORIZON.days * 0.9 or rate <= 10
    elif expected <= 0:
        assert found == TODAY
    elif rate > 500:
        assert abs((found - TODAY).days - expected) <= 2 + expected / 50


@pytest.mark.parametrize(
    "series",
    [
        days([]),
        days([500_000] * 30),
        days(range(700_000, 600_000, -1_000)),
        days(range(500_000, 500_070, 10)),
        days(range(500_000, 540_000, 10_000), every=4),
        days(range(500_000, 550_000, 10_000)),
    ],
    ids=["nothing", "still", "falling", "in centuries", "four points", "five days"],
)
def test_what_is_not_known_is_not_said(series: list[RoomDay]) -> None:
    assert full_on(series, 0.8, today=TODAY) is None


def test_what_is_passed_already_is_passed_now() -> None:
    assert full_on(days(range(700_000, 900_000, 10_000)), 0.8, today=TODAY) == TODAY


def test_after_a_sudden_fall_the_growth_is_counted_anew() -> None:
    before = range(500_000, 800_000, 10_000)
    few = range(600_000, 650_000, 10_000)
    enough = range(600_000, 700_000, 10_000)
    assert full_on(days([*before, *few]), 0.8, today=TODAY) is None, "too little is known since"
    found = full_on(days([*before, *enough]), 0.8, today=TODAY)
    assert found == TODAY + timedelta(days=11), "the fall is no part of the trend"


def test_another_disk_begins_anew() -> None:
    old = days(range(600_000, 700_000, 5_000), total=2 * TOTAL)
    old = [replace(one, day=one.day - timedelta(days=10)) for one in old]
    new = days([700_000] * 10)
    assert full_on([*days_of(TOTAL, old), *new], 0.8, today=TODAY) is not None
    assert full_on([*old, *new], 0.8, today=TODAY) is None


def days_of(total: int, series: list[RoomDay]) -> list[RoomDay]:
    """The same use on a disk of another size."""
    return [replace(one, free=total - one.used, total=total) for one in series]


def test_only_the_last_sixty_days_count_and_none_that_is_yet_to_come() -> None:
    long_ago = days([*range(0, 300_000, 10_000), *[400_000] * 60])
    assert full_on(long_ago, 0.8, today=TODAY) is None
    growing = days(range(500_000, 700_000, 10_000))
    wrong = RoomDay(day=TODAY + timedelta(days=900), free=TOTAL, total=TOTAL)
    assert full_on([*growing, wrong], 0.8, today=TODAY) == TODAY + timedelta(days=11)
