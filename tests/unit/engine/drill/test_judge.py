"""When two files ought to be equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.drill.judge import (
    Claim,
    Seen,
    claim_of_copies,
    fault_words,
    same_time,
    unchanged_since,
)

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
SECOND = 1_000_000_000


def seen(modified: float = 0, changed: float = 0) -> Seen:
    moment = NOW.timestamp()
    return Seen(
        size=1,
        modified=int((moment + modified) * SECOND),
        changed=int((moment + changed) * SECOND),
    )


@pytest.mark.parametrize(("changed", "unchanged"), [(-1, True), (-0.01, False), (0, False)])
def test_live_data_are_judged_by_the_kernels_own_time(changed: float, unchanged: bool) -> None:
    assert unchanged_since(seen(modified=-9_999, changed=changed), NOW) is unchanged


def test_without_a_moment_nothing_is_known_to_be_unchanged() -> None:
    assert not unchanged_since(seen(changed=-9_999), None)


def test_times_are_compared_as_far_as_both_places_keep_them() -> None:
    whole = Seen(size=1, modified=5 * SECOND, changed=0)
    part = Seen(size=1, modified=5 * SECOND + 7, changed=0)
    other = Seen(size=1, modified=5 * SECOND + 8, changed=0)
    later = Seen(size=1, modified=6 * SECOND, changed=0)
    assert same_time(whole, part)
    assert not same_time(part, other)
    assert not same_time(whole, later)


def test_copies_of_one_moment_must_be_equal_whatever_their_times() -> None:
    both = (NOW, NOW)
    assert claim_of_copies(seen(1), seen(2), moments=both, times=False) is Claim.SAME_MOMENT


def test_copies_of_two_moments_where_the_file_has_one_time() -> None:
    both = (NOW, NOW - timedelta(days=1))
    assert claim_of_copies(seen(1), seen(1), moments=both, times=True) is Claim.SAME_TIME
    assert claim_of_copies(seen(1), seen(2), moments=both, times=True) is None
    assert claim_of_copies(seen(1), seen(1), moments=both, times=False) is None
    assert claim_of_copies(seen(1), seen(2), moments=(None, None), times=True) is None


def test_a_fault_names_the_other_side() -> None:
    assert fault_words(Claim.SAME_TIME, "nas", None) == (
        "its content is not that in nas, though both have the same time: one of the two is damaged"
    )
    assert fault_words(Claim.UNCHANGED, "the live data", (1_000, 2)).startswith(
        "it has 1,000 bytes, and 2 in the live data, though nothing has changed it since"
    )
