"""What a retention that somebody else carries out comes to hold. Pure.

A NAS has its own clock, its own beginning of a week, and its own way to choose which snapshot of a
day stays. So nothing is foretold of single ones: what is expected has a tolerance, and is meant to
tell a setting that is not the declared one from one that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from engine.generations.calendar import simulate, sure_reach
from engine.generations.reasons import Rule
from engine.generations.retention import counts_of
from policy.parts import Keep
from policy.snapshots import NativeSnapshots

_LATE = timedelta(minutes=90)
"""How late one may be taken, at most: clocks that change are an hour of it."""
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_YEARS = timedelta(days=3 * 366)
_MOST = 5_000
"""Snapshots that are followed; of denser ones the rules say what they say by themselves."""
_PERIODS = {
    Rule.LAST: timedelta(),
    Rule.HOURLY: timedelta(hours=1),
    Rule.DAILY: timedelta(days=1),
    Rule.WEEKLY: timedelta(days=7),
    Rule.MONTHLY: timedelta(days=31),
    Rule.YEARLY: timedelta(days=366),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is there at any time, once the retention has had its time."""

    reach: timedelta
    """How much older than the newest one the oldest is, at least."""
    oldest: timedelta | None
    """How much older any is, at most; None: no bound is known."""
    fewest: int
    late: timedelta
    """How much later than it should one may be taken."""
    tolerance: timedelta
    """How far reach and age may be from what they are here."""


def expected_of(snapshots: NativeSnapshots, zone: str) -> Expected:
    """What a declaration comes to."""
    return _expected(snapshots.keep, snapshots.every.seconds, zone)


def sure_history(snapshots: NativeSnapshots, zone: str) -> int:
    """Seconds that one can go back beyond the newest snapshot, at least."""
    return int(expected_of(snapshots, zone).reach.total_seconds())


@cache
def _expected(keep: Keep, every: int, zone: str) -> Expected:
    gap = timedelta(seconds=max(1, every))
    count = max(3, min(_MOST, _YEARS // gap))
    moments = [_FIRST + index * gap for index in range(count)]
    span = simulate(keep, moments, zone=ZoneInfo(zone))
    late = min(gap, _LATE)
    coarsest = max((_PERIODS[rule] for rule, _ in counts_of(keep)), default=timedelta())
    return Expected(
        reach=timedelta(seconds=sure_reach(keep, moments, zone=ZoneInfo(zone))),
        oldest=span.oldest if span.settled else None,
        fewest=span.fewest if span.settled else 1,
        late=late,
        tolerance=gap + late + coarsest,
    )
