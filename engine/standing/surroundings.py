"""What legs depend on beside themselves, judged: room at destinations, and the tracker. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.standing.facts import RoomFacts, TrackerFacts
from engine.standing.forecast import full_on
from policy.destinations import Destination

OLD = timedelta(days=2)
"""A figure of the room that is older is said to be."""


class RoomHealth(enum.Enum):
    """What a person needs to know of the room at a destination."""

    ENOUGH = "enough"
    OVER = "above its limit"
    OLD = "not measured lately"
    """Nobody has to act: a leg that cannot reach it says so itself."""
    UNKNOWN = "does not say how much it has"
    NEVER = "not measured yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStatus:
    """One destination."""

    destination: str
    health: RoomHealth
    free: int | None
    total: int | None
    used: float | None
    """A share, 0 to 1."""
    max_used: float
    measured: datetime | None
    age: timedelta | None
    staged: bool
    """Whether the room is that of a trial's disk, below a root."""
    full_on: date | None = None
    """When it is above its limit at the rate of the last weeks; None: not foreseen."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act."""
        return self.health is not RoomHealth.OVER or self.staged


def destination_status(
    destination: Destination, room: RoomFacts | None, *, now: datetime, staged: bool
) -> DestinationStatus:
    """Judge the room at one destination, by the last look at it."""
    free, total = (room.free, room.total) if room is not None else (None, None)
    used = 1 - free / total if free is not None and total else None
    age = now - room.measured if room is not None else None
    return DestinationStatus(
        destination=destination.name,
        health=_room_health(used, destination.max_used.fraction, age),
        free=free,
        total=total,
        used=used,
        max_used=destination.max_used.fraction,
        measured=room.measured if room is not None else None,
        age=age,
        staged=staged,
        full_on=full_on(room.days, destination.max_used.fraction, today=now.date())
        if room is not None
        else None,
    )


def _room_health(used: float | None, most: float, age: timedelta | None) -> RoomHealth:
    if age is None:
        return RoomHealth.NEVER
    if used is None:
        return RoomHealth.UNKNOWN
    if used > most:
        return RoomHealth.OVER
    return RoomHealth.OLD if age > OLD else RoomHealth.ENOUGH


class TrackerHealth(enum.Enum):
    """How the tracker stands."""

    FOLLOWING = "running"
    STARTING = "setting its watches"
    NOT_STARTED = "not running"
    """It never ran: each pass is a full one."""
    DEAD = "DEAD"
    """It ran, and does no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerStatus:
    """The tracker of live data."""

    health: TrackerHealth
    since: datetime | None
    """Since when all its watches stand, where they do; of a dead one: its last sign of life."""
    watches: int
    in_full: tuple[str, ...]
    """Sources that it does not follow now, so that they are read in full."""
    details: tuple[str, ...]
    """Why, where there is more to say."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to act: without it copies are made all the same, more slowly."""
        return self.health is not TrackerHealth.DEAD


def tracker_status(facts: TrackerFacts) -> TrackerStatus:
    """Judge the tracker by its lock and by what it last told."""
    told = {one.source: one for one in facts.trees}
    standing = {name for name, one in told.items() if one.standing and facts.running}
    in_full = tuple(name for name in facts.sources if name not in standing)
    return TrackerStatus(
        health=_tracker_health(facts, in_full),
        since=max(
            (one.since if facts.running else one.heartbeat for one in facts.trees), default=None
        ),
        watches=sum(one.watches for one in told.values()) if facts.running else 0,
        in_full=in_full,
        details=tuple(f"{one.source}: {one.detail}" for one in facts.trees if one.detail),
    )


def _tracker_health(facts: TrackerFacts, in_full: tuple[str, ...]) -> TrackerHealth:
    if not facts.running:
        return TrackerHealth.DEAD if facts.trees else TrackerHealth.NOT_STARTED
    return TrackerHealth.STARTING if in_full else TrackerHealth.FOLLOWING
