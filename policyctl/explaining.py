"""What `explain` says of copies beside the manifest: the records, and a look at each place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.explain import Explanation, find_subject
from engine.plan.model import Plan
from engine.plan.spots import covers
from engine.promises.chains import Copy
from engine.standing.bring_back import bring_back, in_generation, is_plain, lost_on_the_way
from engine.standing.copy_standing import (
    CopyLook,
    CopyStanding,
    There,
    allowed_of,
    is_applied,
    kept_by,
    own_words,
    set_aside_at,
)
from engine.system.host.places import Places
from engine.system.measure.copy_look import Made, look_for, made_as_of
from engine.system.state.arrivals import there_by
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.looks import Looks
from engine.system.state.reading import read_state
from engine.system.state.state import State, StateUnusable
from policy.checks import snapshots_name
from policy.destinations import Destination
from policy.model import Policy
from policy.patterns import PathPattern, literal_component


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is applied, and the state beside it; neither has to be there to explain a path."""

    applied: Plan | None
    state: State | None
    why_not: str
    """Why the ages are not known."""
    places: Places
    now: datetime
    far: bool
    """Whether other machines are asked."""


@contextmanager
def reading_records(applied: Plan | None, root: Path, *, far: bool) -> Iterator[Records]:
    """Open what is known; that it cannot be read is said of each copy, and is no failure."""
    places, state, why = Places(root=root), None, ""
    with ExitStack() as open_until:
        try:
            state = open_until.enter_context(read_state(places.state_file))
        except (OSError, sqlite3.Error, StateUnusable) as error:
            why = f"the records cannot be read: {error}"
        if applied is None and not why:
            why = "nothing is applied yet"
        yield Records(
            applied=applied,
            state=state,
            why_not=why,
            places=places,
            now=datetime.now(UTC),
            far=far,
        )


def stand(
    policy: Policy, plan: Plan, one: Explanation, records: Records
) -> tuple[CopyStanding, ...]:
    """How each copy of a path stands now."""
    subject = find_subject(policy, one.path)
    names = subject.names if subject is not None else ()
    coming = {copy: _coming(copy, records) for copy in one.copies}
    return tuple(
        _standing(plan, copy, one.source or "", names, records, _first_coming(copy, coming))
        for copy in one.copies
    )


def _coming(copy: Copy, records: Records) -> bool:
    """Whether what the plan puts there has yet to come, as far as is known."""
    if records.state is None or records.applied is None:
        return False
    there = there_by(records.applied, records.places)
    here = PathPattern(tuple(map(literal_component, copy.location.names)))
    with suppress(sqlite3.Error):
        return any(
            one.place.holder == copy.place and covers(one.place.pattern, here)
            for one in records.state.awaited(there)
        )
    return False


def _first_coming(copy: Copy, coming: Mapping[Copy, bool]) -> str:
    """The leg on the way to a copy that has not run since an apply; empty where all have."""
    for one, waits in coming.items():
        if waits and copy.via[: len(one.via)] == one.via:
            return one.leg
    return ""


def _standing(
    plan: Plan,
    copy: Copy,
    source: str,
    names: tuple[bytes, ...],
    records: Records,
    coming: str,
) -> CopyStanding:
    made, look = _made(plan, copy, source, names, records), _look(plan, copy, records)
    if coming and made.as_of is not None:
        made = Made(as_of=None, why_not=f"{coming} has not succeeded since the path came to it")
    destination = plan.destination(copy.place)
    staged = records.places.staged
    restore: tuple[bytes, ...] = ()
    if destination is not None:
        root = records.places.destination_root(destination)
        newest = in_generation(copy, look.generations)
        restore = bring_back(plan, newest, root, None if staged else destination.ssh)
    applied = records.applied
    return CopyStanding(
        copy=copy,
        data_as_of=made.as_of,
        age=records.now - made.as_of if made.as_of is not None else None,
        allowed=allowed_of(applied, copy) if applied is not None else None,
        why_no_age=made.why_not,
        look=look,
        kept=kept_by(plan.leg(copy.leg)),
        kept_at=set_aside_at(plan.leg(copy.leg), copy),
        lost=lost_on_the_way(plan, copy),
        restore=restore,
        own=_own(destination, records),
    )


def _own(destination: Destination | None, records: Records) -> str:
    last = None
    if destination is not None and records.state is not None:
        with suppress(sqlite3.Error):  # then the ages say that the records cannot be read
            last = Looks(records.state.connection).facts(snapshots_name(destination.name)).last
    return own_words(destination, last, records.now)


def _made(plan: Plan, copy: Copy, source: str, names: tuple[bytes, ...], records: Records) -> Made:
    if records.applied is None or records.why_not:
        return Made(as_of=None, why_not=records.why_not)
    if not is_applied(records.applied, plan, copy, source, names):
        return Made(as_of=None, why_not="not applied yet: `policyctl apply`")
    try:
        return made_as_of(records.applied, copy, source, records.state, records.places)
    except sqlite3.Error as error:
        return Made(as_of=None, why_not=f"the records cannot be read: {error}")


def _look(plan: Plan, copy: Copy, records: Records) -> CopyLook:
    destination = plan.destination(copy.place)
    if destination is None or not is_plain(plan, copy):
        return CopyLook(there=There.NOT_LOOKED)
    with suppress(sqlite3.Error):  # then the ages say that the records cannot be read
        if is_another_disk(destination, records.places, records.state):
            return CopyLook(there=There.AWAY)
    return look_for(destination, copy, records.places, far=records.far)
