"""Whatever a destination is declared to keep: who keeps just that is well, and who does not is not.

The NAS here has a zone of its own, starts late by minutes, and prunes by restic's rules.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.checks.outcome import Status, Verdict
from engine.checks.snapshots import judge_snapshots
from engine.generations.elsewhere import expected_of
from engine.generations.names import Generation, Standing
from engine.generations.retention import Verdict as Stays
from engine.generations.retention import decide
from engine.items.native_snapshots import NativeSnapshot
from policy.parts import Keep
from policy.snapshots import NativeSnapshots
from policy.values import Duration

BEGAN = datetime(2026, 2, 1, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Europe/Sofia", "America/New_York", "Asia/Kolkata"])
EVERY = st.sampled_from([6, 12, 24])
KEEPS = st.builds(
    Keep,
    within=st.none() | st.integers(2, 20).map(lambda days: Duration(days * 86_400)),
    last=st.none() | st.integers(2, 20),
    daily=st.none() | st.integers(2, 14),
    weekly=st.none() | st.integers(2, 6),
).filter(lambda keep: keep != Keep())


def kept_by(
    keep: Keep, every: int, days: int, zone: str, late: list[int]
) -> tuple[NativeSnapshot, ...]:
    """What a NAS has after so many days that prunes after each."""
    taken: list[datetime] = []
    for index in range(days * 24 // every + 1):
        delay = timedelta(minutes=late[index % len(late)])
        taken.append(BEGAN + index * timedelta(hours=every) + delay)
        judged = decide(
            (Generation(moment=one, standing=Standing.VERIFIED) for one in taken),
            keep,
            zone=ZoneInfo(zone),
            now=taken[-1],
        )
        taken = sorted(one.generation.moment for one in judged if one.verdict is Stays.KEEP)
    return tuple(NativeSnapshot(taken=one, name=b"x") for one in taken)


def judge(
    keep: Keep, every: int, found: tuple[NativeSnapshot, ...], since: datetime | None
) -> Verdict:
    declared = NativeSnapshots(kind="zfs", share="tank", keep=keep, every=Duration(every * 3600))
    now = max(one.taken for one in found) + timedelta(hours=1)
    return judge_snapshots(declared, found, now=now, since=since, zone="UTC")


@given(
    KEEPS, EVERY, ZONES, st.integers(1, 70), st.lists(st.integers(0, 60), min_size=1, max_size=5)
)
def test_law_29_who_keeps_what_is_declared_is_well_from_the_first_day_on(
    keep: Keep, every: int, zone: str, days: int, late: list[int]
) -> None:
    verdict = judge(keep, every, kept_by(keep, every, days, zone, late), BEGAN)
    assert verdict.status is Status.OK, verdict.reason


@given(KEEPS, EVERY, ZONES, st.integers(0, 3))
def test_law_29_who_keeps_much_less_or_much_more_is_told(
    keep: Keep, every: int, zone: str, change: int
) -> None:
    declared = NativeSnapshots(kind="zfs", share="tank", keep=keep, every=Duration(every * 3600))
    expected = expected_of(declared, "UTC")
    assert expected.oldest is not None
    step = expected.tolerance + (change + 1) * timedelta(hours=every)
    long = expected.oldest + 2 * step
    more = Keep(within=Duration(int(long.total_seconds())))
    days = long // timedelta(days=1) + 3
    told = judge(keep, every, kept_by(more, every, days, zone, [0]), BEGAN - timedelta(days=900))
    assert told.status is Status.FAILED
    assert "should have gone" in told.reason
    short = expected.reach - step
    if short >= timedelta(hours=every):
        less = Keep(within=Duration(int(short.total_seconds())))
        old = BEGAN - timedelta(days=900)
        told = judge(keep, every, kept_by(less, every, days, zone, [0]), old)
        assert told.status is Status.FAILED
        assert "the oldest reaches back" in told.reason


@given(KEEPS, EVERY, st.integers(0, 40))
def test_the_order_in_which_they_are_listed_says_nothing(keep: Keep, every: int, days: int) -> None:
    found = kept_by(keep, every, days, "UTC", [0, 7])
    assert judge(keep, every, found, BEGAN) == judge(keep, every, found[::-1], BEGAN)
