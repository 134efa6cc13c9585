"""The change journal as the rest of the engine sees it: what changed in a tree since a leg took it.

A *tree* is the root of a source or of a destination, by its name. Producers write a row for each
consumer of a tree: the tracker for sources, each leg for what it wrote. A *consumer* is one feed of
one leg. What could not be noted is a gap, and a gap is closed by a full pass alone (law 37).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One feed of one leg as a reader of a tree."""

    leg: str
    reads: str
    """What the feed reads, as the plan names it."""
    tree: str
    """Name of the source or destination whose tree that is."""
    names: tuple[bytes, ...] = ()
    """Where the feed's root lies below the tree's: its rows count from there."""


class UnknownReader(Exception):
    """The journal has no such reader: an apply has renamed it or taken it away."""


class Change(NamedTuple):
    """One path that changed, relative to the consumer's (or, where told, the tree's) root."""

    path: bytes
    """Names joined by `/`, never empty, never with a slash at either end; or a file by its
    inode or its time (`linked_file`, `unknown_file`)."""
    deep: bool = False
    """A directory came, went or was replaced here: everything below it may have changed."""


def linked_file(inode: int) -> bytes:
    """Stands for a file with several names that was written by one of them.

    The kernel tells of that name alone. Whoever carries another one has to look for it, also where
    the first has gone since. No path begins with a NUL.
    """
    return b"\0%d" % inode


def unknown_file(since: float) -> bytes:
    """Stands for a file that was written by a name which had gone before it was looked at.

    Losing a name changes the file's ctime: whatever it is, that is not older than `since` (seconds
    since 1970). It is told by the minute, so that a day has at most 1,440 of them.
    """
    return b"\0?%d" % (int(since) // 60 * 60)


class Written(NamedTuple):
    """What is known of a file that was written by one of its names."""

    inode: int | None
    since: int | None
    """Where even the inode is not known: its ctime is at least this."""


def written_file(path: bytes) -> Written | None:
    """What a `linked_file` or an `unknown_file` stands for; None for every other path."""
    if not path.startswith(b"\0"):
        return None
    if path.startswith(b"\0?"):
        return Written(inode=None, since=int(path[2:]))
    return Written(inode=int(path[1:]), since=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time for which the journal cannot say what changed."""

    reason: str
    since: datetime


class Coverage(enum.Enum):
    """Whether somebody notes all that changes in a tree now."""

    FOLLOWED = "followed"
    """The tracker's watches stand, or only legs write there."""
    STARTING = "the tracker is still setting its watches"
    FAILED = "the tracker cannot watch it"
    DEAD = "the tracker is not running"
    UNTRACKED = "nobody notes what changes in it (`track: true` would)"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSeen:
    """What the journal holds for one consumer when a run begins."""

    upto: int
    """The run takes what has this sequence or an earlier one."""
    pending: int
    gaps: tuple[Gap, ...]
    coverage: Coverage
    detail: str = ""
    """Why it is not followed, in a sentence, where there is more to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeCoverage:
    """How the tracker stands to one tree, as it last told."""

    standing: bool
    detail: str
    changed: datetime
    heartbeat: datetime
    watches: int
    events: int


def for_readers(
    readers: tuple[tuple[int, Consumer], ...], changes: Iterable[Change], moved: set[int]
) -> Iterator[tuple[int, Change]]:
    """The changes as each reader names them; who lost its root is added to `moved`."""
    prefixes = [(number, b"".join(name + b"/" for name in one.names)) for number, one in readers]
    for change in changes:
        for number, prefix in prefixes:
            if not prefix:
                yield number, change
            elif change.path.startswith(prefix):
                yield number, Change(change.path[len(prefix) :], change.deep)
            elif change.deep and prefix.startswith(change.path + b"/"):
                moved.add(number)
