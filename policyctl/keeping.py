"""Which generations there are, why each stays, and when it will go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.generations.calendar import calendar
from engine.generations.retention import Verdict, decide
from engine.legs.generation_frame import most_at_once
from engine.plan.model import LegPlan, Plan
from engine.schedule.calendars import occurrences
from engine.standing.keeping import Keeping, Kept
from engine.system.host.places import Places
from engine.system.measure.generation_look import Folder, folders_of
from engine.system.state.reading import read_state
from engine.system.state.state import State
from engine.system.state.verifications import Verifications
from engine.system.telling.left_records import records_of
from policy.legs import MirrorLeg
from policy.parts import Keep
from policyctl.boundary import Refused
from policyctl.running import Running

_HORIZON = timedelta(days=3 * 366)
"""How far ahead it is foretold when something goes."""


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
        found = keepings_now(running.plan, running.places, state, now)
        return zone, tuple(one for one in found if leg in {None, one.leg})


def keepings_now(plan: Plan, places: Places, state: State, now: datetime) -> Iterator[Keeping]:
    """The generations of every leg of a plan that keeps some here, looked at now."""
    for leg in plan.legs:
        with records_of(plan, leg, state, places) as known:
            if known is not None:
                yield from _of_leg(plan, places, leg, known, now)


def _keep_of(plan: Plan, name: str) -> Keep | None:
    leg = plan.leg(name)
    return None if leg is None or isinstance(leg.leg, MirrorLeg) else leg.leg.keep


def _of_leg(
    plan: Plan, places: Places, leg: LegPlan, state: State, now: datetime
) -> Iterator[Keeping]:
    keep = _keep_of(plan, leg.name)
    if keep is None:
        return
    zone = ZoneInfo(plan.timezone)
    start, end = (int(one.timestamp()) for one in (now, now + _HORIZON))
    due = occurrences(leg.leg.schedule, zone=zone, start=start, end=end)
    runs = [datetime.fromtimestamp(one, UTC) for one in due]
    for folder in folders_of(plan, leg, places, state, now):
        yield Keeping(
            leg=leg.name,
            item=folder.item,
            place=folder.place,
            keep=keep,
            kept=_compared(
                tuple(_kept(folder, keep, zone, runs, now)), leg.name, folder.item, state
            ),
            set_aside=folder.set_aside,
            why_not=folder.why_not,
        )


def _compared(kept: tuple[Kept, ...], leg: str, item: str, state: State) -> tuple[Kept, ...]:
    """The same; the one that the last comparison was of says what that has shown."""
    last = Verifications(state.connection).last(leg, item)
    if last is None or last.sound:
        return kept
    moments = (one.decision.generation.moment for one in kept)
    newest = max((one for one in moments if one <= last.began), default=None)
    return tuple(
        replace(one, differed=last.ended) if one.decision.generation.moment == newest else one
        for one in kept
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
