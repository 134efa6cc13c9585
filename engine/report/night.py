"""The night that was and the one that comes: what should run when, and what did. Pure.

When a leg is due is asked for the days that are shown, with their changes of the clocks; how long
it may take is that of the plan's days, which are worked out over the reference years.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.overview.days import Days, Window
from engine.plan.model import LegPlan, Plan
from engine.report.facts import LegRun
from engine.schedule.calendars import occurrences
from engine.standing.facts import Ran

BEFORE = timedelta(hours=24)
AFTER = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run that the schedule asks for."""

    due: datetime
    latest_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRow:
    """One leg."""

    leg: str
    kind: str
    elsewhere: bool
    planned: tuple[Planned, ...]
    runs: tuple[Ran, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The last hours and the next ones."""

    begins: datetime
    ends: datetime
    now: datetime
    rows: tuple[NightRow, ...]
    """By when the first of its runs is due or began, then by name."""


def night(plan: Plan, days: Days, runs: Iterable[LegRun], *, now: datetime) -> Night:
    """Lay the runs of a day and a half over what was planned for them."""
    whole = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins, ends = whole - BEFORE, whole + AFTER
    shown = [one for one in runs if (one.ran.ended or now) > begins and one.ran.started < ends]
    rows = []
    for leg in plan.legs:
        planned = tuple(_planned(plan, leg, days, begins, ends))
        own = tuple(one.ran for one in shown if one.leg == leg.name)
        if planned or own:
            rows.append(
                NightRow(
                    leg=leg.name,
                    kind=leg.kind,
                    elsewhere=leg.leg.runner is not None,
                    planned=planned,
                    runs=tuple(sorted(own, key=lambda one: one.started)),
                )
            )
    rows.sort(key=lambda row: (_first(row), row.leg))
    return Night(begins=begins, ends=ends, now=now, rows=tuple(rows))


def _first(row: NightRow) -> datetime:
    return min((*(one.due for one in row.planned), *(one.started for one in row.runs)))


def _planned(
    plan: Plan, leg: LegPlan, days: Days, begins: datetime, ends: datetime
) -> Iterator[Planned]:
    zone, limit = ZoneInfo(plan.timezone), timedelta(seconds=leg.leg.limits.whole.seconds)
    start, stop = int(begins.timestamp()), int(ends.timestamp())
    for moment in occurrences(leg.leg.schedule, zone=zone, start=start, end=stop):
        due = datetime.fromtimestamp(moment, UTC)
        window = _window(days, leg.name, due.astimezone(zone))
        lasts = timedelta(seconds=window.end - window.due) if window is not None else limit
        yield Planned(due=due, latest_end=due + lasts)


def _window(days: Days, leg: str, due: datetime) -> Window | None:
    """What the plan's days say of a run that is due at this local time."""
    second = due.hour * 3600 + due.minute * 60 + due.second
    own = sorted(days.days, key=lambda day: due.weekday() not in day.weekdays)
    windows = (
        window for day in own for row in day.rows if row.leg == leg for window in row.windows
    )
    return next((one for one in windows if one.due == second), None)
