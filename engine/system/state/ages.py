"""How old the live data are in what legs have written, by their last successes."""

from __future__ import annotations

from datetime import datetime

from engine.plan.model import Feed, LegPlan, Plan
from engine.plan.readers import is_itemised, writers_of
from engine.schedule.due import runs_here
from engine.system.state.state import State


def live_as_of(plan: Plan, reads: str, state: State, now: datetime) -> datetime | None:
    """How old the live data are in what is read now; None where a leg before never succeeded.

    What is live is as it is now.
    """
    if plan.source(reads) is not None:
        return now
    oldest = now
    for leg, feed in writers_of(plan, reads):
        if not runs_here(leg):
            continue  # nobody runs it here yet: it has nothing that could be old
        known = _as_of(plan, leg, feed, state)
        if known is None:
            return None
        oldest = min(oldest, known)
    return oldest


def _as_of(plan: Plan, leg: LegPlan, feed: Feed, state: State) -> datetime | None:
    """How old the live data are in what a feed has written; of items the oldest counts."""
    itemised = is_itemised(plan, leg, feed)
    success = (
        state.last_success(leg.name) if itemised else state.last_item_success(leg.name, feed.reads)
    )
    items = state.items(success.run_id) if success else ()
    known = [one.data_as_of for one in items if itemised or one.name == feed.reads]
    moments = [one for one in known if one is not None]
    return min(moments) if moments and len(moments) == len(known) else None
