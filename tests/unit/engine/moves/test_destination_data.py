"""How full, how long, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.moves.destination_data import (
    DestinationData,
    Rate,
    Room,
    Sent,
    full_refusals,
    percent,
    rate_of,
)

GIB, MIB = 1 << 30, 1 << 20
THEN = datetime(2026, 3, 1, tzinfo=UTC)


def destination(**more: Any) -> DestinationData:
    base: dict[str, Any] = {
        "destination": "nas",
        "room": Room(free=20 * GIB, total=100 * GIB, measured=THEN),
        "gained": 15 * GIB,
        "left": 0,
        "unmeasured": (),
        "max_used": 0.9,
        "rate": None,
    }
    return DestinationData(**{**base, **more})


def test_law_25_beyond_the_limit_is_refused_with_what_is_too_much() -> None:
    (refusal,) = full_refusals([destination()])
    assert refusal.code == "destination-full"
    assert refusal.message == (
        "nas would be 95 % used, of 90 % allowed: 15.0 GiB come, 5.0 GiB more than fit"
    )
    assert "`policyctl apply --accept nas`" in refusal.hint


@pytest.mark.parametrize(
    "more",
    [
        {"gained": 10 * GIB},  # exactly at the limit
        {"gained": 0, "room": Room(free=0, total=100 * GIB, measured=THEN)},
        {"room": None},
        {"room": Room(free=None, total=None, measured=THEN)},
        {"room": Room(free=5, total=0, measured=THEN)},
        {"accepted": True},
    ],
)
def test_what_fits_is_accepted_or_not_known_is_not_refused(more: dict[str, Any]) -> None:
    assert list(full_refusals([destination(**more)])) == []


def test_a_disk_beyond_its_limit_takes_nothing_more() -> None:
    full = destination(gained=1, room=Room(free=GIB, total=100 * GIB, measured=THEN))
    assert full.over
    assert [one.code for one in full_refusals([full])] == ["destination-full"]


def test_the_rate_is_that_of_the_last_runs_that_sent_enough() -> None:
    big = [Sent(bytes=2 * GIB, seconds=20)] * 5
    older = [Sent(bytes=90 * GIB, seconds=1)]
    assert rate_of([Sent(bytes=3 * MIB, seconds=1), *big, *older]) == Rate(
        bytes=10 * GIB, seconds=100, runs=5
    )
    assert rate_of([Sent(bytes=3 * MIB, seconds=1), Sent(bytes=5, seconds=1)]) == Rate(
        bytes=3 * MIB, seconds=1, runs=1
    )
    assert rate_of([Sent(bytes=5, seconds=1), Sent(bytes=2 * GIB, seconds=0)]) is None
    assert rate_of([]) is None


def test_the_transfer_takes_as_long_as_it_lately_would_have() -> None:
    rated = destination(rate=Rate(bytes=GIB, seconds=10, runs=1))
    assert rated.seconds == 150
    assert destination(gained=0, rate=rated.rate).seconds is None
    assert destination().seconds is None


def test_a_share_has_a_decimal_where_it_needs_one() -> None:
    assert [percent(share) for share in (0.31, 0.904, 1.04, 0)] == [
        "31 %",
        "90.4 %",
        "104 %",
        "0 %",
    ]
    assert percent(1e-9) == "less than 0.1 %"
