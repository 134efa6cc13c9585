"""Which generations there are, why each stays, and when it will go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.generations.calendar import calendar
from engine.generations.retention import Decision, Verdict, decide
from engine.items.thin_pool import SetAside
from engine.legs.generation_frame import most_at_once
from engine.plan.model import LegPlan, Location, Plan
from engine.schedule.calendars import occurrences
from engine.system.measure.generation_look import Folder, folders_of
from engine.system.state.reading import read_state
from engine.system.state.state import State
from policy.legs import MirrorLeg
from policy.parts import Keep
from policyctl.boundary import Refused
from policyctl.running import Running

_HORIZON = timedelta(days=3 * 366)
"""How far ahead it is foretold when something goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One generation."""

    decision: Decision
    goes: datetime | None
    """The run that will prune it, if all runs succeed; None: none of the next three years."""
    waits: bool = False
    """It is to go, and the next run removes as many others as may go in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The generations of one folder, the newest first."""

    leg: str
    item: str
    place: Location
    keep: Keep
    kept: tuple[Kept, ...]
    set_aside: tuple[SetAside, ...] = ()
    """What rollbacks of the item have set aside, the oldest first."""
    why_not: str = ""
    """Why nobody could look."""


def keepings(root: Path, leg: str | None) -> tuple[ZoneInfo, tuple[Keeping, ...]]:
    """The plan's zone, and the generations of every leg that keeps some. Raises `Refused`."""
    running = Running.of_applied(root)
    if leg is not None:
        running.know(leg)
        if _keep_of(running.plan, leg) is None:
            raise Refused(f"the leg {leg} keeps no generations: it has no `keep`")
    zone, now = ZoneInfo(running.plan.timezone), datetime.now(UTC)
    with read_state(running.places.state_file) as state:
        if state is None:
            return zone, ()
        legs = (one for one in running.plan.legs if leg in {None, one.name})
        found = (one for leg_plan in legs for one in _of_leg(running, leg_plan, state, now))
        return zone, tuple(found)


def _keep_of(plan: Plan, name: str) -> Keep | None:
    leg = plan.leg(name)
    return None if leg is None or isinstance(leg.leg, MirrorLeg) else leg.leg.keep


def _of_leg(running: Running, leg: LegPlan, state: State, now: datetime) -> Iterator[Keeping]:
    keep = _keep_of(running.plan, leg.name)
    if keep is None or leg.leg.runner is not None:
        return
    zone = ZoneInfo(running.plan.timezone)
    start, end = (int(one.timestamp()) for one in (now, now + _HORIZON))
    due = occurrences(leg.leg.schedule, zone=zone, start=start, end=end)
    runs = [datetime.fromtimestamp(one, UTC) for one in due]
    for folder in folders_of(running.plan, leg, running.places, state, now):
        yield Keeping(
            leg=leg.name,
            item=folder.item,
            place=folder.place,
            keep=keep,
            kept=tuple(_kept(folder, keep, zone, runs, now)),
            set_aside=folder.set_aside,
            why_not=folder.why_not,
        )


def _kept(
    folder: Folder, keep: Keep, zone: ZoneInfo, runs: list[datetime], now: datetime
) -> Iterator[Kept]:
    foretold = calendar(folder.generations, keep, zone=zone, runs=runs, held=folder.held)
    decisions = decide(folder.generations, keep, zone=zone, now=now, held=folder.held)
    goes = {one.generation.moment: one.goes for one in foretold}
    leaving = [one for one in reversed(decisions) if one.verdict is Verdict.PRUNE]
    waiting = leaving[most_at_once(len(folder.generations) + 1) :]
    for one in decisions:
        yield Kept(decision=one, goes=goes.get(one.generation.moment), waits=one in waiting)
