"""What a retention that somebody else carries out comes to hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.generations.elsewhere import expected_of, sure_history
from policy.parts import Keep
from policy.snapshots import NativeSnapshots
from policy.values import Duration

DAY = timedelta(days=1)


def declared(every: int = 24, **keep: int) -> NativeSnapshots:
    within = keep.pop("within", None)
    rules = Keep(within=Duration(within * 86_400) if within is not None else None, **keep)
    return NativeSnapshots(kind="zfs", share="tank", keep=rules, every=Duration(every * 3600))


@pytest.mark.parametrize(
    ("one", "reach", "fewest"),
    [
        (declared(within=7), 7 * DAY, 8),
        (declared(last=7), 6 * DAY, 7),
        (declared(daily=7), 6 * DAY, 7),
        (declared(12, within=7), 7 * DAY, 15),
        (declared(daily=7, weekly=4), 15 * DAY, 9),
    ],
)
def test_rules_are_followed_at_the_declared_pace(
    one: NativeSnapshots, reach: timedelta, fewest: int
) -> None:
    found = expected_of(one, "UTC")
    assert (found.reach, found.fewest) == (reach, fewest)
    assert found.oldest is not None
    assert found.oldest >= found.reach
    assert sure_history(one, "UTC") == reach.total_seconds()


def test_the_tolerance_is_the_coarsest_period_and_one_that_is_late() -> None:
    assert expected_of(declared(within=7), "UTC").tolerance == DAY + timedelta(minutes=90)
    assert expected_of(declared(weekly=4), "UTC").tolerance == 8 * DAY + timedelta(minutes=90)
    often = NativeSnapshots(
        kind="zfs", share="tank", keep=Keep(within=Duration(86_400)), every=Duration(900)
    )
    assert expected_of(often, "UTC").tolerance == timedelta(minutes=30)


def test_what_takes_longer_than_is_followed_has_no_upper_bound() -> None:
    found = expected_of(declared(yearly=10), "UTC")
    assert found.oldest is None
    assert found.reach > 7 * 365 * DAY
    assert found.fewest == 1
