"""Finding the items of a source: what of it a leg carries, by addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.items.items import Inventory, names_of
from engine.plan.model import Feed, LegPlan, Plan
from engine.plan.readers import is_itemised
from engine.system.host.places import Places
from engine.system.items.subvolume_inventory import subvolume_inventory, sweep_subvolumes
from engine.system.items.thin_inventory import sweep_pool, thin_inventory
from engine.system.state.state import State
from policy.legs import SnapshotLeg
from policy.sources import BtrfsSource, ItemSource, LvmThinSource


def inventory(
    plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State, now: datetime
) -> Inventory:
    """What a feed of items finds now."""
    taker, taken = _taker(plan, leg, feed)
    source = _source(plan, taken)
    match source:
        case LvmThinSource():
            found = thin_inventory(source, taker, taken, places, now)
        case BtrfsSource():
            takers = [one for one in plan.legs if isinstance(one.leg, SnapshotLeg)]
            legs = {name for one in takers for name in names_of(one)}
            found = subvolume_inventory(source, taker, taken, places, state, legs)
    return replace(
        found,
        previous=_previous(leg, state),
        allowed=taker.allowed_age if taker is not leg else None,
        moment=now,
    )


def _taker(plan: Plan, leg: LegPlan, feed: Feed) -> tuple[LegPlan, Feed]:
    """The leg that takes the snapshots, and its feed."""
    if isinstance(leg.leg, SnapshotLeg):
        return leg, feed
    taker = plan.leg(feed.reads)
    assert taker is not None
    return taker, taker.feeds[0]


def _source(plan: Plan, taken: Feed) -> ItemSource:
    source = plan.source(taken.reads)
    assert isinstance(source, ItemSource)
    return source


def _previous(leg: LegPlan, state: State) -> int | None:
    """How many items the last success had."""
    success = state.last_success(leg.name)
    return len(state.items(success.run_id)) if success is not None else None


def sweep_items(plan: Plan, leg: LegPlan, places: Places, state: State) -> tuple[str, ...]:
    """Close what a killed run of the leg has left open; what was done.

    The caller holds the leg's lock. Raises `LvmFailed`.
    """
    done: list[str] = []
    for feed in leg.feeds:
        if is_itemised(plan, leg, feed):
            source = _source(plan, _taker(plan, leg, feed)[1])
            match source:
                case LvmThinSource():
                    done += sweep_pool(source, leg, places)
                case BtrfsSource():
                    done += sweep_subvolumes(source, leg, places, state)
    return tuple(done)
