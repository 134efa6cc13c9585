"""The routing as a picture: columns of sources, legs and destinations, with ribbons between them.

A layered drawing (Sugiyama, Tagawa and Toda 1981) with ribbons as wide as the number of routes on
them. Everything is a number of pixels; the page scales the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engine.overview.graph import Edge, Graph, Node, NodeKind

BOX_WIDTH = 148.0
COLUMN_GAP = 38.0
_ROW_GAP = 16.0
_UNIT = 5.0
"""Width of a ribbon for each route on it…"""
_MOST_UNITS = 5
"""…of which so many are drawn at most."""
_HEIGHTS = {
    NodeKind.SOURCE: 44.0,
    NodeKind.LEG: 30.0,
    NodeKind.DESTINATION: 60.0,
    NodeKind.NOWHERE: 44.0,
}
_LANE = 10.0
"""Height of the room that a long ribbon has in each column that it passes."""
_SWEEPS = 12
_PULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node in its place."""

    node: Node
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """The middle of its height."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """An edge as a path of SVG."""

    edge: Edge
    path: str
    width: float
    sources: tuple[str, ...]
    """Whose data ride on it, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The whole picture."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    ribbons: tuple[Ribbon, ...]


def flow(graph: Graph) -> Flow:
    """Lay out a graph; one without edges is an empty picture."""
    linked = {name for edge in graph.edges for name in (edge.origin, edge.target)}
    nodes = [node for node in graph.nodes if node.name in linked]
    if not nodes:
        return Flow(width=0, height=0, boxes=(), ribbons=())
    columns = _columns(nodes, graph.edges)
    drawing = _Drawing(nodes, graph.edges, columns)
    drawing.order()
    drawing.place()
    return drawing.flow()


# ── Which column ─────────────────────────────────────────────────────────────────────────────


def _columns(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, int]:
    """A column for each node: every edge leads to the right, and sources stand close to their legs.

    The ranks of the graph are the longest ways from the left. Sources that nothing feeds move as
    far right as their legs allow, but not beyond the sources that dumps are written into.
    """
    before: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        before[edge.target].append(edge.origin)
    by_rank = sorted(nodes, key=lambda node: (node.kind is NodeKind.NOWHERE, node.rank))
    latest = _latest(by_rank, edges)
    rightmost = max((one.rank for one in nodes if one.kind is NodeKind.SOURCE), default=0)
    found: dict[str, int] = {}
    for node in by_rank:
        ways = [found[one] + 1 for one in before[node.name]]
        if node.kind is NodeKind.SOURCE and not ways:
            found[node.name] = max(node.rank, min(latest[node.name], rightmost))
        else:
            found[node.name] = max(ways, default=node.rank)
    return found


def _latest(by_rank: Sequence[Node], edges: Sequence[Edge]) -> dict[str, int]:
    """How far right each node may stand by the ranks of what it leads to."""
    after: defaultdict[str, list[str]] = defaultdict(list)
    nowhere = {node.name for node in by_rank if node.kind is NodeKind.NOWHERE}
    for edge in edges:
        if edge.target not in nowhere:
            after[edge.origin].append(edge.target)
    last = max(node.rank for node in by_rank)
    found: dict[str, int] = {}
    for node in reversed(by_rank):
        found[node.name] = min((found[one] - 1 for one in after[node.name]), default=last)
    return found


# ── The drawing ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True, eq=False)
class _Spot:
    """A node, or the lane of a ribbon that passes its column."""

    node: Node | None
    column: int
    height: float
    left: list[_Spot] = field(default_factory=list)
    right: list[_Spot] = field(default_factory=list)
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def approach(self, near: Sequence[_Spot]) -> None:
        """Move most of the way to the middle of some neighbours."""
        if near:
            wanted = sum(one.middle for one in near) / len(near)
            self.y += (wanted - self.middle) * _PULL


