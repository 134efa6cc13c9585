"""Steps of a `snapshot` leg: snapshots taken and removed, where their volume lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.generations.retention import Decision
    from engine.items.items import Snapshot, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot:
    """Take a snapshot of one item."""

    feed: str
    """The item."""
    volume: Volume
    moment: datetime
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSnapshots:
    """Remove what the retention lets go, once the new one is there."""

    feed: str
    snapshots: tuple[Snapshot, ...]
    decisions: tuple[Decision, ...]
    """Why, one for each."""


SnapshotStep = TakeSnapshot | RemoveSnapshots
