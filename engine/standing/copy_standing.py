"""How one copy stands now: how old, whether it is there, what is kept of it, how to get it back."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from engine.checks.outcome import Checked
from engine.generations.reasons import keep_text
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.plan.spots import spot_below
from engine.promises.allowed_age import SLACK, data_allowed_age
from engine.promises.chains import Copy
from engine.records.measurement import length_words
from engine.rsync.set_aside import SET_ASIDE
from engine.standing.facts import Ran
from policy.destinations import Destination
from policy.legs import MirrorLeg
from policy.parts import Attribute
from policy.patterns import PathPattern


class There(enum.Enum):
    """What a look at a copy has shown."""

    YES = "there"
    NO = "not there"
    AWAY = "its destination is not there"
    NOT_LOOKED = "not looked at"
    UNKNOWN = "could not be looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLook:
    """What was seen where a copy should lie."""

    there: There
    why: str = ""
    """Why it could not be looked at."""
    generations: tuple[bytes, ...] = ()
    """The generations that hold it, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStanding:
    """One copy of one path, now."""

    copy: Copy
    data_as_of: datetime | None
    """The live data as they were then are in it; None: not known, and `why_no_age` says why."""
    age: timedelta | None
    allowed: timedelta | None
    """How old it may get by the schedules; None where a leg on the way has none."""
    why_no_age: str
    look: CopyLook
    kept: str
    """What stays there beside the newest state, and how long; empty: nothing."""
    kept_at: Location | None
    """Where that lies of a mirror, with `*` for the names of runs; None: nothing is set aside."""
    lost: tuple[Attribute, ...]
    """What it cannot have kept of the file."""
    restore: tuple[bytes, ...]
    """The command that brings it back into a new folder; empty where none does it alone."""
    own: str = ""
    """What the place is declared to keep by its own snapshots, and what the last look at these has
    shown; empty: it takes none."""

    @property
    def stale(self) -> bool:
        """Whether it is older than it may be."""
        return self.age is not None and self.allowed is not None and self.age > self.allowed + SLACK


def own_words(destination: Destination | None, last: Checked | None, now: datetime) -> str:
    """What a place is declared to keep by its own snapshots, and what the last look has shown."""
    declared = destination.snapshots if destination is not None else None
    if declared is None:
        return ""
    said = f"{keep_text(declared.keep)}, one every {declared.every}"
    if declared.read is None:
        return f"{said}; nobody looks: {declared.unread}"
    if last is None or last.verdict is None or last.ended is None:
        return f"{said}; not looked at yet"
    seen = f"{last.verdict.status.value}: {last.verdict.reason}"
    return f"{said}; looked {length_words((now - last.ended).total_seconds())} ago: {seen}"


def feeds_along(plan: Plan, copy: Copy, source: str) -> tuple[Feed | None, ...]:
    """The feed of each hop from the live data of a source to a copy, in order."""
    found: list[Feed | None] = []
    reads = {source}
    for name in copy.via:
        leg = plan.leg(name)
        feeds = leg.feeds if leg is not None else ()
        feed = next((one for one in feeds if one.reads in reads), None)
        found.append(feed)
        reads = {name} | ({feed.writes.holder} if feed is not None and feed.writes else set())
    return tuple(found)


def of_products(
    plan: Plan, feeds: Sequence[Feed | None], ran: Iterable[Sequence[Ran]]
) -> list[tuple[Ran, ...]]:
    """The same successes of each hop on a way, each as far as it tells of what the hop before made.

    A leg that reads a tree notes how live that was; how old a product is that another leg has put
    there says only that other one.
    """
    found = [tuple(successes) for successes in ran]
    for at, feed in enumerate(feeds):
        if at and feed is not None and plan.source(feed.reads) is not None:
            found[at] = tuple(replace(one, data_as_of=None) for one in found[at])
    return found


def parts_along(feeds: Sequence[Feed | None], part: PathPattern) -> tuple[PathPattern, ...]:
    """What a part of live data is called where each hop reads it, in order.

    A hop that reads a whole destination finds it below the directory of the leg before.
    """
    found = [part]
    for before, feed in pairwise(feeds):
        place = before.writes if before is not None else None
        if place is not None and feed is not None and feed.reads == place.holder:
            part = spot_below(place, part).pattern
        found.append(part)
    return tuple(found)


def as_of_along(hops: Sequence[Sequence[Ran]]) -> datetime | None:
    """How the live data were that a copy holds, by the successes of each hop, the newest first.

    The last hop has carried on what the hop before it on this way had put there: its newest
    success that was through by then; what a hop notes itself is the oldest of all legs that it
    reads of, and is the answer where no such success is known any more. None: not known, or there
    is no copy.
    """
    if not all(hops):
        return None
    seen = hops[-1][0]
    for successes in reversed(hops[:-1]):
        through = (one for one in successes if one.ended and one.ended <= seen.started)
        before = next(through, None)
        if before is None:
            return seen.data_as_of
        seen = before
    return seen.data_as_of or seen.started


def is_applied(
    applied: Plan, plan: Plan, copy: Copy, source: str, names: tuple[bytes, ...]
) -> bool:
    """Whether what runs makes this copy of a path: an edit that waits has made none yet."""
    table, was = plan.table(source), applied.table(source)
    if (table is None) != (was is None):
        return False
    if table is not None and was is not None:
        line, before = table.line_for(names), was.line_for(names)
        if (line.leg if line else None) != (before.leg if before else None):
            return False
    return all(_ways(plan, name) == _ways(applied, name) for name in copy.via)


def _ways(plan: Plan, name: str) -> frozenset[tuple[str, object]]:
    leg = plan.leg(name)
    return frozenset((feed.reads, feed.writes) for feed in leg.feeds) if leg else frozenset()


def allowed_of(applied: Plan, copy: Copy) -> timedelta | None:
    """How old a copy may get by the schedules that run."""
    leg = applied.leg(copy.leg)
    seconds = data_allowed_age(applied, leg) if leg is not None else None
    return timedelta(seconds=seconds) if seconds is not None else None


def kept_by(leg: LegPlan | None) -> str:
    """What a leg keeps beside the newest state, in words."""
    if leg is None:
        return ""
    if isinstance(leg.leg, MirrorLeg):
        kept = leg.leg.deleted_keep
        return f"what a run deletes or overwrites stays {kept}" if kept is not None else ""
    return f"generations: {keep_text(leg.leg.keep)}"


def set_aside_at(leg: LegPlan | None, copy: Copy) -> Location | None:
    """Where a mirror sets aside what it deletes or overwrites of a copy; None: nowhere.

    That is below its own directory, in a folder for each run, under the path that it had.
    """
    if leg is None or not isinstance(leg.leg, MirrorLeg) or leg.leg.deleted_keep is None:
        return None
    places = (feed.writes for feed in leg.feeds if feed.writes is not None)
    own = next((one for one in places if one.contains(copy.location)), None)
    if own is None or copy.dated is not None:
        return None
    inner = copy.location.names[len(own.names) :]
    return Location(holder=own.holder, names=(*own.names, SET_ASIDE, b"*", *inner))
