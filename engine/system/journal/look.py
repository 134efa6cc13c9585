"""What the journal can say when a run begins: its rows, its gaps, and whether its tracker lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.plan.model import LegPlan, Plan
from engine.plan.readers import reader_of
from engine.records.journal import Consumer, Coverage, JournalSeen
from engine.system.host.lock import Locked, hold
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.journal.journal import Journal

PATIENCE = 60.0
"""Seconds that the tracker has for what the kernel has told it already."""


def look_into(journal: Journal, reader: Consumer, places: Places, *, live: bool) -> JournalSeen:
    """Bring the journal up to date with who writes it, then read what it holds for one reader.

    `live`: the tracker follows that tree; else the legs that write there do.
    """
    if not live:
        _settle(journal, reader.tree, places)
        return journal.seen(reader.leg, reader.reads)
    # Whatever happened before this question is in the journal once it is answered.
    running = is_held(places.tracker_lock)
    from engine.system.journal.barrier import synchronize

    answered = running and synchronize(places, PATIENCE)
    seen = journal.seen(reader.leg, reader.reads)
    if not answered:
        detail = "it does not answer" if running else ""
        return replace(seen, coverage=Coverage.DEAD, detail=detail)
    if journal.coverage(reader.tree) is None:
        return replace(seen, coverage=Coverage.STARTING)
    return seen


def follower(
    plan: Plan, leg_plan: LegPlan, journal: Journal, places: Places
) -> Callable[[str], JournalSeen]:
    """Gives the journal of a feed whose source is tracked, once the tracker has caught up."""
    readers = {one.reads: reader_of(plan, leg_plan, one) for one in leg_plan.feeds}

    def look(feed: str) -> JournalSeen:
        reader = readers[feed]
        assert reader is not None
        return look_into(journal, reader, places, live=True)

    return look


def _settle(journal: Journal, tree: str, places: Places) -> None:
    """What a killed run held back is there for all, unless another run is writing now."""
    try:
        with hold(places.holder_lock(tree)):
            journal.settle(tree)
    except Locked:
        return
