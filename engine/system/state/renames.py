"""What is known under an old name goes with the thing to its new one; no byte moves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from engine.checks.request import declarations_of
from engine.orphans.hand_overs import owned_again, set_aside_again
from engine.plan.model import LegPlan, Plan
from engine.plan.readers import is_itemised, readers_of, with_images
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.journal.journal import Journal, open_journal
from engine.system.state.drills import Drills
from engine.system.state.looks import Looks
from engine.system.state.records import Below, Left, Stream
from engine.system.state.state import (
    State,
    items_below,
    open_state,
    place_text,
    stream_of,
    streams_below,
)


def follow_renames(plan: Plan, places: Places) -> tuple[str, ...]:
    """Bring the state in step with an applied plan: renames, places that left, lapsed ownership.

    Asked again, there is nothing left to do. A leg that runs under its old name just now notes
    its end under that name: what is known of it waits for the next apply.
    """
    with open_state(places.state_file) as state, ExitStack() as ended:
        busy = {one.name for one in plan.legs if one.leg.was and not _held(one, places, ended)}
        told = (
            *(
                f"leg {one.name}: history and ownership of {one.leg.was} are its own"
                for one in plan.legs
                if one.leg.was and one.name not in busy and state.rename_leg(one.leg.was, one.name)
            ),
            *(
                f"leg {one.name}: {one.leg.was} runs just now: apply again once it has ended, or "
                "its history and ownership stay behind"
                for one in plan.legs
                if one.name in busy
            ),
            *(
                f"source {one.name}: what was seen as {one.was} is known"
                for one in plan.sources
                if one.was and state.rename_source(one.was, one.name)
            ),
            *(
                f"destination {one.name}: the identity of {one.was} is its own"
                for one in plan.destinations
                if one.was and state.rename_destination(one.was, one.name)
            ),
        )
        _follow_in_orphans(plan, state)
        state.keep_only(
            _streams(plan, state, busy),
            tuple(_below(plan, state, busy)),
            tuple(_left(plan, state)),
            tuple(_items_left(plan, state)),
        )
        _follow_in_pauses(plan, state)
        state.measurements.keep_only({one.name for one in plan.sources})
        _follow_in_known_entries(plan, state)
        told = (*told, *_follow_in_drills(plan, state, places))
        told = (*told, *_follow_in_checks(plan, state, places))
        _follow_in_journal(plan, places, busy)
    return told


def _held(leg: LegPlan, places: Places, until: ExitStack) -> bool:
    """Keep the leg from running under its old name meanwhile; False where it does already."""
    try:
        until.enter_context(hold(places.leg_lock(leg.leg.was or leg.name)))
    except Locked:
        return False
    return True


def _streams(plan: Plan, state: State, busy: set[str]) -> Iterator[Stream]:
    for leg in plan.legs:
        for feed in leg.feeds:
            stream = stream_of(plan, leg, feed, state)
            yield stream
            if leg.name in busy:
                yield stream._replace(leg=leg.leg.was or leg.name)


def _below(plan: Plan, state: State, busy: set[str]) -> Iterator[Below]:
    for leg in plan.legs:
        for feed in leg.feeds:
            if feed.writes is not None and is_itemised(plan, leg, feed):
                found = items_below(plan, leg, feed, state)
                yield found
                if leg.name in busy:
                    yield found._replace(leg=leg.leg.was or leg.name)


def _left(plan: Plan, state: State) -> Iterator[Left]:
    """What legs have noted as their own of the copies that they have left behind."""
    for one in state.orphans.all():
        for place, entries in one.orphan.tops:
            text = place_text(plan, place, state)
            yield Left(Stream(leg=one.orphan.leg, source=one.orphan.reads, place=text), entries)


def _items_left(plan: Plan, state: State) -> Iterator[Below]:
    """The same of legs that keep generations of items: each has its own directory below."""
    for one in state.orphans.all():
        if one.orphan.form:
            yield streams_below(plan, one.orphan.leg, one.orphan.base, state)


def _follow_in_orphans(plan: Plan, state: State) -> None:
    """Where the copies of parts that were renamed are; what a leg carries again is none."""
    for part in (*plan.sources, *plan.destinations, *(one.leg for one in plan.legs)):
        if part.was:
            state.orphans.rename(part.was, part.name)
            state.arrivals.rename(part.was, part.name)
    now = (feed.writes for leg in plan.legs for feed in leg.feeds)
    state.set_places(place for place in now if place is not None)
    retired = with_images(plan, state.all_retired())
    for again in owned_again(plan, (one.orphan for one in state.orphans.all()), retired):
        state.hand_over(stream_of(plan, again.leg, again.feed, state))
        state.orphans.drop(again.orphan.place)
    for aside in tuple(set_aside_again(plan, (one.orphan for one in state.orphans.all()))):
        state.orphans.drop(aside.place)


def _follow_in_pauses(plan: Plan, state: State) -> None:
    """Also of a leg that runs just now: its next start by schedule is under the new name."""
    for leg in plan.legs:
        if leg.leg.was:
            state.pauses.rename(leg.leg.was, leg.name)
    state.pauses.keep_only({leg.name for leg in plan.legs})


def _follow_in_known_entries(plan: Plan, state: State) -> None:
    for one in plan.sources:
        if one.was:
            state.known_entries.rename(one.was, one.name)
    state.known_entries.keep_only({one.name for one in plan.sources})


def _follow_in_drills(plan: Plan, state: State, places: Places) -> Iterator[str]:
    drills = Drills(state.connection)
    for source in plan.sources:
        if source.was:
            drills.rename_source(source.was, source.name)
    for destination in plan.destinations:
        if destination.was:
            drills.rename_place(destination.was, destination.name)
    renamed = [(one.name, one.drill.was) for one in plan.drills if one.drill.was]
    busy = yield from _follow_alone("drill", renamed, drills.rename, places.drill_lock)
    drills.expect({one.name for one in plan.drills} | busy, datetime.now(UTC))


def _follow_in_checks(plan: Plan, state: State, places: Places) -> Iterator[str]:
    looks = Looks(state.connection)
    here = [one for one in plan.checks if one.here]
    renamed = [(one.name, one.check.was) for one in here if one.check.was]
    busy = yield from _follow_alone("check", renamed, looks.rename, places.check_lock)
    # Also those that run in a cluster: this host tells since when each is expected.
    names = {one.name for one in plan.checks} | {*declarations_of(plan)}
    looks.expect(names | busy, datetime.now(UTC))


def _follow_alone(
    kind: str,
    renamed: Iterable[tuple[str, str]],
    rename: Callable[[str, str], bool],
    lock: Callable[[str], Path],
) -> Generator[str, None, set[str]]:
    """Move the history of parts that own nothing; the old names of those that go on just now."""
    busy = set()
    for name, was in renamed:
        try:
            with hold(lock(was)):
                if rename(was, name):
                    yield f"{kind} {name}: the history of {was} is its own"
        except Locked:
            busy.add(was)
            yield (
                f"{kind} {name}: {was} goes on just now: apply again once it has ended, or its "
                "history stays behind"
            )
    return busy


def _rename_reader(journal: Journal, leg: LegPlan, old: str) -> None:
    """Where the leg has run under its new name already, it took changes while it owned nothing."""
    both = [
        feed.reads
        for feed in leg.feeds
        if journal.knows(old, feed.reads) and journal.knows(leg.name, feed.reads)
    ]
    journal.rename_leg(old, leg.name)
    for reads in both:
        reason = "it ran under its new name before its history had followed"
        journal.add_reader_gap(leg.name, reads, reason, datetime.now(UTC))


def _follow_in_journal(plan: Plan, places: Places, busy: set[str]) -> None:
    with open_journal(places.journal_file) as journal:
        for leg in plan.legs:
            if leg.leg.was and leg.name not in busy:
                _rename_reader(journal, leg, leg.leg.was)
        for one in (*plan.sources, *plan.destinations):
            if one.was:
                journal.rename_tree(one.was, one.name)
        readers = readers_of(plan)
        journal.keep_only(readers)
        journal.register(readers)
