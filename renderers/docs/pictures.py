"""The diagrams of the overview: which path rides which leg, how bytes flow, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.overview.days import DAY, Days, Row, ShownDay, clock
from engine.overview.graph import NOWHERE, Graph, Node, NodeKind
from engine.plan.model import Plan, RouteLine
from renderers.mermaid import Names, diagram, label, lines

_SHOWN = 8
"""Runs of a leg on one day that are drawn one by one."""
_EPOCH = ("2001-01-01", "2001-01-02", "2001-01-03", "2001-01-04")
"""Gantt charts want dates; these are nobody's."""


def routing(plan: Plan) -> tuple[str, ...]:
    """Each route of each source, and the leg that carries it; or none."""
    names = Names()
    body = (*_route_nodes(plan, names), *_leg_nodes(plan, names), *_route_edges(plan, names))
    return diagram("flowchart LR", body)


def _lines(plan: Plan) -> Iterator[tuple[str, RouteLine]]:
    for one in plan.tables:
        for line in sorted(one.lines, key=lambda line: line.text):
            yield one.source, line


def _route_nodes(plan: Plan, names: Names) -> Iterator[str]:
    """Routes, in a box for each source; sources that are taken whole stand alone."""
    for table in plan.tables:
        yield f"subgraph {names.of(('source', table.source))}[{label(table.source)}]"
        for source, line in _lines(plan):
            if source == table.source:
                yield f"  {names.of((source, line.text))}[{label(line.text)}]"
        yield "end"
    for one in plan.sources:
        if plan.table(one.name) is None:
            yield f"{names.of(('source', one.name))}[{label(one.name)}]"


def _first_legs(plan: Plan) -> Iterator[tuple[str, str]]:
    """Each leg that reads a source, with that source."""
    for leg in plan.legs:
        for feed in leg.feeds:
            if plan.source(feed.reads) is not None:
                yield leg.name, feed.reads


def _leg_nodes(plan: Plan, names: Names) -> Iterator[str]:
    for leg in dict.fromkeys(leg for leg, _ in _first_legs(plan)):
        yield f"{names.of(('leg', leg))}([{label(leg)}])"
    if any(line.leg is None for _, line in _lines(plan)):
        yield f"{names.of(NOWHERE)}[/{label('no copy')}/]"


def _route_edges(plan: Plan, names: Names) -> Iterator[str]:
    for source, line in _lines(plan):
        start = names.of((source, line.text))
        if line.leg is None:
            yield f"{start} -.-> {names.of(NOWHERE)}"
        else:
            yield f"{start} --> {names.of(('leg', line.leg))}"
    for leg, source in _first_legs(plan):
        if plan.table(source) is None:
            yield f"{names.of(('source', source))} --> {names.of(('leg', leg))}"


def flow(graph: Graph) -> tuple[str, ...]:
    """From the sources through the legs to the destinations, with the sites that these stand at."""
    return diagram("flowchart LR", _flow(graph))


def _flow(graph: Graph) -> Iterator[str]:
    names = Names()
    sites: dict[str | None, list[Node]] = {}
    for node in graph.nodes:
        if node.kind is not NodeKind.NOWHERE:
            sites.setdefault(_site(graph, node), []).append(node)
    for site in sorted(one for one in sites if one is not None):
        yield f"subgraph {names.of(('site', site))}[{label(site)}]"
        yield from (f"  {_node(names, node)}" for node in sites[site])
        yield "end"
    yield from (_node(names, node) for node in sites.get(None, ()))
    for edge in graph.edges:
        if edge.target != NOWHERE:
            places = f"|{lines(*edge.places)}|" if edge.places else ""
            yield f"{names.of(edge.origin)} -->{places} {names.of(edge.target)}"


def _site(graph: Graph, node: Node) -> str | None:
    """Where a node stands; a leg where all stands that it reads and writes, if that is one site."""
    if node.kind is not NodeKind.LEG:
        return node.site
    ends = [edge.origin for edge in graph.edges if edge.target == node.name]
    ends += [edge.target for edge in graph.edges if edge.origin == node.name]
    found = {one.site for one in map(graph.node, ends) if one.kind is not NodeKind.LEG}
    return next(iter(found)) if len(found) == 1 else None


def _node(names: Names, node: Node) -> str:
    said = lines(node.name, node.media or node.what)
    shapes = {NodeKind.LEG: ("([", "])"), NodeKind.DESTINATION: ("[(", ")]")}
    begin, end = shapes.get(node.kind, ("[", "]"))
    if node.kind is NodeKind.LEG:
        said = lines(node.name, node.what)
    return f"{names.of(node.name)}{begin}{said}{end}"


def timeline(day: ShownDay) -> tuple[str, ...]:
    """One day: each run from its earliest start to its latest end."""
    body = ["dateFormat YYYY-MM-DD HH:mm", "axisFormat %H:%M", *_sections(day)]
    return diagram("gantt", body)


def _sections(day: ShownDay) -> Iterator[str]:
    groups: dict[str, list[Row]] = {}
    for row in day.rows:
        groups.setdefault(_group(row), []).append(row)
    number = 0
    for group in sorted(groups):
        yield f"section {group}"
        for row in groups[group]:
            for name, begin, end in _bars(row):
                number += 1
                yield f"  {name} :t{number}, {_date(begin)}, {_date(max(end, begin + 60))}"


def _group(row: Row) -> str:
    if row.disk is not None:
        return f"to {row.disk}"
    return "elsewhere" if row.elsewhere else "within a source"


def _bars(row: Row) -> Iterable[tuple[str, int, int]]:
    if len(row.windows) > _SHOWN:
        first, last = row.windows[0], row.windows[-1]
        return [(f"{row.leg} ({len(row.windows)} runs)", first.earliest, last.end)]
    return [(row.leg, one.earliest, one.end) for one in row.windows]


def _date(second: int) -> str:
    days = min(second // DAY, len(_EPOCH) - 1)
    rest = min(second - days * DAY, DAY - 60)
    return f"{_EPOCH[days]} {rest // 3600:02}:{rest % 3600 // 60:02}"


def times(row: Row) -> tuple[str, str, str]:
    """When a leg is due, starts at the earliest and ends at the latest; of many runs the range."""
    shown = row.windows
    if len(shown) > _SHOWN:
        first, last = shown[0], shown[-1]
        due = f"{len(shown)} times, {clock(first.due)} to {clock(last.due)}"
        longest = max(one.end - one.due for one in shown)
        return due, "", f"{longest // 60} min after it is due"
    return (
        ", ".join(clock(one.due) for one in shown),
        ", ".join(clock(one.earliest) for one in shown),
        ", ".join(clock(one.end) for one in shown),
    )


def idle(days: Days) -> tuple[tuple[str, str], ...]:
    """Legs that no day shows, and why."""
    return (
        *((name, "runs by hand only") for name in days.by_hand),
        *((name, "its schedule has no run in the years that plans are judged by")
          for name in days.never),
    )  # fmt: skip
