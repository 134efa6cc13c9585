"""How each leg stands, judged from its run history: pure, over what was read and `now`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.plan.model import LegPlan, Plan
from engine.plan.selection import Selection
from engine.promises.allowed_age import SLACK, data_allowed_age, inputs_of
from engine.schedule.calendars import next_run
from engine.schedule.pauses import Pause
from engine.standing.facts import ItemFacts, LegFacts, Ran
from engine.steps.modes import full_due
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from policy.legs import MirrorLeg

_MOMENT = timedelta(microseconds=1)
"""A run that is due just when a pause ends is not paused."""


class Health(enum.Enum):
    """What a person needs to know of one leg."""

    FRESH = "fresh"
    WAITING = "waiting for its first run"
    SEEDING = "seeding"
    """Its first full pass goes on: no copy is counted yet, and nobody has to act."""
    SEED_STOPPED = "seed interrupted"
    """Its first full pass ended before it was through; another seed makes it whole."""
    FAILING = "failing"
    """Its last run did not succeed, but what it has is not too old yet."""
    STALE = "stale"
    NEVER_RAN = "never ran"
    """Its first run is overdue."""
    UNFED = "copies nothing yet"
    """It succeeded before any leg that it reads of had: its copies may hold no live data at all."""
    PAUSED = "paused"
    """Somebody said that it is not to start for a while, and until when: whatever its age, the one
    who has to act knows it. It ends by itself."""
    AHEAD = "ahead of the clock"
    """Its last success lies in the future: the clock was wrong then, or is now."""
    ELSEWHERE = "runs elsewhere"
    """And has left nothing here that says how."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self in {
            Health.FRESH,
            Health.WAITING,
            Health.SEEDING,
            Health.PAUSED,
            Health.ELSEWHERE,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatus:
    """One item of a leg, judged by itself: a known failure hides no other (law 35)."""

    name: str
    last: Ran | None
    success: Ran | None
    earlier: tuple[Ran, ...]
    """Its successes before that one, the newest first."""
    pending: int | None
    in_step: bool
    """Whether its last pass that succeeded took, and to there, what the applied plan says."""
    took: Selection | None
    """What that pass took by the plan before; None: not known, or of no account."""
    stale: bool
    """Whether its own last success is too old, or it never had one and should have."""
    verified: Verified | None = None
    """The last time that its copies were compared by content; None: never."""
    differing: bool = False
    """Whether they were not as they should be then, and nothing has put that right since."""

    @property
    def failing(self) -> bool:
        """Whether its last run did not succeed."""
        return self.last is not None and self.last.status is not None and not _good(self.last)

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return not self.failing and not self.stale and not self.differing


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStatus:
    """One row of `policyctl status`."""

    leg: str
    kind: str
    health: Health
    last: Ran | None
    last_success: datetime | None
    """When the last successful run began."""
    data_as_of: datetime | None
    """The live data as they were then are in its copies. Where no leg before it says so, that is
    when the last successful run began; None where one ought to."""
    age: timedelta | None
    """Of the data."""
    allowed: timedelta | None
    """How old the data may get: its own gaps between runs, and those of the legs before it."""
    due: datetime | None
    """The next scheduled run."""
    full_due: datetime | None
    """From when its next full pass is due; None where each pass is one."""
    pending: int | None
    seeding_since: datetime | None
    not_told: str
    """Why its last run could not tell its figures."""
    items: tuple[ItemStatus, ...]
    pause: Pause | None = None

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        told = not self.not_told or self.pause is not None
        return self.health.sound and told and not self.differing

    @property
    def differing(self) -> bool:
        """Whether the copies of an item are not what they should be, though runs succeed."""
        return any(one.differing for one in self.items)

    @property
    def too_old(self) -> bool:
        """Whether the data are older than allowed, whoever has to act."""
        if self.age is None or self.allowed is None:
            return False
        return self.age > self.allowed + SLACK


