"""Items abreast: while some are copied, the next one's turn comes. One thread does all of it.

Only the commands that copy run beside each other. What comes before and after, in the state, the
journal and at the destination, is done for one item after the other, in the order of its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from engine.steps.generations import CopyDatabases, CopyGeneration
from engine.steps.model import GuardDeletions, HookStep, Step
from engine.system.host.process import abandon, first_ended
from engine.system.passes.transfers import Started

Copying = CopyGeneration | CopyDatabases
"""The steps that take long."""


class Doing(Protocol):
    """Who does the steps; a feed that has stopped does nothing more."""

    def one(self, step: Step) -> None:
        """Do a step."""

    def begin(self, step: Copying) -> Started | None:
        """Start to copy; None where the feed has stopped."""

    def end(self, step: Copying, started: Started) -> None:
        """Judge a copy that has ended."""


@dataclass(frozen=True, slots=True)
class _Copied:
    step: Copying
    started: Started
    rest: Iterator[Step]
    """What follows for this item."""


def carry_out(steps: Iterable[Step], doing: Doing, at_once: int) -> None:
    """Do all steps, those of each feed in order, and copy at most so many feeds at once.

    Whatever ends it ends every command that it has started.
    """
    waiting = (iter(tuple(part)) for _, part in groupby(steps, key=feed_of))
    copying: list[_Copied] = []
    try:
        while True:
            while len(copying) < at_once and (item := next(waiting, None)) is not None:
                copying += _until_copied(item, doing)
            if not copying:
                return
            ended = first_ended([one.started.running for one in copying])
            done = next(one for one in copying if one.started.running is ended)
            doing.end(done.step, done.started)
            copying.remove(done)
            copying += _until_copied(done.rest, doing)
    finally:
        abandon([one.started.running for one in copying])


def _until_copied(item: Iterator[Step], doing: Doing) -> Iterator[_Copied]:
    """Do what an item's copy does not have to be waited for."""
    for step in item:
        if not isinstance(step, CopyGeneration | CopyDatabases):
            doing.one(step)
        elif (started := doing.begin(step)) is not None:
            yield _Copied(step, started, item)
            return


def feed_of(step: Step) -> str | None:
    """Whose step it is; None: the whole run's."""
    return None if isinstance(step, HookStep | GuardDeletions) else step.feed
