"""How each check stands, judged from its looks. Pure, over what was read and `now`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.checks.outcome import Checked, CheckFacts
from engine.plan.model import CheckPlan, Plan
from engine.promises.allowed_age import SLACK
from engine.schedule.calendars import next_run


class CheckHealth(enum.Enum):
    """What a person needs to know of one check."""

    WELL = "well"
    WAITING = "waiting for its first time"
    ELSEWHERE = "made elsewhere"
    """Another runner is to make it; this host knows nothing of it."""
    FAILING = "failing"
    """The last look did not end well."""
    STALE = "stale"
    """The last look is too long ago, or the first one is overdue."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self not in {CheckHealth.FAILING, CheckHealth.STALE}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """One check in `policyctl status`."""

    check: str
    kind: str
    health: CheckHealth
    last: Checked | None
    """The newest look that says something."""
    success: Checked | None
    age: timedelta | None
    """Since the last look; None: there was none."""
    allowed: timedelta | None
    due: datetime | None
    unfinished: datetime | None = None
    """When the newest one began, where it has not ended: it goes on, or was killed."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self.health.sound

    @property
    def reason(self) -> str:
        """What the last look has found."""
        verdict = self.last.verdict if self.last is not None else None
        return verdict.reason if verdict is not None else ""


def check_status(plan: Plan, one: CheckPlan, facts: CheckFacts, *, now: datetime) -> CheckStatus:
    """Judge one check."""
    last, unfinished = facts.last, facts.unfinished
    allowed = timedelta(seconds=one.allowed_age) if one.allowed_age is not None else None
    scheduled = one.here and bool(one.check.schedule)
    zone = ZoneInfo(plan.timezone)
    return CheckStatus(
        check=one.name,
        kind=one.kind,
        health=_health(one, facts, allowed, now),
        last=last,
        success=facts.success,
        age=now - last.ended if last is not None and last.ended else None,
        allowed=allowed,
        due=next_run(one.check.schedule, zone=zone, after=now) if scheduled else None,
        unfinished=unfinished.began if unfinished is not None else None,
    )


def _health(
    one: CheckPlan, facts: CheckFacts, allowed: timedelta | None, now: datetime
) -> CheckHealth:
    if not one.here:
        return CheckHealth.ELSEWHERE
    last = facts.last
    if last is not None and not last.good:
        return CheckHealth.FAILING
    since = last.ended if last is not None else facts.expected_since
    if allowed is not None and since is not None and not -SLACK <= now - since <= allowed + SLACK:
        return CheckHealth.STALE
    return CheckHealth.WELL if last is not None else CheckHealth.WAITING