def leg_status(
    plan: Plan, leg: LegPlan, facts: LegFacts, *, applied_at: datetime, now: datetime
) -> LegStatus:
    """Judge one leg."""
    last, success = facts.last, facts.success
    own = _seconds(leg.allowed_age)
    allowed = _seconds(data_allowed_age(plan, leg))
    as_of = success.data_as_of if success is not None else None
    if success is not None and not inputs_of(plan, leg):
        as_of = as_of or success.started
    zone = ZoneInfo(plan.timezone)
    starts = max(now, facts.pause.until - _MOMENT) if facts.pause is not None else now
    limits = _Limits(own=own, data=allowed, waiting=now - applied_at, now=now)
    full = full_due(leg.leg, facts.full_began) if isinstance(leg.leg, MirrorLeg) else None
    return LegStatus(
        leg=leg.name,
        kind=leg.kind,
        health=_health(leg, facts, limits),
        last=last,
        last_success=success.started if success is not None else None,
        data_as_of=as_of,
        age=now - as_of if as_of is not None else None,
        allowed=allowed,
        due=next_run(leg.leg.schedule, zone=zone, after=starts) if leg.leg.schedule else None,
        full_due=full,
        pending=facts.pending,
        seeding_since=facts.seeding_since,
        not_told=facts.not_told,
        items=tuple(_items(facts, limits)),
        pause=facts.pause,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How old a leg's last success, and the data that it holds, may be."""

    own: timedelta | None
    data: timedelta | None
    waiting: timedelta
    """Since the plan was applied."""
    now: datetime

    def passed_by(self, success: Ran) -> bool:
        """Whether the success, or what it holds, is too old."""
        if self.own is not None and self.now - success.started > self.own + SLACK:
            return True
        if self.data is None or success.data_as_of is None:
            return False
        return self.now - success.data_as_of > self.data + SLACK


def _health(leg: LegPlan, facts: LegFacts, limits: _Limits) -> Health:
    if leg.leg.runner is not None and facts.ended is None:
        return Health.ELSEWHERE
    if facts.pause is not None:
        return Health.PAUSED
    return _health_here(facts, limits)


def _health_here(facts: LegFacts, limits: _Limits) -> Health:
    if facts.success is None:
        return _health_without_success(facts, limits)
    if facts.success.started - limits.now > SLACK:
        return Health.AHEAD
    if limits.passed_by(facts.success):
        return Health.STALE
    if not facts.fed:
        return Health.UNFED
    last = facts.last
    if last is not None and last.status is not None and not _good(last):
        return Health.FAILING
    return Health.FRESH


def _health_without_success(facts: LegFacts, limits: _Limits) -> Health:
    last = facts.last
    if last is None:
        overdue = limits.own is not None and limits.waiting > limits.own + SLACK
        return Health.NEVER_RAN if overdue else Health.WAITING
    if facts.seeding_since is not None:
        return Health.SEEDING if last.status is None else Health.SEED_STOPPED
    if last.status is None and facts.ended is None:
        return Health.WAITING  # its first run goes on
    return Health.STALE if limits.own is not None else Health.FAILING


def _items(facts: LegFacts, limits: _Limits) -> Iterator[ItemStatus]:
    for one in facts.items:
        yield ItemStatus(
            name=one.name,
            last=one.last,
            success=one.success,
            earlier=one.earlier,
            pending=one.pending,
            in_step=one.in_step,
            took=one.took,
            stale=_item_stale(one, limits),
            verified=one.verified,
            differing=_still_differs(one),
        )


def _still_differs(item: ItemFacts) -> bool:
    """A full pass puts right what it can see; a lost byte is in no size and no time."""
    found = item.verified
    if found is None or found.sound:
        return False
    passed = item.full_began is not None and item.full_began > found.ended
    return not passed or found.count(Difference.DAMAGED) > 0


def _item_stale(item: ItemFacts, limits: _Limits) -> bool:
    """An item that no run has come as far as is the leg's to tell."""
    if item.success is not None:
        return limits.passed_by(item.success)
    return item.last is not None and limits.own is not None


def _seconds(number: int | None) -> timedelta | None:
    return timedelta(seconds=number) if number is not None else None


def _good(ran: Ran) -> bool:
    return ran.status is not None and ran.status.succeeded
