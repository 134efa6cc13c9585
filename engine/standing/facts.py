"""What the records hold: the facts from which both `status` and the series are derived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.plan.selection import Selection
from engine.records.reports import RunStatus
from engine.schedule.pauses import Pause
from engine.standing.forecast import RoomDay
from engine.verify.verdict import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run, of a leg or of one of its items."""

    started: datetime
    ended: datetime | None
    status: RunStatus | None
    """None: it has not told yet."""
    reason: str = ""
    mode: str = "full"
    bytes: int = 0
    files: int = 0
    deletions: int = 0
    data_as_of: datetime | None = None
    """The live data as they were then are in the copies; None: not known."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it lasts."""
        return (self.ended - self.started).total_seconds() if self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """One item of a leg: what one of its feeds reads."""

    name: str
    last: Ran | None = None
    """The newest run that came as far as this item."""
    success: Ran | None = None
    earlier: tuple[Ran, ...] = ()
    """Its successes before that one, the newest first, as far back as was looked."""
    pending: int | None = None
    """Changes in the journal that wait for it; None where no journal serves it."""
    full_began: datetime | None = None
    """When its last successful full pass began."""
    in_step: bool = True
    """Whether its last pass took what the applied plan says, and to there."""
    took: Selection | None = None
    """What its last pass took to there by the plan before; None: not known, or of no account."""
    verified: Verified | None = None
    """The last time that its copies were compared by content; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFacts:
    """One leg."""

    last: Ran | None = None
    """The newest run, also one that goes on; refusals because of its own lock aside."""
    ended: Ran | None = None
    """The newest run that has told its end."""
    success: Ran | None = None
    locked_out: Ran | None = None
    """The newest run that was refused since another one of the leg went on."""
    seeding_since: datetime | None = None
    """When the first of the seed runs began that nothing has followed; None: no seed."""
    not_told: str = ""
    """Why the newest run that ended could not tell its figures."""
    items: tuple[ItemFacts, ...] = ()
    pause: Pause | None = None
    """Its pause, where that still lasts."""
    fed: bool = True
    """Whether any leg that writes what it reads had succeeded when its own last success began; also
    where no other leg does."""

    @property
    def pending(self) -> int | None:
        """Changes that wait for any of its items."""
        known = [one.pending for one in self.items if one.pending is not None]
        return sum(known) if known else None

    @property
    def full_began(self) -> datetime | None:
        """The oldest of its items' full passes; None where one never had any."""
        known = [one.full_began for one in self.items]
        return min(filter(None, known)) if known and all(known) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFacts:
    """Room at a destination when it was last looked at."""

    destination: str
    free: int | None
    total: int | None
    """None where it does not say."""
    measured: datetime
    days: tuple[RoomDay, ...] = ()
    """How it was, day by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFacts:
    """What the tracker last told of the tree of one source."""

    source: str
    standing: bool
    """Whether all its watches stand."""
    detail: str
    since: datetime
    """When that last changed."""
    heartbeat: datetime
    watches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerFacts:
    """The tracker of live data."""

    running: bool
    sources: tuple[str, ...]
    """Those that it is to follow."""
    trees: tuple[TreeFacts, ...] = ()
    """Those of which it has told something."""
