"""Steps of a `snapshot` leg: snapshots taken and removed, in the pool of their volume."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.retention import Decision
from engine.thin_pool import ThinSnapshot, ThinVolume


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot:
    """Take a snapshot of one item."""

    feed: str
    """The item."""
    volume: ThinVolume
    moment: datetime
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSnapshots:
    """Remove what the retention lets go, once the new one is there."""

    feed: str
    snapshots: tuple[ThinSnapshot, ...]
    decisions: tuple[Decision, ...]
    """Why, one for each."""


SnapshotStep = TakeSnapshot | RemoveSnapshots
