"""Snapshots that a destination takes of itself, against what it is declared to keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.checks.outcome import Status, Verdict
from engine.checks.snapshots import judge_snapshots
from engine.items.native_snapshots import NativeSetting, NativeSnapshot
from policy.parts import Keep
from policy.patterns import parse_component
from policy.snapshots import NativeSnapshots
from policy.values import Duration

NOW = datetime(2026, 11, 29, 7, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
WEEK = NativeSnapshots(kind="synology", share="Backup", keep=Keep(within=Duration(7 * 86_400)))


def nightly(*days: float, **more: bool) -> tuple[NativeSnapshot, ...]:
    """One for each number of days before the midnight of today."""
    midnight = NOW.replace(hour=0, minute=0)
    return tuple(
        NativeSnapshot(taken=midnight - timedelta(days=one), name=b"s%d" % one, **more)
        for one in days
    )


def judged(
    *found: NativeSnapshot,
    declared: NativeSnapshots = WEEK,
    since: datetime | None = LONG_AGO,
    setting: NativeSetting | None = None,
) -> Verdict:
    return judge_snapshots(declared, found, now=NOW, since=since, zone="UTC", setting=setting)


def test_what_is_there_as_declared_is_well() -> None:
    found = judged(*nightly(*range(8)))
    assert found.status is Status.OK
    assert found.reason == "8 of Backup, the newest 7.5 h old, the oldest 7.3 d"
    assert found.looked == 8
    assert found.newest == NOW.replace(hour=0, minute=0)
    assert found.oldest == found.newest - timedelta(days=7)


def test_law_29_a_shorter_retention_than_declared_is_told() -> None:
    found = judged(*nightly(*range(4)))
    assert found.status is Status.FAILED
    assert found.reason == (
        "the oldest reaches back 3.0 d, and within 7d is declared: 7.0 d at least by now"
    )


def test_law_29_a_longer_retention_than_declared_is_told() -> None:
    """What happened: a retention was shortened in a file that nothing reads, and the NAS filled."""
    short = replace(WEEK, keep=Keep(within=Duration(3 * 86_400)))
    found = judged(*nightly(*range(8)), declared=short)
    assert found.status is Status.FAILED
    assert found.reason == (
        "2 should have gone: the oldest (s7) is 7.0 d older than the newest, and within 3d is "
        "declared"
    )
    locked = (*nightly(*range(4)), *nightly(5, 6, 7, locked=True))
    assert judged(*locked, declared=short).status is Status.OK


def test_none_is_told() -> None:
    found = judged()
    assert (found.status, found.reason) == (Status.FAILED, "none of Backup is there that counts")
    assert (found.looked, found.newest, found.oldest) == (0, None, None)


def test_none_that_is_new_is_told() -> None:
    found = judged(*nightly(*range(2, 10)))
    assert found.reason == "the newest is 55.5 h old, and one is declared every 24h"


@pytest.mark.parametrize(("minutes", "status"), [(89, Status.OK), (91, Status.FAILED)])
def test_one_may_be_late_by_more_than_a_change_of_clocks(minutes: int, status: Status) -> None:
    taken = NOW - timedelta(days=1, minutes=minutes)
    found = [NativeSnapshot(taken=taken - timedelta(days=one), name=b"x") for one in range(8)]
    assert judged(*found).status is status


def test_a_new_declaration_has_to_have_had_its_time() -> None:
    few = nightly(*range(4))
    assert judged(*few, since=NOW - timedelta(days=3)).status is Status.OK
    assert judged(*few, since=NOW - timedelta(days=6)).status is Status.FAILED
    assert judged(*few, since=None).status is Status.FAILED


def test_single_holes_are_passed_over_and_large_ones_told() -> None:
    assert judged(*nightly(0, 1, 3, 5, 6, 7)).status is Status.OK
    found = judged(*nightly(0, 1, 7))
    assert found.reason == "3 are there, and within 7d every 24h comes to 8"


def test_one_that_can_be_written_to_is_no_restore_point() -> None:
    found = judged(*nightly(*range(1, 8)), *nightly(0, writable=True))
    assert found.status is Status.FAILED
    assert "1 of Backup (s0) can be written to" in found.reason
    assert found.looked == 7


def test_others_that_somebody_takes_by_hand_do_not_count() -> None:
    only = replace(WEEK, names=parse_component(b"s*"))
    by_hand = NativeSnapshot(taken=NOW - timedelta(days=300), name=b"before-upgrade")
    assert judged(*nightly(*range(8)), by_hand, declared=only).status is Status.OK
    assert judged(*nightly(*range(8)), by_hand).status is Status.FAILED


def test_one_of_the_future_says_that_a_clock_is_wrong() -> None:
    ahead = NativeSnapshot(taken=NOW + timedelta(hours=2), name=b"later")
    found = judged(*nightly(*range(8)), ahead)
    assert found.reason == "the newest (later) is dated 2.0 h from now: a clock is wrong"


def test_what_is_set_is_compared_where_it_can_be() -> None:
    said = (("Policy type", "Advance"), ("Advance Daily", "30"), ("Advance Weekly", "0"))
    setting = NativeSetting(there=True, said=said)
    found = judged(*nightly(*range(8)), setting=setting)
    assert found.reason == "daily 30 is set for Backup, and 0 is declared"
    daily = replace(WEEK, keep=Keep(daily=30))
    full = nightly(*range(30))
    assert judged(*full, declared=daily, setting=setting).status is Status.OK
    nothing = judged(*nightly(*range(8)), setting=NativeSetting(there=False))
    assert nothing.reason == "no retention is set for Backup, and within 7d is declared"
