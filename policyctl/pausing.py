"""Pausing a leg and letting it go on: timer and alerts together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.plan.model import LegPlan, Plan
from engine.schedule.calendars import next_run, previous_run
from engine.schedule.due import before, runs_here
from engine.schedule.pauses import Pause
from engine.system.host.lock_probe import is_held
from engine.system.state.state import State, open_state
from engine.system.telling.tell import tell_leg
from policyctl.boundary import Refused
from policyctl.running import Running

_MOMENT = timedelta(microseconds=1)
"""A run that is due just when a pause ends is not paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """What `pause` did, and what it means."""

    pause: Pause
    timezone: str
    due: datetime | None
    """The first scheduled time after it; None where the leg has no schedule."""
    running: bool
    """Whether a run of it goes on just now."""
    carried_on_by: tuple[str, ...]
    """Legs that read what it writes, or come after it."""
    not_told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What `resume` did, and what comes next."""

    leg: str
    timezone: str
    ended: Pause | None
    """The pause that is no more; None where there was none."""
    due: datetime | None
    missed: datetime | None
    """A scheduled time that passed while it was paused, and since which no run has begun."""
    not_told: str


def pause_leg(running: Running, leg: str, until: datetime, reason: str, now: datetime) -> Paused:
    """Pause a leg, and tell it at once, so that its alerts fall silent. Raises `Refused`."""
    plan, places = running.plan, running.places
    found = _leg(running, leg)
    pause = Pause(leg=leg, until=until, since=now.replace(microsecond=0), reason=reason)
    with open_state(places.state_file) as state:
        state.pauses.begin(pause)
        not_told = tell_leg(plan, found, state, places)
    return Paused(
        pause=pause,
        timezone=plan.timezone,
        due=_next(plan, found, until - _MOMENT),
        running=is_held(places.leg_lock(leg)),
        carried_on_by=_carried_on_by(plan, leg),
        not_told=not_told,
    )


def resume_leg(running: Running, leg: str, now: datetime) -> Resumed:
    """End the pause of a leg, and tell it at once. Raises `Refused`."""
    plan, places = running.plan, running.places
    found = _leg(running, leg)
    with open_state(places.state_file) as state:
        ended = state.pauses.of(leg, now)
        state.pauses.end(leg)
        not_told = tell_leg(plan, found, state, places)
        missed = _missed(plan, found, ended, state, now) if ended is not None else None
    return Resumed(
        leg=leg,
        timezone=plan.timezone,
        ended=ended,
        due=_next(plan, found, now),
        missed=missed,
        not_told=not_told,
    )


def _leg(running: Running, leg: str) -> LegPlan:
    """A leg that can be paused. Raises `Refused`."""
    running.know(leg)
    found = running.plan.leg(leg)
    assert found is not None
    if not runs_here(found):
        raise Refused(
            f"{leg} is run in the cluster, not by this machine: there is nothing here to pause. "
            "Nothing was changed"
        )
    return found


def _next(plan: Plan, leg: LegPlan, after: datetime) -> datetime | None:
    schedule, zone = leg.leg.schedule, ZoneInfo(plan.timezone)
    return next_run(schedule, zone=zone, after=after) if schedule else None


def _carried_on_by(plan: Plan, leg: str) -> tuple[str, ...]:
    return tuple(one.name for one in plan.legs if one.name != leg and leg in before(plan, one.name))


def _missed(plan: Plan, leg: LegPlan, pause: Pause, state: State, now: datetime) -> datetime | None:
    if not leg.leg.schedule:
        return None
    last = previous_run(leg.leg.schedule, zone=ZoneInfo(plan.timezone), before=now)
    begun = state.last_begun(leg.name)
    if last is None or last < pause.since or (begun is not None and begun.started >= last):
        return None
    return last
