"""Which legs are due, and in which order they run one after another: pure.

A leg is due once its scheduled time has come and no run of it has begun since: what was missed is
caught up, once. A run that could not even begin (its leg was locked, or it waited too long for a
disk) does not count as begun. A run that failed is tried again at the next scheduled time. What
began in the future began while the clock was wrong, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.plan.model import Feed, LegPlan, Plan
from engine.plan.readers import writers_of
from engine.plan.selection import Verdict
from engine.schedule.calendars import previous_run
from policy.sources import TreeSource

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
_SLACK = timedelta(minutes=30)
"""A clock that is set back by no more makes no run due that has just been made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A leg that is to run, and the scheduled time that it is due since."""

    leg: str
    since: datetime


def runs_here(leg: LegPlan) -> bool:
    """Whether this host runs such a leg at all."""
    return leg.leg.runner is None


def due_legs(
    plan: Plan, begun: Mapping[str, datetime], *, applied_at: datetime, now: datetime
) -> tuple[Due, ...]:
    """The legs whose scheduled time has passed since they last began, in the order to run them.

    A leg that never began is due from the first scheduled time after it was applied.
    """
    found = []
    for leg in plan.legs:
        known = begun.get(leg.name, applied_at)
        since = _due_since(leg, known, now, ZoneInfo(plan.timezone))
        if since is not None:
            found.append(Due(leg=leg.name, since=since))
    return in_order(plan, found)


def all_legs(plan: Plan, *, now: datetime) -> tuple[Due, ...]:
    """All legs that run here, in the order to run them."""
    return in_order(plan, (Due(leg=leg.name, since=now) for leg in plan.legs if runs_here(leg)))


def in_order(plan: Plan, legs: Iterable[Due]) -> tuple[Due, ...]:
    """First what others come after or read, then by (due time, name)."""
    left = {one.leg: one for one in sorted(legs, key=lambda one: (one.since, one.leg))}
    ordered: list[Due] = []
    while left:
        name = next(
            (name for name in left if not before(plan, name) & left.keys()),
            next(iter(left)),  # a circle through `after` and reading: by time then
        )
        ordered.append(left.pop(name))
    return tuple(ordered)


def before(plan: Plan, name: str) -> frozenset[str]:
    """The legs that come before one, should they be due too."""
    leg = plan.leg(name)
    assert leg is not None
    writers = {writer.name for feed in leg.feeds for writer, _ in writers_of(plan, feed.reads)}
    into = {other for feed in leg.feeds for other in _writing_into(plan, feed)}
    return frozenset(writers | into | set(leg.leg.after)) - {name}


def _writing_into(plan: Plan, feed: Feed) -> Iterator[str]:
    """Legs whose products land in a tree where this feed takes them along."""
    if feed.selection is None or not isinstance(plan.source(feed.reads), TreeSource):
        return
    for leg in plan.legs:
        for one in leg.feeds:
            if one.writes is None or one.writes.holder != feed.reads:
                continue
            if feed.selection.decide(one.writes.names, directory=True) in _CARRIED:
                yield leg.name


def _due_since(leg: LegPlan, known: datetime, now: datetime, zone: ZoneInfo) -> datetime | None:
    if not leg.leg.schedule or not runs_here(leg):
        return None
    last = previous_run(leg.leg.schedule, zone=zone, before=now)
    clock_was_wrong = known - now > _SLACK
    return last if last is not None and (last > known or clock_was_wrong) else None
