"""What `gc` does: list orphans, compare them, remove those that are named or proven."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.changes.changes import ChangeSet
from engine.orphans.carriers import NotCarried, carried_now
from engine.orphans.clean_up import in_no_copy
from engine.orphans.migration import new_arrivals
from engine.orphans.noted_copies import Orphan
from engine.orphans.orphans import orphans_between, set_aside_between
from engine.plan.model import Location, Plan
from engine.plan.stored import PlanUnreadable
from engine.rsync.set_aside import SET_ASIDE
from engine.system.apply.applied import RecordUnreadable, is_applied_still, load_applied
from engine.system.host.files import Unobservable
from engine.system.host.lock import Locked
from engine.system.host.lock_probe import is_held
from engine.system.host.places import Places
from engine.system.orphans.clean_up import Cleaner, NotCleaned, cleaning
from engine.system.orphans.contents import Looked
from engine.system.state.arrivals import there_by
from engine.system.state.orphans import OrphanRecord, Tombstone
from engine.system.state.reading import read_state
from engine.system.state.state import open_state
from policyctl.boundary import Refused
from policyctl.running import Running


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Who carries the paths of an orphan now."""

    place: Location
    """Where the root of the live data lies in that copy."""
    leg: str
    success: datetime | None
    """When the last run of it that succeeded began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An orphan, and the copies of today of the same live paths."""

    looked: Looked
    carriers: tuple[Carrier, ...]
    uncarried: str = ""
    """Why nobody carries them; empty where somebody does."""

    @property
    def renewed(self) -> bool:
        """Whether each leg that carries them now has succeeded since they were left behind."""
        since = self.looked.record.since
        return bool(self.carriers) and all(
            one.success is not None and one.success >= since for one in self.carriers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What became of one orphan."""

    record: OrphanRecord
    stone: Tombstone | None = None
    """None: it stays."""
    reason: str = ""
    """Why it stays, or where equal copies were found."""
    busy: bool = False
    """Whether it stays because a run writes there now."""


def note_orphans(applied: Plan | None, plan: Plan, changes: ChangeSet, places: Places) -> None:
    """Note before the plan is replaced what it leaves behind, and what has to come.

    So an interrupted apply forgets none.
    """
    if applied is None or changes.refused or not changes.plan_changed:
        return
    found, coming = orphans_between(applied, plan), new_arrivals(applied, plan)
    found += tuple(_set_aside(applied, plan, places))
    if found or coming:
        now = datetime.now(UTC)
        with open_state(places.state_file) as state:
            state.orphans.note(found, now)
            state.forget_come(there_by(applied, places))
            state.arrivals.note(coming, now)


def _set_aside(applied: Plan, plan: Plan, places: Places) -> Iterator[Orphan]:
    """What runs had set aside and none will remove: where it can be seen only if it is there."""
    for orphan, kept in set_aside_between(applied, plan):
        seen = _sees_aside(orphan.base, plan, places)
        if kept if seen is None else seen:
            yield orphan


def _sees_aside(place: Location, plan: Plan, places: Places) -> bool | None:
    """Whether something is set aside there; None where the place itself cannot be seen."""
    destination = plan.destination(place.holder)
    if destination is None or places.reaches_over_ssh(destination):
        return None
    top = b"/".join((places.destination_root(destination).rstrip(b"/"), *place.names))
    return os.path.lexists(top + b"/" + SET_ASIDE) if os.path.lexists(top) else None


def zone_of(root: Path) -> ZoneInfo:
    """The zone of the applied plan, in which dates are told; UTC where there is none to read."""
    with suppress(PlanUnreadable, RecordUnreadable, Unobservable):
        if (applied := load_applied(root)) is not None:
            return ZoneInfo(applied[0].timezone)
    return ZoneInfo("UTC")


def history(root: Path) -> tuple[Tombstone, ...]:
    """What was removed, the newest first."""
    with read_state(Places(root=root).state_file) as state:
        return state.orphans.tombstones() if state is not None else ()


def list_orphans(root: Path, names: Sequence[str]) -> tuple[Standing, ...]:
    """Look at all orphans, or at those named. Raises `Refused` and `Locked`.

    What is certainly not there is forgotten: its directory was looked at, and holds no such name.
    """
    running = Running.of_applied(root)
    with cleaning(running.plan, running.places, datetime.now(UTC)) as cleaner:
        known = named_orphans(cleaner.state.orphans.all(), names)
        looked = [cleaner.look(one) for one in known]
        for one in looked:
            # A run that began before the apply may still write there.
            orphan = one.record.orphan
            if one.absent and not is_held(running.places.leg_lock(orphan.leg)):
                cleaner.state.orphans.drop(orphan.place)
        return tuple(_standing(cleaner, one) for one in looked if not one.absent)


def remove_named(
    root: Path, names: Sequence[str], say: Callable[[str], None]
) -> tuple[Cleaned, ...]:
    """Remove orphans by their names. Raises `Refused` and `Locked`."""
    running = Running.of_applied(root)
    with _removing(running) as cleaner:
        known = named_orphans(cleaner.state.orphans.all(), names)
        return tuple(_clean(cleaner, one, say, verified=False) for one in known)


def remove_verified(
    root: Path, names: Sequence[str], say: Callable[[str], None]
) -> tuple[Cleaned, ...]:
    """Remove all orphans, or those named, whose content the copies of today hold."""
    running = Running.of_applied(root)
    with _removing(running) as cleaner:
        known = named_orphans(cleaner.state.orphans.all(), names)
        return tuple(_clean(cleaner, one, say, verified=True) for one in known)


def _removing(running: Running) -> AbstractContextManager[Cleaner]:
    """Removes nothing once another plan is applied: its orphans are others."""
    places, applied_at = running.places, running.applied_at
    still_applied = partial(is_applied_still, places.root, applied_at)
    return cleaning(running.plan, places, datetime.now(UTC), still_applied)


def _clean(
    cleaner: Cleaner, record: OrphanRecord, say: Callable[[str], None], *, verified: bool
) -> Cleaned:
    holders = {record.orphan.place.holder}
    try:
        if verified:
            holders = cleaner.holders(record)
        with cleaner.holding(*holders):
            # Looked at again, now that no leg writes there.
            looked = cleaner.look(record)
            if verified and looked.gone and not looked.absent:
                return Cleaned(record=record, reason=nothing_of_it(record))
            proof = cleaner.verify(looked) if verified and not looked.gone else None
            stone = cleaner.remove(looked, say, proof)
    except NotCleaned as why:
        return Cleaned(record=record, reason=str(why))
    except Locked as locked:
        return Cleaned(record=record, reason=f"a run writes there now: {locked}", busy=True)
    if looked.gone:
        return Cleaned(record=record, stone=stone, reason="nothing of it was there")
    where = ", ".join(dict.fromkeys(proof.places)) if proof is not None else ""
    return Cleaned(record=record, stone=stone, reason=f"equal copies at {where}" if where else "")


def nothing_of_it(record: OrphanRecord) -> str:
    """What it means that something lies at an orphan's place, and none of it is the orphan's."""
    leg = record.orphan.leg
    return f"what lies there is not known as written by {leg}, or carried today, or no file at all"


def named_orphans(
    known: Sequence[OrphanRecord], names: Sequence[str], done: str = "removed"
) -> tuple[OrphanRecord, ...]:
    """The orphans of those names, each once; all where none is named. Raises `Refused`.

    `done` is what the caller does with them, for the message.
    """
    if not names:
        return tuple(known)
    return tuple(dict.fromkeys(_one(known, name, done) for name in names))


def _one(known: Sequence[OrphanRecord], name: str, done: str) -> OrphanRecord:
    bare = name if name.endswith(":/") else name.rstrip("/")  # `plan` writes directories so
    exact = [one for one in known if one.orphan.place.name == os.fsencode(bare)]
    found = exact or [one for one in known if str(one.orphan.place) == bare]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(f"{name} is the name of several orphans: give it as raw bytes")
    there = ", ".join(str(one.orphan.place) for one in known) or "none"
    raise Refused(f"there is no orphan {name!r}; there are: {there}; nothing was {done}")


def _standing(cleaner: Cleaner, looked: Looked) -> Standing:
    """Who carries the paths now; nothing is compared."""
    carriers: dict[Location, Carrier] = {}
    live = looked.record.orphan.live
    why = in_no_copy(looked.record.orphan)
    if why:
        return Standing(looked=looked, carriers=(), uncarried=why)
    paths = looked.scope.paths or ((live.pattern.literal,) if live.pattern.literal else ())
    for names in paths:
        try:
            hops = carried_now(cleaner.plan, live.holder, names)
        except NotCarried as why:
            return Standing(looked=looked, carriers=(), uncarried=str(why))
        for hop in hops:
            success = cleaner.state.last_success(hop.leg)
            carriers[hop.root] = Carrier(
                place=hop.root, leg=hop.leg, success=success.started if success else None
            )
    return Standing(looked=looked, carriers=tuple(carriers.values()))
