"""How much of a tree goes where: each file's fate with its reason, and what a walk has counted."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.plan.model import Plan, RouteLine, RoutingTable
from engine.plan.selection import Selection, Verdict, ignore_hits, is_reserved
from engine.routing.feeds import ignores_for
from engine.routing.sieve import Sieve
from policy.diagnostics import Origin
from policy.parts import NOWHERE
from policy.routes import IgnoreRule

Names = tuple[bytes, ...]


class Fate(enum.Enum):
    """What becomes of a file."""

    CARRIED = "carried"
    NONE = "none"
    """A route says that no copy is made."""
    IGNORED = "ignored"
    RESERVED = "reserved"
    BLOCKED = "blocked"
    LEFT = "not routed"
    OUTSIDE = "no source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a file, and what says so."""

    fate: Fate
    legs: tuple[str, ...] = ()
    reason: str = ""
    text: str = ""
    """The route or ignore that decides, as written."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The legs, or why there is none, in a word."""
        return " + ".join(self.legs) if self.legs else self.fate.value


OUTSIDE = Decision(fate=Fate.OUTSIDE, reason="no source of this policy holds it")
_RESERVED = Decision(
    fate=Fate.RESERVED, reason="the name is kept for the engine or the file system itself"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What of a directory has one fate; a file with several hard links counts its bytes once."""

    decision: Decision
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryShares:
    """One directory with all below it."""

    path: bytes
    depth: int
    """0: the directory that was asked about."""
    shares: tuple[Share, ...]
    """The largest first."""

    @property
    def files(self) -> int:
        """All files in it."""
        return sum(one.files for one in self.shares)

    @property
    def bytes(self) -> int:
        """The bytes of all of them."""
        return sum(one.bytes for one in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeShares:
    """A whole tree: itself, and its directories down to a depth, by name."""

    directories: tuple[DirectoryShares, ...]
    unreadable: int
    """Directories that could not be read: the figures are short by what is in them."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Everything that became of a file in it."""
        return tuple(one.decision for one in self.directories[0].shares)


def shares_of(counts: Mapping[Decision, tuple[int, int]]) -> tuple[Share, ...]:
    """Files and bytes by what becomes of them."""
    found = (
        Share(decision=decision, files=files, bytes=size)
        for decision, (files, size) in counts.items()
    )
    return tuple(sorted(found, key=lambda one: (-one.bytes, -one.files, one.decision.name)))


class Decider:
    """Decides the paths of one source, with a memory for what a directory's entries share."""

    def __init__(self, plan: Plan, source: str) -> None:
        self._table: RoutingTable | None = plan.table(source)
        self._rules = [one for one in plan.ignores if not one.only or source in one.only]
        self._ignores = ignores_for(source, plan.ignores)
        self._selections = dict(_selections(plan, source))
        self._sieves = {leg: Sieve(one) for leg, one in self._selections.items()}
        self._unpathed = tuple(
            leg.name
            for leg in plan.legs
            for feed in leg.feeds
            if feed.reads == source and feed.selection is None
        )

    def decide(self, names: Names, *, directory: bool, above: Decision) -> Decision:
        """What becomes of a path, given as names below the source's root; `above`: of its parent.

        Of what is not descended into by any leg, nothing is: it shares its directory's fate.
        """
        if above.fate in {Fate.IGNORED, Fate.RESERVED}:
            return above
        sieve = self._sieves.get(above.legs[0]) if len(above.legs) == 1 else None
        if sieve is not None and sieve.decide(names, directory=directory) is Verdict.TAKEN:
            return above
        return self._decide(names, directory=directory)

    def root(self) -> Decision:
        """What becomes of the source's root itself."""
        if self._table is not None:
            line = self._table.line_for(())
            return _routed(line) if line is not None else _left()
        legs = (*self._selections, *self._unpathed)
        return Decision(fate=Fate.CARRIED, legs=legs) if legs else _left()

    def _decide(self, names: Names, *, directory: bool) -> Decision:
        if is_reserved(names, directory=directory):
            return _RESERVED
        rule = self._ignoring(names, directory=directory)
        if rule is not None:
            return Decision(
                fate=Fate.IGNORED, reason=rule.reason, text=rule.text, origin=rule.origin
            )
        if self._table is None:
            return self._taken_whole(names, directory=directory)
        line = self._table.line_for(names)
        if line is None:
            return _left()
        selection = self._selections.get(line.leg or "")
        if selection and selection.decide(names, directory=directory) is Verdict.BLOCKED:
            return Decision(
                fate=Fate.BLOCKED,
                reason="its place at the destination belongs to another leg",
                text=line.text,
                origin=line.origin,
            )
        return _routed(line)

    def _taken_whole(self, names: Names, *, directory: bool) -> Decision:
        takes = {Verdict.TAKEN, Verdict.ENTERED}
        legs = tuple(
            leg
            for leg, one in self._selections.items()
            if one.decide(names, directory=directory) in takes
        )
        legs = (*legs, *self._unpathed)
        return Decision(fate=Fate.CARRIED, legs=legs) if legs else _left()

    def _ignoring(self, names: Names, *, directory: bool) -> IgnoreRule | None:
        for rule, ignore in zip(self._rules, self._ignores, strict=True):
            if ignore_hits(ignore, names, directory=directory):
                return rule
        return None


def _selections(plan: Plan, source: str) -> Iterator[tuple[str, Selection]]:
    for leg in plan.legs:
        for feed in leg.feeds:
            if feed.reads == source and feed.selection is not None:
                yield leg.name, feed.selection


def _routed(line: RouteLine) -> Decision:
    if line.leg is not None:
        return Decision(fate=Fate.CARRIED, legs=(line.leg,))
    return Decision(fate=Fate.NONE, reason=line.reason, text=line.text, origin=line.origin)


def _left() -> Decision:
    return Decision(fate=Fate.LEFT, reason="no route covers it, and no leg takes it")