class _Drawing:
    """Spots in columns, and each edge as the row of spots that it leads through."""

    def __init__(
        self, nodes: Sequence[Node], edges: Sequence[Edge], columns: Mapping[str, int]
    ) -> None:
        widths: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for edge in edges:
            widths[edge.origin][1] += _width(edge)
            widths[edge.target][0] += _width(edge)
        self.spots = {
            node.name: _Spot(
                node, columns[node.name], max(_HEIGHTS[node.kind], max(widths[node.name]) + 8)
            )
            for node in nodes
        }
        self.columns: list[list[_Spot]] = [[] for _ in range(max(columns.values()) + 1)]
        for spot in self.spots.values():
            self.columns[spot.column].append(spot)
        self.ways = [(edge, self._way(edge)) for edge in edges]

    def _way(self, edge: Edge) -> list[_Spot]:
        begin, end = self.spots[edge.origin], self.spots[edge.target]
        lanes = [
            _Spot(None, column, max(_LANE, _width(edge)))
            for column in range(begin.column + 1, end.column)
        ]
        for lane in lanes:
            self.columns[lane.column].append(lane)
        way = [begin, *lanes, end]
        for one, other in pairwise(way):
            one.right.append(other)
            other.left.append(one)
        return way

    def order(self) -> None:
        """Sort each column by where its neighbours stand, to and fro; keep what crosses least."""
        best, fewest = [list(column) for column in self.columns], self._crossings()
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            for column in self.columns if forward else reversed(self.columns):
                at = {id(spot): index for one in self.columns for index, spot in enumerate(one)}
                column.sort(key=lambda spot: _mean(at, spot, forward=forward))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(column) for column in self.columns], crossings
        self.columns = best

    def _crossings(self) -> int:
        at = {id(spot): index for column in self.columns for index, spot in enumerate(column)}
        total = 0
        for column in self.columns:
            ends = [(at[id(one)], at[id(other)]) for one in column for other in one.right]
            total += sum(
                (a - c) * (b - d) < 0 for n, (a, b) in enumerate(ends) for c, d in ends[:n]
            )
        return total

    def place(self) -> None:
        """Give each spot its height on the page: near its neighbours, and beside nobody else."""
        tallest = max(map(_stack, self.columns))
        for column in self.columns:
            _shift(column, (tallest - _bottom(column)) / 2)
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            for column in self.columns if forward else reversed(self.columns):
                for spot in column:
                    spot.approach(spot.left if forward else spot.right)
                _part(column)
        top = min(spot.y for column in self.columns for spot in column)
        for column in self.columns:
            _shift(column, -top)

    def flow(self) -> Flow:
        """The picture as numbers."""
        boxes = tuple(
            Box(
                node=spot.node,
                x=_x(spot.column),
                y=round(spot.y, 1),
                height=round(spot.height, 1),
            )
            for spot in self.spots.values()
            if spot.node is not None
        )
        leaves = self._ends(leaving=True)
        arrives = self._ends(leaving=False)
        ribbons = tuple(
            Ribbon(
                edge=edge,
                path=_path(way, leaves[id(edge)], arrives[id(edge)]),
                width=_width(edge),
                sources=tuple(sorted({ride.source for ride in edge.rides})),
            )
            for edge, way in self.ways
        )
        return Flow(
            width=_x(len(self.columns) - 1) + BOX_WIDTH,
            height=round(max(_bottom(column) for column in self.columns), 1),
            boxes=boxes,
            ribbons=ribbons,
        )

    def _ends(self, *, leaving: bool) -> dict[int, float]:
        """Where each ribbon meets its box: side by side, in the order of where they lead."""
        found: dict[int, float] = {}
        for spot in self.spots.values():
            own = [
                (way[1] if leaving else way[-2], edge)
                for edge, way in self.ways
                if (way[0] if leaving else way[-1]) is spot
            ]
            own.sort(key=lambda one: one[0].middle)
            at = spot.middle - sum(_width(edge) for _, edge in own) / 2
            for _, edge in own:
                found[id(edge)] = at + _width(edge) / 2
                at += _width(edge)
        return found


def _mean(at: Mapping[int, int], spot: _Spot, *, forward: bool) -> float:
    near = (spot.left if forward else spot.right) or spot.left or spot.right
    return sum(at[id(one)] for one in near) / len(near)


def _stack(column: Sequence[_Spot]) -> float:
    """Put one below the other; the bottom of the last."""
    y = 0.0
    for spot in column:
        spot.y = y
        y += spot.height + _ROW_GAP
    return _bottom(column)


def _shift(column: Iterable[_Spot], by: float) -> None:
    for spot in column:
        spot.y += by


def _part(column: Sequence[_Spot]) -> None:
    """Push apart what overlaps: downwards first, then back up as far as it went too far."""
    if not column:
        return
    wanted = [spot.middle for spot in column]
    least = -float("inf")
    for spot in column:
        spot.y = max(spot.y, least)
        least = spot.y + spot.height + _ROW_GAP
    moved = sum(spot.middle - was for spot, was in zip(column, wanted, strict=True)) / len(column)
    _shift(column, -moved)


def _bottom(column: Sequence[_Spot]) -> float:
    return max((spot.y + spot.height for spot in column), default=0.0)


def _width(edge: Edge) -> float:
    return _UNIT * min(_MOST_UNITS, max(1, len(edge.rides)))


def _x(column: int) -> float:
    return column * (BOX_WIDTH + COLUMN_GAP)


def _path(way: Sequence[_Spot], leaves: float, arrives: float) -> str:
    """A smooth line from box to box, straight through each column that it passes."""
    x = _x(way[0].column) + BOX_WIDTH
    parts, y = [f"M{x:.1f} {leaves:.1f}"], leaves
    for spot in way[1:]:
        end = spot is way[-1]
        to_x, to_y = _x(spot.column), arrives if end else spot.middle
        middle = (x + to_x) / 2
        parts.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
        if not end:
            x += BOX_WIDTH
            parts.append(f"H{x:.1f}")
    return "".join(parts)
