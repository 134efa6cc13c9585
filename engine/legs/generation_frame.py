"""What all legs that keep generations have in common: where one is written, and what goes after it.

What is pruned is decided before anything is written, as it will be if all goes well; where a step
before it fails, nothing goes (law 16).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing, name_of
from engine.generations.retention import Decision, Verdict, decide
from engine.legs.kind import Run
from engine.plan.selection import is_reserved
from engine.reach.targets import Identity, Target
from engine.runs.observation import FeedSeen
from engine.steps.generations import (
    STAGING,
    UNFINISHED,
    CompleteGeneration,
    PruneGenerations,
    StageGeneration,
    inside,
)
from engine.steps.items import CloseItem, OpenItem
from engine.steps.model import EnsureDirectory, Step
from engine.steps.modes import Mode, ModeChoice
from policy.parts import Keep


class Frame:
    """One generation of one feed."""

    def __init__(self, seen: FeedSeen, keep: Keep, run: Run, zone: ZoneInfo) -> None:
        self.seen = seen
        self.target = seen.target.target
        self._keep = keep
        self._run = run
        self._zone = zone

    @property
    def staging(self) -> Target:
        """Where it is written."""
        return inside(self.target, STAGING)

    @property
    def base(self) -> bytes | None:
        """The newest complete generation: what has not changed since is linked to it.

        One that is dated in the future is as good a base as any other.
        """
        complete = [one.moment for one in self.seen.generations if one.counts]
        return name_of(max(complete)) if complete else None

    @property
    def bases(self) -> tuple[bytes, ...]:
        """All that may be linked to: what a run that was cut off had written is as good."""
        # What lies in the staging folder now has another name by the time of the copy.
        left_over = {STAGING, UNFINISHED} & self.seen.target.directories
        base = (self.base,) if self.base is not None else ()
        return (*base, *((UNFINISHED,) if left_over else ()))

    @property
    def still(self) -> tuple[Identity, ...]:
        """Directories that must stay the ones that were looked at."""
        source, root = self.seen.source, self.seen.target.root_identity
        there = (root,) if root is not None else ()
        return there if self.seen.item is not None else (source.identity, *source.mounted, *there)

    def opening(self, reader: str) -> Iterator[Step]:
        """Open what is read, where that is an item."""
        item = self.seen.item
        if item is not None and item.newest is not None:
            yield OpenItem(
                feed=self.seen.feed,
                snapshot=item.newest,
                reader=reader,
                key_file=item.key_file,
                at=self.seen.source.path,
            )

    def closing(self) -> Iterator[Step]:
        """Close it before anything else is done."""
        if self.seen.item is not None:
            yield CloseItem(feed=self.seen.feed)

    def begin(self, why: str) -> Iterator[Step]:
        """Make the empty folder."""
        if not self.seen.target.present:
            yield EnsureDirectory(feed=self.seen.feed, target=self.target)
        choice = ModeChoice(mode=Mode.FULL, reason=why)
        yield StageGeneration(feed=self.seen.feed, choice=choice, target=self.target)

    def end(self) -> Iterator[Step]:
        """Give it its name, and remove what goes."""
        source = self.seen.source
        yield CompleteGeneration(
            feed=self.seen.feed,
            target=self.target,
            name=name_of(self._run.now),
            kept=tuple(sorted(name_of(one.moment) for one in self.seen.generations)),
            file_system=source.file_system,
            mounts=source.mounts,
        )
        yield from self._prune()

    def _prune(self) -> Iterator[Step]:
        decisions = letting_go(self.seen.generations, self._keep, self._run, self._zone)
        if decisions:
            yield PruneGenerations(feed=self.seen.feed, target=self.target, decisions=decisions)


def letting_go(
    known: Sequence[Generation],
    keep: Keep,
    run: Run,
    zone: ZoneInfo,
    held: Collection[datetime] = frozenset(),
) -> tuple[Decision, ...]:
    """What goes once a run has made its own: the oldest first, and not all at once.

    `held` are the moments of those that stay whatever the rules say.
    """
    newest = Generation(moment=run.now.replace(microsecond=0), standing=Standing.VERIFIED)
    if newest.moment in {one.moment for one in known}:
        return ()  # the clock was set back: completing it fails, since nothing is overwritten
    decisions = decide((*known, newest), keep, zone=zone, now=run.now, held=held)
    gone = [one for one in reversed(decisions) if one.verdict is Verdict.PRUNE]
    return tuple(gone[: most_at_once(len(known) + 1)])


def most_at_once(there: int) -> int:
    """How many of so many generations may go in one run, the oldest first.

    One goes where one comes. Where many would go at once, the clock may be wrong, or the machine
    was off for so long that all of them are older than `within`: who looks in time loses half.
    """
    return max(1, there // 2)


def foreign_beside(seen: FeedSeen) -> tuple[bytes, ...]:
    """What lies beside the generations and is none of this leg's, whatever its name."""
    own = {name_of(one.moment) for one in seen.generations}
    return tuple(
        name
        for name in seen.target.entries
        if name not in own and not is_reserved((name,), directory=name in seen.target.directories)
    )
