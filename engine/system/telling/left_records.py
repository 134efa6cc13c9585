"""Where the records of a leg are: here, or beside its product if it runs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from engine.plan.model import LegPlan, Plan, tree_root
from engine.system.host.places import Places
from engine.system.state.reading import state_of
from engine.system.state.records import LastSeen
from engine.system.state.state import ADOPTED, State, stream_of
from engine.system.state.status_file import LeftStatus, StatusUnreadable, read_status


def run_here(leg: LegPlan) -> LegPlan:
    """The same leg as its job knows it: what runs it says nothing of its records."""
    return replace(leg, leg=replace(leg.leg, runner=None))


@contextmanager
def records_of(
    plan: Plan, leg: LegPlan, state: State | None, places: Places
) -> Iterator[State | None]:
    """The state that holds what is known of a leg; None where nothing is.

    Of one that runs elsewhere that is what it has left beside its product, where that lies here.
    """
    if leg.leg.runner is None:
        yield state
        return
    left = _left_by(plan, leg, places)
    if left is None:
        yield None
        return
    with state_of(left) as found:
        _note(plan, run_here(leg), left, found)
        yield found


def _left_by(plan: Plan, leg: LegPlan, places: Places) -> LeftStatus | None:
    place = next((one.writes for one in leg.feeds if one.writes is not None), None)
    holder = plan.source(place.holder) if place is not None else None
    root = tree_root(holder) if holder is not None else None
    if place is None or root is None:
        return None
    try:
        return read_status(places.below_root(root), place.names, leg.name, leg.leg.was)
    except StatusUnreadable:
        return None


def _note(plan: Plan, leg: LegPlan, left: LeftStatus, state: State) -> None:
    feed = next(one for one in leg.feeds if one.writes is not None)
    stream = stream_of(plan, leg, feed, state)
    state.claim(stream, f"{ADOPTED}job", left.generations)
    for name, standing in left.generations.items():
        state.generations.note(stream, name, standing)
    if left.seen is not None:
        seen = LastSeen(
            rules=left.seen.rules,
            entries=left.seen.entries,
            file_system="",
            mounts=(),
            size=left.seen.size,
        )
        state.record_pass(stream, f"{ADOPTED}job", left.generations, seen)
