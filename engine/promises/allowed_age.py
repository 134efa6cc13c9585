"""How old what a leg keeps may get: one answer for `status`, alerts and dashboard. Pure.

Nobody writes a threshold by hand: all follow from the schedules (law 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from engine.plan.model import LegPlan, Plan
from engine.plan.readers import writers_of
from engine.schedule.due import runs_here

SLACK = timedelta(minutes=30)
"""Beyond the allowed age, before a leg is called stale: clocks and queues are not exact."""


def data_allowed_age(plan: Plan, leg: LegPlan) -> int | None:
    """Seconds that the data of a leg may be old: its own gap on top of the oldest of its inputs.

    None where the leg, or one before it, has no schedule.
    """
    return _data_allowed_age(plan, leg, frozenset())


def inputs_of(plan: Plan, leg: LegPlan) -> list[LegPlan]:
    """The legs of this machine that make what a leg reads."""
    return [one for feed in leg.feeds for one in _makers(plan, feed.reads) if runs_here(one)]


def _makers(plan: Plan, reads: str) -> Iterator[LegPlan]:
    upstream = plan.leg(reads)
    if upstream is not None and all(feed.writes is None for feed in upstream.feeds):
        yield upstream  # its snapshots stay where they are, and are as old as it lets them get
    yield from (writer for writer, _ in writers_of(plan, reads))


def _data_allowed_age(plan: Plan, leg: LegPlan, before: frozenset[str]) -> int | None:
    if leg.allowed_age is None or leg.name in before:
        return None
    known = before | {leg.name}
    inputs = [_data_allowed_age(plan, writer, known) for writer in inputs_of(plan, leg)]
    if None in inputs:
        return None
    return leg.allowed_age + max((one for one in inputs if one is not None), default=0)
