"""What lies at the top of the sources and was not there at the last apply, or no longer is (law 2).

A route that takes a whole tree also takes what appears in it tomorrow: nobody decided that, so it
is told, with the leg and the route. Pure, over what was known and what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.plan.model import Plan, RoutingTable
from engine.plan.selection import RECOVERED, RESERVED
from engine.routing.tree_shares import Decider, Decision, Fate
from policy.sources import TreeSource

_NOBODYS = frozenset({Fate.IGNORED, Fate.RESERVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name at the top of a source."""

    name: bytes
    directory: bool


Seen = Mapping[str, frozenset[Entry] | None]
"""What was seen at the top of each source; None: it is away, empty or unreadable."""
Known = Mapping[str, frozenset[bytes] | None]
"""The names of the last apply; None: it saw none, or at another path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredEntry:
    """An entry that came or went, and what becomes of it."""

    path: bytes
    source: str
    leg: str | None
    """None: no leg carries it, and `reason` says why."""
    reason: str
    route: str
    """The route that decides, as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What came and what went since the last apply."""

    new: tuple[CoveredEntry, ...] = ()
    gone: tuple[CoveredEntry, ...] = ()
    seen: Seen = field(default_factory=dict)


def watched_sources(plan: Plan) -> tuple[TreeSource, ...]:
    """The sources whose entries are kept in mind: trees that are routed."""
    return tuple(
        one
        for one in plan.sources
        if isinstance(one, TreeSource) and plan.table(one.name) is not None
    )


def coverage(plan: Plan, known: Known, seen: Seen) -> Coverage:
    """Compare. Of a source that is away, or that no apply has seen, nothing is said."""
    new: list[CoveredEntry] = []
    gone: list[CoveredEntry] = []
    for source in watched_sources(plan):
        before, now = known.get(source.name), seen.get(source.name)
        table = plan.table(source.name)
        if before is None or now is None or table is None:
            continue
        names = {one.name for one in now}
        judged = _Judge(source=source, table=table, decider=Decider(plan, source.name))
        new += judged.entries((one.name, {one.directory}) for one in now if one.name not in before)
        # What is gone was a directory or something else: nobody noted which.
        gone += judged.entries((name, {True, False}) for name in before - names)
    return Coverage(
        new=tuple(sorted(new, key=lambda one: one.path)),
        gone=tuple(sorted(gone, key=lambda one: one.path)),
        seen=seen,
    )


def counts_as_seen(entries: frozenset[Entry]) -> bool:
    """Whether a listing shows a source at all: one that is not mounted is an empty directory."""
    return any(not (RESERVED.matches(one.name) or RECOVERED.matches(one.name)) for one in entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    source: TreeSource
    table: RoutingTable
    decider: Decider

    def entries(self, entries: Iterator[tuple[bytes, set[bool]]]) -> Iterator[CoveredEntry]:
        """Those that are somebody's, with what becomes of them; each as what it may be."""
        for name, kinds in entries:
            decisions = [self._decision(name, directory=one) for one in sorted(kinds)]
            if any(one.fate in _NOBODYS for one in decisions):
                continue
            decision, line = decisions[-1], self.table.line_for((name,))
            yield CoveredEntry(
                path=self.source.path.joined((name,)).text,
                source=self.source.name,
                leg=next(iter(decision.legs), None),
                reason=decision.reason,
                route=line.text if line is not None else "",
            )

    def _decision(self, name: bytes, *, directory: bool) -> Decision:
        return self.decider.decide((name,), directory=directory, above=self.decider.root())
