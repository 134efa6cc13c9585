"""Which generations there are, why each stays, and when it will go, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.generations.retention import Decision
from engine.items.thin_pool import SetAside
from engine.plan.model import Location
from policy.parts import Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One generation."""

    decision: Decision
    goes: datetime | None
    """The run that will prune it, if all runs succeed; None: none of the next three years."""
    waits: bool = False
    """It is to go, and the next run removes as many others as may go in one."""
    differed: datetime | None = None
    """When it was compared, and was not as it should be; None: that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The generations of one folder, the newest first."""

    leg: str
    item: str
    place: Location
    keep: Keep
    kept: tuple[Kept, ...]
    set_aside: tuple[SetAside, ...] = ()
    """What rollbacks of the item have set aside, the oldest first."""
    why_not: str = ""
    """Why nobody could look."""
