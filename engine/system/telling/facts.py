"""Reading the facts of legs, destinations and the tracker from state, journal and locks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile

from engine.plan.model import Feed, LegPlan, Plan
from engine.plan.readers import is_itemised, readers_of
from engine.plan.selection import Selection
from engine.promises.allowed_age import inputs_of
from engine.records.reports import RunStatus
from engine.rsync.rules_digest import rules_digest
from engine.standing.facts import ItemFacts, LegFacts, Ran, RoomFacts, TrackerFacts, TreeFacts
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.journal.journal import Journal
from engine.system.state.records import RunRecord
from engine.system.state.state import State, stream_of
from engine.system.state.verifications import Verifications
from engine.system.telling.left_records import records_of, run_here
from policy.legs import DumpLeg

KILLED = "it ended without telling: killed, or a power cut"
SEED = "seed"


def leg_facts(
    plan: Plan,
    leg: LegPlan,
    state: State,
    journal: Journal | None,
    places: Places,
    *,
    now: datetime | None = None,
    before: Plan | None = None,
) -> LegFacts:
    """What is known of one leg; of a pause, whether it lasts `now`, the present if None.

    `before`: the plan before this one, by which its last pass may have gone. Of a leg that runs
    elsewhere is known what it has left beside its product, where that lies here.
    """
    if leg.leg.runner is not None:
        with records_of(plan, leg, state, places) as left:
            here = run_here(leg)
            return leg_facts(plan, here, left, None, places, now=now) if left else LegFacts()
    last, success = state.last_run(leg.name), state.last_success(leg.name)
    unlocked, locked_out = state.unlocked(leg.name), state.last_refusal(leg.name)
    ended = next((one for one in (last, *unlocked) if one is not None and one.ended), None)
    told = next((one for one in state.history(leg.name) if one.ended is not None), None)
    inputs = inputs_of(plan, leg)
    seeds = [*takewhile(lambda one: one.mode == SEED, unlocked)] if success is None else []
    return LegFacts(
        last=_unless_killed(last, places),
        ended=_ran(ended),
        success=_ran(success),
        locked_out=_ran(locked_out),
        seeding_since=seeds[-1].started if seeds else None,
        not_told=told.told if told is not None else "",
        items=tuple(
            replace(one, took=_took(before, plan, leg, one.name, state))
            if before is not None and not one.in_step
            else one
            for one in _items(plan, leg, state, journal, places, unlocked)
        ),
        fed=not inputs
        or success is None
        or any(state.succeeded_before(one.name, success.started) for one in inputs),
        pause=state.pauses.of(leg.name, now or datetime.now(UTC)),
    )


def _items(
    plan: Plan,
    leg: LegPlan,
    state: State,
    journal: Journal | None,
    places: Places,
    history: tuple[RunRecord, ...],
) -> Iterator[ItemFacts]:
    """Each feed, and of one that has items each that the last run or the last success had."""
    for feed in leg.feeds:
        if not is_itemised(plan, leg, feed):
            yield _item(plan, leg, feed, state, journal, places, history)
            if not (isinstance(leg.leg, DumpLeg) and leg.leg.per_database):
                continue
        ended = [run for run in history if run.ended is not None]
        good = [run for run in ended if run.status is not None and run.status.succeeded]
        runs = (*ended[:1], *good[:1])
        names = {item.name for run in runs for item in state.items(run.run_id)} - {feed.reads}
        for name in sorted(names):
            ran = [one for run in history if (one := _item_ran(run, name, state)) is not None]
            success = next((one for one in ran if _good(one)), None)
            yield ItemFacts(name=name, last=next(iter(ran), None), success=success)


def _item(
    plan: Plan,
    leg: LegPlan,
    feed: Feed,
    state: State,
    journal: Journal | None,
    places: Places,
    history: tuple[RunRecord, ...],
) -> ItemFacts:
    seen = state.last_seen(stream_of(plan, leg, feed, state))
    runs = [one for run in history if (one := _item_ran(run, feed.reads, state)) is not None]
    good = item_successes(leg.name, feed.reads, state)
    return ItemFacts(
        name=feed.reads,
        last=next(iter(runs), None),
        success=next(iter(good), None),
        earlier=good[1:],
        pending=_pending(plan, leg, feed, journal, places),
        full_began=seen.full_began if seen is not None else None,
        verified=Verifications(state.connection).last(leg.name, feed.reads),
        # What has no paths is taken whole: no rule of it can have changed.
        in_step=feed.selection is None
        or (seen is not None and seen.rules == rules_digest(feed.selection, leg.leg)),
    )


def _took(before: Plan, plan: Plan, leg: LegPlan, item: str, state: State) -> Selection | None:
    """What the last pass of an item took, where it went by the plan before in all but that."""
    feed = next((one for one in leg.feeds if one.reads == item), None)
    was = before.leg(leg.name)
    old = next((one for one in was.feeds if one.reads == item), None) if was is not None else None
    if feed is None or old is None or old.selection is None:
        return None
    seen = state.last_seen(stream_of(plan, leg, feed, state))
    same = seen is not None and seen.rules == rules_digest(old.selection, leg.leg)
    return old.selection if same else None


def newest_runs(leg: str, state: State, places: Places, *, most: int) -> tuple[Ran, ...]:
    """The newest runs of a leg, newest first; refusals because of its own lock aside."""
    known = state.unlocked(leg, most=most)
    found = (_unless_killed(known[0], places), *map(_ran, known[1:])) if known else ()
    return tuple(one for one in found if one is not None)


def item_successes(leg: str, item: str, state: State) -> tuple[Ran, ...]:
    """The newest runs in which one item of a leg succeeded, as that item, newest first."""
    runs = state.item_successes(leg, item)
    return tuple(one for run in runs if (one := _item_ran(run, item, state)) is not None)


def _good(ran: Ran) -> bool:
    return ran.status is not None and ran.status.succeeded


def _pending(
    plan: Plan, leg: LegPlan, feed: Feed, journal: Journal | None, places: Places
) -> int | None:
    """Live, where a journal serves the item; of live data nobody knows without the tracker."""
    try:
        if journal is None or not journal.knows(leg.name, feed.reads):
            return None
        if plan.source(feed.reads) is not None and not is_held(places.tracker_lock):
            return None
        return journal.waiting(leg.name, feed.reads)
    except sqlite3.Error:
        return None


def room_facts(destination: str, state: State) -> RoomFacts | None:
    """The room that was last seen at a destination."""
    room = state.room(destination)
    if room is None:
        return None
    return RoomFacts(
        destination=destination,
        free=room.free,
        total=room.total,
        measured=room.measured,
        days=state.rooms.days(destination),
    )


def tracker_facts(plan: Plan, journal: Journal | None, places: Places) -> TrackerFacts | None:
    """How the tracker stands; None where it has nothing to follow."""
    trees = {one.tree for one in readers_of(plan)}
    sources = tuple(one.name for one in plan.sources if one.name in trees)
    if not sources:
        return None
    return TrackerFacts(
        running=is_held(places.tracker_lock), sources=sources, trees=tree_facts(sources, journal)
    )


def tree_facts(sources: tuple[str, ...], journal: Journal | None) -> tuple[TreeFacts, ...]:
    """What the tracker last told of these sources."""
    if journal is None:
        return ()
    told = ((name, journal.coverage(name)) for name in sources)
    return tuple(
        TreeFacts(
            source=name,
            standing=one.standing,
            detail=one.detail,
            since=one.changed,
            heartbeat=one.heartbeat,
            watches=one.watches,
        )
        for name, one in told
        if one is not None
    )


def _unless_killed(record: RunRecord | None, places: Places) -> Ran | None:
    """The last run; one that has no end, and whose leg nobody runs now, was killed."""
    ran = _ran(record)
    if record is None or ran is None or record.ended is not None:
        return ran
    if is_held(places.leg_lock(record.leg)):
        return ran
    return replace(ran, status=RunStatus.INTERRUPTED, reason=KILLED)


def _ran(record: RunRecord | None) -> Ran | None:
    if record is None:
        return None
    return Ran(
        started=record.started,
        ended=record.ended,
        status=record.status,
        reason=record.reason,
        mode=record.mode,
        bytes=record.bytes_sent,
        files=record.files,
        deletions=record.deletions,
        data_as_of=record.data_as_of,
    )


def _item_ran(run: RunRecord, name: str, state: State) -> Ran | None:
    """One item in one run; None where the run did not come as far."""
    item = next((one for one in state.items(run.run_id) if one.name == name), None)
    if item is None:
        return None
    return Ran(
        started=run.started,
        ended=run.ended,
        status=item.status,
        reason=item.reason,
        mode=item.mode,
        bytes=item.bytes_sent,
        files=item.files,
        deletions=item.deletions,
        data_as_of=item.data_as_of,
    )
