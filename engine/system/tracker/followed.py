"""One tracked source as the tracker follows it: its watches, its readers, and why they may fail."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.runs.tracking import Judge, Tracked
from engine.system.host.file_systems import Mount, mounts_below, read_mounts
from engine.system.tracker.watched_tree import WatchedTree


@dataclass(slots=True)
class Followed:
    """One tracked source as it stands."""

    tracked: Tracked
    path: bytes
    judge: Judge
    tree: WatchedTree
    readers: dict[int, int] = field(default_factory=dict)
    """The journal's number of each reader."""
    standing: bool = False
    reason: str = "its root was away"
    """Why its watches have to be set anew, while they do not stand."""
    retry_at: float = 0.0
    needed: int = 0
    """Watches that it would take, where they could not all be set."""
    mounts: tuple[Mount, ...] = ()
    events: int = 0

    def mounts_now(self) -> tuple[Mount, ...]:
        """What is mounted below its root."""
        mounts = read_mounts()
        below = frozenset(mounts_below(self.path, mounts))
        return tuple(one for one in mounts if one.point in below)
