"""How each leg stands, judged from its run history: pure, over what was read and `now`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.calendars import next_run
from engine.kinds import RUNNABLE_KINDS
from engine.plan import LegPlan, Plan
from engine.reports import RunStatus

SLACK = timedelta(minutes=30)
"""Beyond the allowed age, before a leg is called stale: clocks and queues are not exact."""


class Health(enum.Enum):
    """What a person needs to know of one leg."""

    FRESH = "fresh"
    WAITING = "waiting for its first run"
    FAILING = "failing"
    """Its last run did not succeed, but what it has is not too old yet."""
    STALE = "stale"
    NEVER_RAN = "never ran"
    """Its first run is overdue."""
    AHEAD = "ahead of the clock"
    """Its last success lies in the future: the clock was wrong then, or is now."""
    ELSEWHERE = "runs elsewhere"
    NOT_BUILT = "not run by this version"

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self not in {
            Health.AHEAD,
            Health.FAILING,
            Health.STALE,
            Health.NEVER_RAN,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What the history holds of one leg."""

    started: datetime
    ended: datetime | None
    status: RunStatus | None
    reason: str
    bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStatus:
    """One row of `policyctl status`."""

    leg: str
    kind: str
    health: Health
    last: Ran | None
    last_success: datetime | None
    """When the last successful run began: the age of the data that it holds."""
    age: timedelta | None
    allowed: timedelta | None
    due: datetime | None
    """The next scheduled run."""


def leg_status(
    plan: Plan,
    leg: LegPlan,
    last: Ran | None,
    success: Ran | None,
    *,
    applied_at: datetime,
    now: datetime,
) -> LegStatus:
    """Judge one leg."""
    allowed = timedelta(seconds=leg.allowed_age) if leg.allowed_age is not None else None
    age = now - success.started if success else None
    zone = ZoneInfo(plan.timezone)
    due = next_run(leg.leg.schedule, zone=zone, after=now) if leg.leg.schedule else None
    return LegStatus(
        leg=leg.name,
        kind=leg.kind,
        health=_health(leg, last, age, allowed, waiting=now - applied_at),
        last=last,
        last_success=success.started if success else None,
        age=age,
        allowed=allowed,
        due=due,
    )


def _health(
    leg: LegPlan,
    last: Ran | None,
    age: timedelta | None,
    allowed: timedelta | None,
    *,
    waiting: timedelta,
) -> Health:
    if leg.leg.runner is not None:
        return Health.ELSEWHERE
    if leg.kind not in RUNNABLE_KINDS:
        return Health.NOT_BUILT
    limit = None if allowed is None else allowed + SLACK
    if age is not None and age < -SLACK:
        return Health.AHEAD
    if age is None and last is None:
        overdue = limit is not None and waiting > limit
        return Health.NEVER_RAN if overdue else Health.WAITING
    if limit is not None and (age is None or age > limit):
        return Health.STALE
    if last is not None and last.status is not None and not last.status.succeeded:
        return Health.FAILING
    return Health.FRESH
