"""Versions: each state of a path that something holds, as data."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.exit_codes import VANISHED, meaning_of
from engine.plan.model import Location
from engine.promises.chains import Copy
from engine.standing.copy_standing import There
from engine.standing.facts import Ran
from policy.parts import Attribute
from policy.values import AbsolutePath


class Kind(enum.Enum):
    """What sort of state it is."""

    NEWEST = "newest"
    """What the last run of a mirror left."""
    GENERATION = "generation"
    SET_ASIDE = "set-aside"
    """What a run deleted or overwrote: what was there before that run."""
    SNAPSHOT = "snapshot"
    """What the place's own snapshot shows."""


class Whole(enum.Enum):
    """What is known of whether all of it is there."""

    VERIFIED = "verified"
    COMPLETE = "complete"
    UNKNOWN = "not known to be complete"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"


NEVER = frozenset({Whole.INCOMPLETE, Whole.DAMAGED})
"""What is never restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What speaks against a state: the last comparison of it with what it was made of."""

    path: bytes
    """The first file whose content differed, below the root of the copy."""
    at: datetime
    """When it was compared."""
    proven: bool = False
    """Whether that was the copy's own record: then it is the copy that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """That no leg carries a copy any more: it is an orphan, or lies in one."""

    name: str
    """The orphan's name, as `gc` tells it."""
    leg: str
    """Which leg wrote it."""
    since: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a path at one place."""

    copy: Copy
    location: Location
    """Exactly where it lies."""
    shadow: AbsolutePath | None = None
    """The directory of the place's own snapshots that the location counts from; None: it counts
    from the place's root."""
    kind: Kind
    name: bytes = b""
    """Of the generation, of the snapshot, or of the run that set it aside."""
    moment: datetime | None
    """The live data as they were then; None: not known, and `why` says why."""
    since: datetime | None = None
    """No run between then and `moment` has replaced it; None: nothing is known before `moment`."""
    whole: Whole
    why: str = ""
    far: bool = False
    """Whether a connection is needed to reach it."""
    directory: bool = False
    size: int | None = None
    """Bytes of a file; None: not known, or no file."""
    modified: datetime | None = None
    """The file's own time: it can rule a state out, and never dates one (law 17)."""
    part: bool = False
    """Of a directory it holds only what one run took away."""
    database: bool = False
    """A copy that SQLite itself has made and checked."""
    lost: tuple[Attribute, ...] = ()
    """What the copy cannot have kept."""
    doubt: Doubt | None = None
    """What `verify` has found against it; None: nothing."""
    told: str = ""
    """What the run that made it has said against it; empty: nothing."""
    left: Left | None = None
    """None: a leg carries it."""

    @property
    def place(self) -> str:
        """The destination or source that holds it."""
        return self.location.holder

    @property
    def base(self) -> Location:
        """Where it would lie at its place itself."""
        return self.copy.location if self.shadow is not None else self.location

    @property
    def lead(self) -> tuple[bytes, ...]:
        """The names before that, below the root that its location counts from."""
        if self.shadow is None:
            return ()
        return self.location.names[: len(self.location.names) - len(self.base.names)]

    @property
    def label(self) -> str:
        """What `--from` takes for exactly this one."""
        if self.left is not None:
            name = self.left.name
            return f"{name.rstrip('/')}/{self.name.decode()}" if self.name else name
        return f"{self.place}:{self.name.decode()}" if self.name else self.place

    def at(self, as_of: datetime | None) -> datetime | None:
        """The moment that it shows, where the state of a certain one is asked for; None: unknown.

        What stood there unchanged until later shows that moment itself.
        """
        if as_of is None or self.moment is None or self.moment <= as_of:
            return self.moment
        unchanged = self.since is not None and self.since <= as_of
        return as_of if unchanged else self.moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A place that holds nothing of the path, or that nobody could look at."""

    copy: Copy
    there: There
    why: str = ""


def told_once(versions: Sequence[Version], unseen: Sequence[Unseen]) -> tuple[Unseen, ...]:
    """Each leg's place once, where files of several names were looked for.

    One that holds a file by one of the names has not got it by the others.
    """
    held = {(one.copy.via, one.place) for one in versions}
    told = {(one.copy.via, one.copy.place, one.there): one for one in reversed(unseen)}
    return tuple(
        one
        for one in unseen
        if told[one.copy.via, one.copy.place, one.there] is one
        and not (one.there is There.NO and (one.copy.via, one.copy.place) in held)
    )


def carried_until(hops: Sequence[Sequence[Ran]]) -> datetime | None:
    """When the run began whose generations a later hop has carried on whole.

    `hops`: the successes of the leg that makes them, and of each leg after it, the newest first.
    None: no run after one of them has succeeded, or nothing is known.
    """
    if not all(hops):
        return None
    made, *carried = hops
    ways = [made, *([one for one in hop if not _lost_some(one)] for hop in carried)]
    seen = next(iter(ways[-1]), None)
    for successes in reversed(ways[:-1]):
        if seen is None:
            return None
        began = seen.started
        seen = next((one for one in successes if one.ended and one.ended <= began), None)
    return seen.started if seen is not None else None


def _lost_some(ran: Ran) -> bool:
    """Whether files vanished under a run: a generation may have gone while it was being carried."""
    return meaning_of(VANISHED) in ran.reason


def state_before(successes: Sequence[Ran], start: datetime) -> Ran | None:
    """The newest success before the run that began then; `successes` have the newest first."""
    earlier = (one for one in successes if one.started.replace(microsecond=0) < start)
    return next((one for one in earlier if one.ended and one.ended <= start), None)


def unchanged_between(
    versions: Sequence[Version],
    came: Mapping[bytes, datetime],
    horizon: datetime | None,
) -> tuple[Version, ...]:
    """States of one file in one mirror, the newest first, each with since when it stood there.

    A run that took a state away brought the next one: `came` has when the live data were so, by
    the names of runs. Before the oldest of them nothing was taken away since the horizon, as far
    back as the runs that are known and what they have set aside reach. No record says when a file
    came under a name that was free, but it cannot have been there before it was written.
    """
    found = []
    for index, one in enumerate(versions):
        older = versions[index + 1] if index + 1 < len(versions) else None
        since = came.get(older.name) if older is not None else horizon
        if since is not None and one.modified is not None:
            since = max(since, one.modified)
        late = since is None or one.moment is None or since >= one.moment
        found.append(replace(one, since=None if late or one.directory else since))
    return tuple(found)
