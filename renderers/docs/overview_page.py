"""The first page: where everything goes, how it flows, when, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence

from engine.overview.days import ShownDay
from engine.overview.overview import Overview
from engine.plan.model import Plan
from renderers.docs.page import Page, Table, listed, page, table
from renderers.docs.pictures import flow, idle, routing, timeline, times
from renderers.markdown import block, cell, code, code_cell, text

_FIXED = (
    ("protection.md", "what keeps each part, what that promises, and what is accepted"),
    ("restore.md", "which copy to take of what is lost, by its age"),
    ("host-lost.md", "what to type when only copies are left"),
    ("disks.md", "what lies where at the destinations, and whose it is"),
    ("alerts.md", "which alerts there are, and what to do about each"),
    ("metrics.md", "the series that are told"),
)


def overview_page(plan: Plan, overview: Overview) -> Page:
    """Render it."""
    return page(
        "index.md",
        "index",
        host=plan.host,
        zone=plan.timezone,
        pages=_FIXED,
        runbooks=[one.name for one in plan.sources],
        losses=[one.name for one in plan.destinations],
        routing=block("mermaid", routing(plan)),
        flow=block("mermaid", flow(overview.graph)),
        routes=_routes(plan),
        days=[(one.title, block("mermaid", timeline(one)), _day(one)) for one in _days(overview)],
        idle=[f"{code(name)}: {text(why)}." for name, why in idle(overview.days)],
        left=_left(plan),
        ignored=_ignored(plan),
    )


def _days(overview: Overview) -> Sequence[ShownDay]:
    return [day for day in overview.days.days if day.rows]


def _routes(plan: Plan) -> Table:
    rows: list[tuple[str, ...]] = []
    for one in plan.tables:
        for line in sorted(one.lines, key=lambda line: line.text):
            leg = code_cell(line.leg) if line.leg is not None else "none"
            stop = (
                cell(f"goes no further than {line.stop.after}: {line.stop.reason}")
                if line.stop
                else ""
            )
            why = listed((cell(line.reason), cell(line.because), stop))
            rows.append((code_cell(one.source), code_cell(line.text), leg, why))
    for source in plan.sources:
        if plan.table(source.name) is None:
            takers = [
                code_cell(leg.name)
                for leg in plan.legs
                if any(feed.reads == source.name for feed in leg.feeds)
            ]
            rows.append((code_cell(source.name), "all of it", listed(takers), ""))
    return table(("source", "path", "leg", "why"), rows)


def _day(day: ShownDay) -> Table:
    rows = []
    for row in day.rows:
        due, start, end = times(row)
        name = code_cell(row.leg) + (" in a cluster" if row.elsewhere else "")
        after = ", ".join(code_cell(one) for one in row.after)
        disk = code_cell(row.disk) if row.disk is not None else ""
        rows.append((name, cell(due), cell(start), cell(end), after, disk))
    return table(("leg", "due", "earliest start", "latest end", "waits for", "writes to"), rows)


def _left(plan: Plan) -> Table:
    rows = [
        (code_cell(line.text), cell(line.reason))
        for one in plan.tables
        for line in sorted(one.lines, key=lambda line: line.text)
        if line.leg is None
    ]
    return table(("path", "why"), rows)


def _ignored(plan: Plan) -> Table:
    rows = [
        (code_cell(rule.text), ", ".join(map(code_cell, rule.only)) or "all", cell(rule.reason))
        for rule in plan.ignores
    ]
    return table(("name", "in", "why"), rows)
