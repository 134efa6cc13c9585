"""Items: what a source has several of, found anew at each run: volumes of a pool, subvolumes.

An item has an address below its source (`pvcs:media/films`), by which routes choose it, a status of
its own in each run, and a folder of generations of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.items.subvolumes import FileSystem, Subvolume, SubvolumeSnapshot
from engine.items.thin_pool import Pool, SetAside, ThinSnapshot, ThinVolume
from engine.plan.model import LegPlan
from engine.plan.selection import Selection, Verdict
from policy.values import display

Names = tuple[bytes, ...]
Volume = ThinVolume | Subvolume
Snapshot = ThinSnapshot | SubvolumeSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A volume, or a subvolume, that a leg carries."""

    names: Names
    """Its address below the source."""
    volume: Volume
    snapshots: tuple[Snapshot, ...] = ()
    """Those of the leg that takes them, the oldest first."""
    key_file: bytes | None = None
    """What unlocks it, where it is encrypted."""
    notes: tuple[str, ...] = ()
    """What somebody should know of it, such as what no snapshot of it holds."""
    set_aside: tuple[SetAside, ...] = ()
    """What rollbacks of it have set aside, the oldest first."""

    @property
    def name(self) -> str:
        """The address as people write it, which is the item's name in reports and series."""
        return display(b"/".join(self.names))

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot of the volume as it is now.

        Where a rollback has set the one aside that all of them are of, it is the snapshot that was
        brought back: the volume holds what that does, and what came after since.
        """
        own = [one for one in self.snapshots if one.current]
        if own:
            return own[-1]
        return next((one for one in self.snapshots if self._came_from(one)), None)

    def _came_from(self, snapshot: Snapshot) -> bool:
        """Whether a rollback has made the volume of that snapshot."""
        return (
            isinstance(self.volume, ThinVolume)
            and isinstance(snapshot, ThinSnapshot)
            and snapshot.volume.name.volume == self.volume.origin
        )

    @property
    def held(self) -> frozenset[datetime]:
        """Moments of snapshots that stay whatever `keep` says.

        A rollback has set aside what they are of: until that is removed, somebody may want to go
        back to one of them.
        """
        return frozenset(one.moment for one in self.snapshots if one.aside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a source holds now, as far as a leg carries it."""

    source: str
    pool: Pool | FileSystem | None
    """What holds them; None: it could not be looked at, and `refused` says why."""
    items: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()
    """What somebody should know: names from an old answer, snapshots that are nobody's."""
    refused: str = ""
    """Why nothing can be said of its items; empty where all is well."""
    previous: int | None = None
    """How many items the last success had."""
    allowed: int | None = None
    """Seconds that the newest snapshot of each may be old, where they are only read."""
    moment: datetime | None = None
    """When it was looked at."""


def names_of(taker: LegPlan) -> tuple[str | None, ...]:
    """What a leg that takes snapshots is called, and what it was when older ones were taken."""
    return (taker.name, taker.leg.was)


def carries(selection: Selection | None, names: Names) -> bool:
    """Whether a leg takes an item of that address."""
    return selection is None or selection.decide(names, directory=True) is Verdict.TAKEN


def names_it(selection: Selection | None, names: Names) -> bool:
    """Whether a line of the leg names an item in full, and takes it."""
    lines = selection.lines if selection is not None else ()
    return any(
        one.taken and tuple(part.literal for part in one.pattern.components) == names
        for one in lines
    ) and carries(selection, names)
