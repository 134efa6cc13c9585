"""What ran in the last day and what comes, and the days that the schedules know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.overview.days import Row, ShownDay, clock
from engine.report.night import Night, NightRow
from engine.standing.facts import Ran
from renderers.report.scale import Scale, Span, Tick
from renderers.report.words import Clock, Sign, length, of_run

_DAY = 86_400
_LONGEST_DAY = 2 * _DAY
_LEAST_RUN = 0.7
_LEAST_WINDOW = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One run, or the time in which one may be."""

    span: Span
    kind: str
    """`plan`, or the shape of a run's sign."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One leg's line."""

    leg: str
    note: str
    bars: tuple[Bar, ...]
    words: tuple[str, ...]
    """What the line shows, for whoever does not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Lines of legs over one stretch of time."""

    title: str
    about: str
    ticks: tuple[Tick, ...]
    tracks: tuple[Track, ...]
    now: float | None = None


def night_strip(night: Night, at: Clock) -> Strip:
    """The last day and the next hours."""
    scale = Scale.of_time(night.begins, night.ends)
    begins, ends = at.when(night.begins), at.when(night.ends)
    return Strip(
        title="Last night and today",
        about=f"{begins.text} to {ends.text}: what ran, over the time in which it may",
        ticks=tuple(scale.hours(at.zone, every=6)),
        tracks=tuple(_night_track(row, scale, at) for row in night.rows),
        now=scale.at(night.now.timestamp()),
    )


def day_strip(day: ShownDay) -> Strip:
    """One of the days that the schedules know."""
    scale = Scale(begins=0, ends=min(day.ends, _LONGEST_DAY))
    hours = range(0, int(scale.ends) // 3600 + 1, 6)
    ticks = tuple(
        Tick(x=scale.at(hour * 3600), text=f"{hour % 24:02}", strong=hour % 24 == 0)
        for hour in hours
    )
    return Strip(
        title=day.title,
        about="from the earliest start to the latest end that the schedules and limits allow",
        ticks=ticks,
        tracks=tuple(_day_track(row, scale) for row in day.rows),
    )


def _night_track(row: NightRow, scale: Scale, at: Clock) -> Track:
    bars = [
        Bar(
            span=scale.span(one.due.timestamp(), one.latest_end.timestamp(), least=_LEAST_WINDOW),
            kind="plan",
            words=f"due {at.when(one.due).text}, at the latest until "
            f"{at.when(one.latest_end).text}",
        )
        for one in row.planned
    ]
    for ran in row.runs:
        ended = (ran.ended or at.now).timestamp()
        sign = of_run(ran)
        span = scale.span(ran.started.timestamp(), ended, least=_LEAST_RUN)
        bars.append(Bar(span=span, kind=sign.shape, words=_ran(ran, sign, at)))
    return Track(
        leg=row.leg,
        note="runs elsewhere" if row.elsewhere else _ends(row.runs),
        bars=tuple(bars),
        words=tuple(one.words for one in bars),
    )


def _ran(ran: Ran, sign: Sign, at: Clock) -> str:
    lasted = length((ran.ended or at.now) - ran.started)
    return f"{sign.word}: {at.when(ran.started).text}, {lasted}"


def _ends(runs: tuple[Ran, ...]) -> str:
    if not runs:
        return ""
    bad = sum(1 for one in runs if one.status is not None and not one.status.succeeded)
    if bad:
        return f"{bad} of {len(runs)} not ok"
    return "" if len(runs) == 1 else f"{len(runs)} runs"


def _day_track(row: Row, scale: Scale) -> Track:
    bars = tuple(
        Bar(
            span=scale.span(one.earliest, one.end, least=_LEAST_WINDOW),
            kind="plan",
            words=f"{clock(one.earliest)} to {clock(one.end)}",
        )
        for one in row.windows
    )
    return Track(
        leg=row.leg,
        note="; ".join(_notes(row)),
        bars=bars,
        words=tuple(one.words for one in bars),
    )


def _notes(row: Row) -> Iterator[str]:
    if row.elsewhere:
        yield "runs elsewhere"
    if row.after:
        yield f"after {', '.join(row.after)}"
