"""Steps that make a generation: written aside, completed by a rename, never touched again.

`target` is the folder that holds all generations of one item. Names of the engine's own in it are
reserved, so no later hop carries what is not complete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.generations.names import name_of
from engine.plan.selection import Selection
from engine.reach.targets import Identity, Target
from engine.steps.modes import ModeChoice

if TYPE_CHECKING:
    from engine.generations.retention import Decision

STAGING = b".policyctl-staging"
"""Where the next generation is written."""
UNFINISHED = b".policyctl-unfinished"
"""What a run that was cut off had written: what is right in it need not be sent again."""
GOING = b".policyctl-going"
"""Where generations are removed: half of one must never bear a generation's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGeneration:
    """Say what this pass does, and make the empty folder that it writes into."""

    feed: str
    choice: ModeChoice
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyGeneration:
    """Copy everything; what has not changed is linked to the newest generation."""

    feed: str
    argv: tuple[bytes, ...]
    still: tuple[Identity, ...]
    """Directories that must be the ones that were looked at, before and after."""
    target: Target
    from_item: bool = False
    """Whether it reads what `OpenItem` has opened."""
    previous_entries: int | None = None
    """What the last success saw, to compare with what comes now; None: with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDatabases:
    """Copy each SQLite database whole, by its own interface; one that cannot be is told."""

    feed: str
    arguments: tuple[bytes, ...]
    """Of `python`: each copy is made and verified by a process of its own."""
    silence: float
    """Seconds without a word after which the disk that is read is taken for one that hangs."""
    still: tuple[Identity, ...]
    target: Target
    selection: Selection | None
    """What is not carried is not missed; None: all of it is."""
    from_item: bool = False
    previous_entries: int | None = None
    """Databases that the last success saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteGeneration:
    """Give what was written its name, once it is on the disk, and remember what was seen."""

    feed: str
    target: Target
    name: bytes
    kept: tuple[bytes, ...]
    """The leg's own generations that are there already."""
    file_system: str
    mounts: tuple[bytes, ...]

    @property
    def staging(self) -> Target:
        """Where it lies before."""
        return inside(self.target, STAGING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneGenerations:
    """Remove what the retention lets go."""

    feed: str
    target: Target
    decisions: tuple[Decision, ...]
    """Only those that go."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """The generations that go, the oldest first."""
        return tuple(sorted(name_of(one.generation.moment) for one in self.decisions))


def inside(target: Target, name: bytes) -> Target:
    """One entry of a folder of generations."""
    return replace(target, names=(*target.names, name))


GenerationStep = (
    StageGeneration | CopyGeneration | CopyDatabases | CompleteGeneration | PruneGenerations
)
