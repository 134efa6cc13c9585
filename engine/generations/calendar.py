"""When generations will go, and how many a schedule and a retention amount to. Pure.

Nothing is decided here: these are the decisions of `engine.generations.retention`, foretold for
runs to come that all succeed and are verified. Each rule is followed through all runs once instead
of judging every generation after each run, so that three years of a run each half hour take about
a second.
That gives the same because what one run has pruned no later run would have wanted; a property test
compares both, run by run.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from operator import sub
from zoneinfo import ZoneInfo

from engine.generations.names import Generation
from engine.generations.reasons import Rule
from engine.generations.retention import counts_of, period_of
from policy.parts import Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """When a generation will go."""

    generation: Generation
    goes: datetime | None
    """The start of the run that will prune it. None: none of the runs looked at does, or it is
    held, or it is incomplete or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a retention keeps of a schedule, said in time (law 16)."""

    fewest: int
    """Generations that are there after a run."""
    most: int
    reach: timedelta
    """How old the oldest one is after a run, at least: so far back one can go at any time."""
    oldest: timedelta
    """How old any of them gets before it goes."""
    settled: bool
    """Whether all rules had what they want. If not, the figures are those after the last run, and
    the retention would keep more of a longer time."""


def calendar(
    generations: Iterable[Generation],
    keep: Keep,
    *,
    zone: ZoneInfo,
    runs: Iterable[datetime],
    held: Collection[datetime] = frozenset(),
) -> tuple[Leaving, ...]:
    """Foretell when each generation goes if all runs to come succeed, the newest first.

    `runs` are the starts of those runs; the schedule of a leg gives them
    (`engine.schedule.calendars.occurrences`). `held` ones are taken to be held for ever.
    """
    ordered = sorted(generations, key=lambda one: one.moment, reverse=True)
    to_come = sorted(set(runs))
    counted = {one.moment for one in ordered if one.counts}
    arrivals = sorted(counted.union(to_come))
    goes = {
        one: to_come[run]
        for one, end in zip(arrivals, _follow(arrivals, keep, zone).ends, strict=True)
        if end < len(arrivals) and (run := bisect_left(to_come, arrivals[end])) < len(to_come)
    }
    return tuple(
        Leaving(
            generation=one,
            goes=None if one.moment in held else goes.get(one.moment),
        )
        for one in ordered
    )


def simulate(keep: Keep, moments: Iterable[datetime], *, zone: ZoneInfo) -> Span:
    """Tell what a retention comes to hold if runs start at these moments, from nothing on.

    The figures are those of the time in which it is settled: each rule has as many periods as it
    wants, and something is older than `within`.
    """
    starts = sorted(set(moments))
    if not starts:
        return Span(fewest=0, most=0, reach=timedelta(), oldest=timedelta(), settled=False)
    course = _follow(starts, keep, zone)
    window = range(min(course.settled, len(starts) - 1), len(starts))
    oldest = [starts[at] for at in _oldest(course.ends)]
    numbers = list(_numbers(course.ends))
    reaches = [starts[at] - oldest[at] for at in window]
    ages = [starts[at + 1] - oldest[at] for at in window[:-1]]
    return Span(
        fewest=min(numbers[at] for at in window),
        most=max(numbers[at] for at in window),
        reach=min(reaches),
        oldest=max((*ages, reaches[-1])),
        settled=course.settled < len(starts),
    )


_DENSE = 5_000
"""More runs than this are not followed one by one: a manifest is checked in a moment."""
_LEAST = {"hourly": 1, "daily": 23, "weekly": 167, "monthly": 28 * 24 - 1, "yearly": 365 * 24 - 1}
"""Hours that a period of each rule has at least, with a night on which clocks go forward."""


def sure_reach(keep: Keep, moments: Sequence[datetime], *, zone: ZoneInfo) -> int:
    """Return how many seconds a retention is sure to reach back beyond the newest generation.

    Law 16: a number of generations is as long as the schedule makes it. Without runs to follow, or
    with too few of them to come to a rest, it is what the rules say by themselves.
    """
    if not moments:
        return 0
    span = followed(keep, moments, zone=zone)
    if span is not None and span.settled:
        return int(span.reach.total_seconds())
    return _by_rules(keep, min(map(sub, moments[1:], moments), default=timedelta()))


def followed(keep: Keep, moments: Sequence[datetime], *, zone: ZoneInfo) -> Span | None:
    """What a retention keeps of these runs; None where there are none, or too many to follow."""
    if not moments or len(moments) > _DENSE:
        return None
    return simulate(keep, moments, zone=zone)


def _by_rules(keep: Keep, gap: timedelta) -> int:
    """What each rule is sure of: of n periods the latest and the oldest may have just one moment.

    `within` keeps nothing that is older, and the next older one may be a gap older than that.
    """
    within = keep.within.seconds if keep.within else 0
    sure = [within - int(gap.total_seconds())]
    for rule, count in counts_of(keep):
        if rule is Rule.LAST:
            sure.append((count - 1) * int(gap.total_seconds()))
        else:
            sure.append((count - 2) * _LEAST[rule.value] * 3600)
    return max(0, *sure)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What a rule, or all of them, come to as generations arrive; these are named by their place.

    The number of arrivals stands for "none of them".
    """

    ends: Sequence[int]
    """For each, the arrival from which it is not wanted any more."""
    settled: int
    """The arrival from which the rule has all that it wants."""


def _follow(arrivals: Sequence[datetime], keep: Keep, zone: ZoneInfo) -> _Course:
    courses = [
        _follow_count([period_of(rule, one, zone) for one in arrivals], limit)
        for rule, limit in counts_of(keep)
    ]
    if keep.within is not None:
        courses.append(_follow_age(arrivals, timedelta(seconds=keep.within.seconds)))
    if not courses:
        return _Course(ends=[len(arrivals)] * len(arrivals), settled=len(arrivals))
    return _Course(
        ends=list(map(max, zip(*(one.ends for one in courses), strict=True))),
        settled=max(one.settled for one in courses),
    )


def _follow_age(arrivals: Sequence[datetime], within: timedelta) -> _Course:
    ends = [bisect_right(arrivals, one + within) for one in arrivals]
    return _Course(ends=ends, settled=ends[0] if ends else 0)


def _follow_count(periods: Sequence[str], limit: int) -> _Course:
    ends = [len(periods)] * len(periods)
    settled = len(periods)
    chosen: dict[str, int] = {}  # the newest of each period; who came last stands last
    for at, period in enumerate(periods):
        given_up = chosen.pop(period, None)
        if given_up is None and len(chosen) == limit:
            given_up = chosen.pop(next(iter(chosen)))
        if given_up is not None:
            ends[given_up] = at
        chosen[period] = at
        if len(chosen) == limit:
            settled = min(settled, at)
    if ends:
        ends[0] = max(ends[0], settled)  # until then the oldest is wanted in any case
    return _Course(ends=ends, settled=settled)


def _numbers(ends: Sequence[int]) -> Iterator[int]:
    """How many are there after each arrival."""
    leave = Counter(ends)
    return accumulate(1 - leave[at] for at in range(len(ends)))


def _oldest(ends: Sequence[int]) -> list[int]:
    """The place of the oldest one that is there after each arrival."""
    found: list[int] = []
    for at, end in enumerate(ends):
        found.extend([at] * (end - len(found)))
    return found
