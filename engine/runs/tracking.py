"""What the tracker watches, and what an event in a tree means to each of its readers: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.plan.model import Plan, tree_root
from engine.plan.readers import reader_of
from engine.plan.selection import Selection, Verdict
from engine.records.journal import Change
from engine.routing.sieve import Sieve
from policy.sources import TreeSource
from policy.values import AbsolutePath

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
_LONGEST = 4096
"""Bytes of the longest path that a system call takes, or rsync: below it nothing can be copied, and
a way down without end could only wear the tracker out (law 41)."""
Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedReader:
    """A feed that reads a tracked source by the journal."""

    leg: str
    selection: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A source to be watched. Two that are equal need no new watches."""

    source: str
    root: AbsolutePath
    readers: tuple[TrackedReader, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a name in a watched directory."""

    name: bytes
    directory: bool
    came_or_went: bool
    """It appeared, left or was deleted here; else its content or its attributes changed."""


def tracked_sources(plan: Plan) -> tuple[Tracked, ...]:
    """The sources with `track: true` that some feed reads by the journal."""
    found = (_tracked(plan, source) for source in plan.sources if isinstance(source, TreeSource))
    return tuple(one for one in found if one is not None)


def _tracked(plan: Plan, source: TreeSource) -> Tracked | None:
    root = tree_root(source)
    readers = tuple(
        TrackedReader(leg=leg.name, selection=feed.selection)
        for leg in plan.legs
        for feed in leg.feeds
        if feed.reads == source.name and feed.selection and reader_of(plan, leg, feed)
    )
    if root is None or not source.track or not readers:
        return None
    return Tracked(source=source.name, root=root, readers=readers)


@dataclass(slots=True)
class Judge:
    """Asks each reader's selection about paths of one source, and remembers what repeats."""

    tracked: Tracked
    _sieves: tuple[Sieve, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._sieves = tuple(Sieve(one.selection) for one in self.tracked.readers)

    def is_watched(self, names: Names) -> bool:
        """Whether some reader carries something of a directory, or enters it."""
        if sum(map(len, names)) + len(names) > _LONGEST:
            return False
        return any(one.decide(names, directory=True) in _CARRIED for one in self._sieves)

    def changes(self, parent: Names, event: Event) -> Iterator[tuple[int, Change]]:
        """What an event means to the readers, each told by its number.

        A name that a reader does not carry still changes the times of the directory it is in.
        """
        names = (*parent, event.name)
        for number, sieve in enumerate(self._sieves):
            if sieve.decide(names, directory=event.directory) in _CARRIED:
                deep = event.directory and event.came_or_went
                yield number, Change(b"/".join(names), deep)
            elif event.came_or_went and parent and self._enters(sieve, parent):
                yield number, Change(b"/".join(parent))

    @staticmethod
    def _enters(sieve: Sieve, parent: Names) -> bool:
        return sieve.decide(parent, directory=True) in _CARRIED
