"""The parts of a compiled policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.compile import Compilation
from engine.plan.model import LegPlan, RoutingTable
from engine.plan.stored import plan_to_json
from engine.promises.objectives import hours
from engine.rsync.filters import render_rules
from engine.schedule.calendars import REFERENCE_START
from policyctl.views.console import Json, table
from renderers import render

_WEEK = 7 * 86400


def shown(part: str, compilation: Compilation, leg: str | None) -> Iterator[str]:
    """Lines of one part, of one leg where it is named."""
    yield from _PARTS[part](compilation, leg)


def shown_json(part: str, compilation: Compilation, leg: str | None) -> Json:
    """The same for programs."""
    whole: dict[str, Json] = json.loads(plan_to_json(compilation.plan))
    if part == "plan":
        return whole
    if part == "routes":
        return whole["tables"]
    if part == "legs":
        return [
            {
                "leg": one.name,
                "kind": one.kind,
                "longest_gap_seconds": one.longest_gap,
                "allowed_age_seconds": one.allowed_age,
                "feeds": [
                    {"reads": feed.reads, "writes": str(feed.writes) if feed.writes else None}
                    for feed in one.feeds
                ],
            }
            for one in _legs(compilation, leg)
        ]
    return list(shown(part, compilation, leg))


def _legs(compilation: Compilation, name: str | None) -> list[LegPlan]:
    return [one for one in compilation.plan.legs if name is None or one.name == name]


def _routes(compilation: Compilation, leg: str | None) -> Iterator[str]:
    for one in compilation.plan.tables:
        yield f"{one.source}: the first line that matches decides"
        yield from _route_lines(one, leg)


def _route_lines(one: RoutingTable, leg: str | None) -> Iterator[str]:
    rows = [
        (
            f"  {line.text}",
            line.leg or "none",
            line.reason or line.because or (line.stop.reason if line.stop else ""),
            f"line {line.origin.line}",
        )
        for line in one.lines
        if leg is None or line.leg == leg
    ]
    if rows:
        yield from table(rows, header=("  path", "leg", "why", "where"))


def _leg_lines(compilation: Compilation, leg: str | None) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for one in _legs(compilation, leg):
        schedule = ", ".join(calendar.text for calendar in one.leg.schedule) or "by hand"
        rows.extend(
            (
                one.name,
                one.kind,
                feed.reads,
                str(feed.writes) if feed.writes else "(in its source)",
                schedule,
                hours(one.longest_gap) if one.longest_gap else "-",
                hours(one.allowed_age) if one.allowed_age else "-",
            )
            for feed in one.feeds
        )
    header = ("leg", "kind", "reads", "writes", "schedule", "longest gap", "stale after")
    yield from table(rows, header=header)


def _filters(compilation: Compilation, leg: str | None) -> Iterator[str]:
    for one in _legs(compilation, leg):
        for feed in one.feeds:
            if feed.selection is not None:
                yield f"# {one.name}, reading {feed.reads}"
                text = render_rules(feed.selection).decode("utf-8", "backslashreplace")
                yield text.rstrip("\n")


def _files(compilation: Compilation, leg: str | None) -> Iterator[str]:
    for file in render(compilation.plan):
        if leg is None or leg.encode() in file.path.names[-1]:
            yield f"# {file.path}"
            yield file.content.decode("utf-8", "backslashreplace").rstrip("\n")


def _timeline(compilation: Compilation, leg: str | None) -> Iterator[str]:
    """The first whole week of the reference years: each run's earliest start and latest end."""
    zone = ZoneInfo(compilation.plan.timezone)
    begin = int(REFERENCE_START.timestamp()) + _WEEK
    found = []
    for one in _legs(compilation, leg):
        runs = compilation.timeline.of(one.name)
        windows = zip(runs.due, runs.earliest, runs.start, runs.end, strict=True) if runs else ()
        found += [(*window, one.name) for window in windows if begin <= window[0] < begin + _WEEK]
    rows = [
        (*(_moment(moment, zone) for moment in window), name) for *window, name in sorted(found)
    ]
    header = ("due", "earliest start", "latest start", "latest end", "leg")
    yield from table(rows, header=header)


def _moment(moment: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment, zone).strftime("%a %H:%M")


def _plan(compilation: Compilation, _leg: str | None) -> Iterator[str]:
    yield plan_to_json(compilation.plan).rstrip("\n")


_PARTS: dict[str, Callable[[Compilation, str | None], Iterator[str]]] = {
    "routes": _routes,
    "legs": _leg_lines,
    "filters": _filters,
    "files": _files,
    "timeline": _timeline,
    "plan": _plan,
}
