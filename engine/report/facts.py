"""Everything that the report shows, gathered at one moment. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.moves.acceptances import Acceptance
from engine.overview.overview import Overview
from engine.plan.model import Plan
from engine.records.measurement import GenerationRoom
from engine.standing.checks import CheckStatus
from engine.standing.drills import DrillStatus
from engine.standing.facts import Ran
from engine.standing.forecast import RoomDay
from engine.standing.keeping import Keeping
from engine.standing.safety import SourceSafety
from engine.standing.status import LegStatus
from engine.standing.surroundings import DestinationStatus, TrackerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRun:
    """One run of one leg."""

    leg: str
    ran: Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomHistory:
    """Room at one destination, day by day, the oldest first."""

    destination: str
    days: tuple[RoomDay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The applied plan, and how everything stands."""

    plan: Plan
    overview: Overview
    now: datetime
    applied_at: datetime
    healthy: bool
    """Whether nobody has to act."""
    sources: tuple[SourceSafety, ...] = ()
    """What is at risk first, then what will be soonest."""
    legs: tuple[LegStatus, ...] = ()
    destinations: tuple[DestinationStatus, ...] = ()
    rooms: tuple[RoomHistory, ...] = ()
    tracker: TrackerStatus | None = None
    faults: tuple[str, ...] = ()
    """What needs somebody beside legs, destinations and tracker: whole sentences."""
    notes: tuple[str, ...] = ()
    """What is worth knowing: whole sentences."""
    acceptances: tuple[Acceptance, ...] = ()
    generations: tuple[GenerationRoom, ...] = ()
    """The room that they take, as last counted."""
    keepings: tuple[Keeping, ...] = ()
    drills: tuple[DrillStatus, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    runs: tuple[LegRun, ...] = ()
    """The newest of each leg, in the order in which they began, the newest first."""
