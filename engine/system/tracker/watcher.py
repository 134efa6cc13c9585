"""What the tracker needs of whoever tells it of changes: a small protocol.

inotify stands behind it today; fanotify could stand beside it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class Kind(enum.Enum):
    """What was seen."""

    CAME = "came"
    """A name appeared: made here, or moved in."""
    WENT = "went"
    """A name left: deleted, or moved out."""
    CHANGED = "changed"
    """Content or attributes."""
    DROPPED = "dropped"
    """The watch is no more: its directory was deleted, or it was given up."""
    UNMOUNTED = "unmounted"
    """The watch is no more: the directory's file system was taken away."""
    OVERFLOW = "overflow"
    """Some events were lost, of any directory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of one watched directory."""

    watch: int
    kind: Kind
    name: bytes = b""
    directory: bool = False


class NoMoreWatches(Exception):
    """The kernel grants no further watch."""


class Watcher(Protocol):
    """Watches directories, one by one."""

    def add(self, descriptor: int) -> int:
        """Watch the directory that is open there; the watch's number.

        A directory that is watched already keeps its number. Raises `NoMoreWatches` and `OSError`.
        """

    def remove(self, watch: int) -> None:
        """Give a watch up; one that is gone already is no error."""

    def read(self) -> list[Seen]:
        """What has happened up to now, in order; empty where nothing has."""

    def fileno(self) -> int:
        """A descriptor that is readable once something has happened."""

    def close(self) -> None:
        """Give up all watches."""
