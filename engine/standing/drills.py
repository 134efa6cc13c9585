"""How each drill stands, judged from its history. Pure, over what was read and `now`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.drill.outcome import Drilled, DrillFacts, Status
from engine.plan.model import DrillPlan, Plan
from engine.promises.allowed_age import SLACK
from engine.schedule.calendars import next_run


class DrillHealth(enum.Enum):
    """What a person needs to know of one drill."""

    REHEARSED = "rehearsed"
    WAITING = "waiting for its first time"
    FAILING = "failing"
    """The last one from one of its destinations did not end well."""
    SLOW = "slower than stated"
    STALE = "stale"
    """The last good one is too long ago, or the first one is overdue."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self in {DrillHealth.REHEARSED, DrillHealth.WAITING}


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPlace:
    """What is known of restores from one destination."""

    place: str
    last: Drilled | None
    success: Drilled | None
    measured: Drilled | None

    @property
    def failing(self) -> bool:
        """Whether the last one did not end well."""
        return self.last is not None and self.last.status is not Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStatus:
    """One drill in `policyctl status`."""

    drill: str
    source: str
    health: DrillHealth
    places: tuple[FromPlace, ...]
    stated: int | None
    """Seconds that a restore of the whole source may take."""
    age: timedelta | None
    """Since the last good one, from whatever destination; None: there was none."""
    allowed: timedelta | None
    due: datetime | None
    unfinished: datetime | None = None
    """When the newest one began, where it has not ended: it goes on, or was killed."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self.health.sound


def drill_status(plan: Plan, one: DrillPlan, facts: DrillFacts, *, now: datetime) -> DrillStatus:
    """Judge one drill."""
    within = one.drill.within
    stated = within.seconds if within is not None else None
    success = facts.success()
    allowed = timedelta(seconds=one.allowed_age) if one.allowed_age is not None else None
    places = tuple(
        FromPlace(
            place=place,
            last=facts.last(place),
            success=facts.success(place),
            measured=facts.measured(place),
        )
        for place in one.places
    )
    newest = facts.drills[0] if facts.drills else None
    zone = ZoneInfo(plan.timezone)
    return DrillStatus(
        drill=one.name,
        source=one.drill.source,
        health=_health(facts, places, stated, allowed, now),
        places=places,
        stated=stated,
        age=now - success.ended if success is not None and success.ended else None,
        allowed=allowed,
        due=next_run(one.drill.schedule, zone=zone, after=now) if one.drill.schedule else None,
        unfinished=newest.began if newest is not None and newest.ended is None else None,
    )


def _health(
    facts: DrillFacts,
    places: tuple[FromPlace, ...],
    stated: int | None,
    allowed: timedelta | None,
    now: datetime,
) -> DrillHealth:
    if any(one.failing for one in places):
        return DrillHealth.FAILING
    success = facts.success()
    since = success.ended if success is not None else facts.expected_since
    if allowed is not None and since is not None and now - since > allowed + SLACK:
        return DrillHealth.STALE
    if success is None:
        return DrillHealth.WAITING
    measured = (one.measured for one in places)
    if any(one is not None and one.slower_than(stated) for one in measured):
        return DrillHealth.SLOW
    return DrillHealth.REHEARSED
