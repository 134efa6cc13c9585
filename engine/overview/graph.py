"""The routing as a graph: which route rides which leg, from where to where. Pure.

Sources, legs and destinations are its nodes; a leg that reads another one's product hangs on that
leg. What no leg carries ends in one node of its own, with the reasons.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.plan.kinds import source_kind
from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import Region, regions
from engine.standing.copy_standing import feeds_along
from policy.destinations import Destination
from policy.sources import Source

NOWHERE = "(none)"
"""The node of what no leg carries; no part of a manifest can have this name."""


class NodeKind(enum.Enum):
    """What a node stands for."""

    SOURCE = "source"
    LEG = "leg"
    DESTINATION = "destination"
    NOWHERE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A source, a leg, a destination, or nowhere."""

    name: str
    """Unique in a graph: parts of a manifest share one name space."""
    kind: NodeKind
    what: str
    """The kind of the source or leg, as the manifest calls it; of a destination its address."""
    media: str | None
    site: str | None
    rank: int
    """Its column, counted from 0: each edge leads to a greater one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """A route, or what a leg takes as a whole, on one edge."""

    source: str
    label: str
    """The route as written, or the product's address."""
    reason: str = ""
    """Why nothing carries it; empty where a leg does."""
    because: str = ""
    """Why its copies may fall short of the objectives."""
    stops: str = ""
    """Why it rides no further than this edge leads; empty where it rides on, or the chain ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From what is read to the leg that reads it, or from a leg to where it writes."""

    origin: str
    target: str
    places: tuple[str, ...]
    """Where at a destination or in a tree a leg writes; empty on the way to a leg."""
    rides: tuple[Ride, ...]
    """Sorted by source and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All of it; nodes by rank and name, edges by their ends."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(one for one in self.nodes if one.name == name)


_Ends = tuple[str, str]


def routing_graph(plan: Plan, chains: Chains) -> Graph:
    """Draw the routing of a plan."""
    rides: dict[_Ends, dict[tuple[str, str], Ride]] = {}
    places: dict[_Ends, dict[str, None]] = {}
    for leg in plan.legs:
        for feed in leg.feeds:
            rides.setdefault((feed.reads, leg.name), {})
            if feed.writes is not None:
                ends = (leg.name, feed.writes.holder)
                rides.setdefault(ends, {})
                places.setdefault(ends, {})[str(feed.writes)] = None
    for ends, ride in (*_carried(plan, chains), *_left(plan)):
        rides.setdefault(ends, {}).setdefault((ride.source, ride.label), ride)
    edges = tuple(
        Edge(
            origin=ends[0],
            target=ends[1],
            places=tuple(places.get(ends, ())),
            rides=tuple(found[key] for key in sorted(found)),
        )
        for ends, found in sorted(rides.items())
    )
    return Graph(nodes=tuple(_nodes(plan, edges)), edges=edges)


def _carried(plan: Plan, chains: Chains) -> Iterator[tuple[_Ends, Ride]]:
    stops = {
        (table.source, line.text): line.stop
        for table in plan.tables
        for line in table.lines
        if line.stop is not None
    }
    for region in _routes_and_products(plan, chains):
        stop = stops.get((region.source.name, region.label))
        for copy in region.copies:
            ended = stop.reason if stop is not None and stop.after == copy.leg else ""
            for ends in _ends_of(plan, region, copy):
                yield ends, _ride(region, ended if ends[0] == copy.leg else "")


def _ride(region: Region, stops: str) -> Ride:
    return Ride(source=region.source.name, label=region.label, because=region.because, stops=stops)


def _routes_and_products(plan: Plan, chains: Chains) -> Iterator[Region]:
    """Regions, but for those that only an objective names: they ride with a route."""
    lines = {(table.source, line.text) for table in plan.tables for line in table.lines}
    routed = {table.source for table in plan.tables}
    for region in regions(chains.policy, plan.tables, chains):
        if region.source.name not in routed or (region.source.name, region.label) in lines:
            yield region


def _ends_of(plan: Plan, region: Region, copy: Copy) -> Iterator[_Ends]:
    """The edges of the last hop to a copy."""
    feed = feeds_along(plan, copy, region.source.name)[-1]
    if feed is not None:
        yield feed.reads, copy.leg
        if feed.writes is not None:
            yield copy.leg, feed.writes.holder


def _left(plan: Plan) -> Iterator[tuple[_Ends, Ride]]:
    for table in plan.tables:
        for line in table.lines:
            if line.leg is None:
                ride = Ride(source=table.source, label=line.text, reason=line.reason)
                yield (table.source, NOWHERE), ride


def _nodes(plan: Plan, edges: tuple[Edge, ...]) -> Iterator[Node]:
    parts: list[Source | LegPlan | Destination] = [*plan.sources, *plan.legs, *plan.destinations]
    ranks = _ranks(edges)
    found = [_node(one, ranks.get(one.name, 0)) for one in parts]
    if any(edge.target == NOWHERE for edge in edges):
        last = max(ranks.values())
        found.append(
            Node(name=NOWHERE, kind=NodeKind.NOWHERE, what="", media=None, site=None, rank=last)
        )
    yield from sorted(found, key=lambda one: (one.rank, one.kind.value, one.name))


def _node(one: Source | LegPlan | Destination, rank: int) -> Node:
    if isinstance(one, LegPlan):
        return Node(
            name=one.name, kind=NodeKind.LEG, what=one.kind, media=None, site=None, rank=rank
        )
    if isinstance(one, Destination):
        what = f"{one.ssh.account}:{one.path}" if one.ssh is not None else str(one.path)
        kind = NodeKind.DESTINATION
    else:
        what, kind = source_kind(one), NodeKind.SOURCE
    return Node(name=one.name, kind=kind, what=what, media=one.media, site=one.site, rank=rank)


def _ranks(edges: Iterable[Edge]) -> Mapping[str, int]:
    """The longest way to each node; where a plan ran in a circle, that ends where it began."""
    before: dict[str, list[str]] = {}
    for edge in edges:
        before.setdefault(edge.target, []).append(edge.origin)
        before.setdefault(edge.origin, [])
    ranks: dict[str, int] = {}

    def rank(name: str, seen: frozenset[str]) -> int:
        if name not in ranks:
            ways = [rank(one, seen | {name}) for one in before[name] if one not in seen]
            ranks[name] = max((way + 1 for way in ways), default=0)
        return ranks[name]

    for name in before:
        rank(name, frozenset({name}))
    return ranks
