"""Generations on a calendar: how many of which day there are, month by month. Pure.

A day is one of the manifest's zone, since a person looks for "Tuesday evening", not for UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing
from engine.generations.retention import Verdict
from engine.standing.keeping import Keeping, Kept

MOST_MONTHS = 60
"""Months that are drawn; older generations are counted, and stand in the lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of a month."""

    day: date
    generations: int = 0
    """That count: complete or verified."""
    verified: int = 0
    faulty: int = 0
    """Damaged or incomplete ones."""
    items: int = 0
    """Of how many items there is one that counts."""
    leaving: int = 0
    """Of the generations, how many the next runs remove."""
    future: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month, in weeks that begin on Monday; None stands for days of its neighbours."""

    first: date
    weeks: tuple[tuple[Day | None, ...], ...]
    generations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCalendar:
    """All generations of one leg."""

    leg: str
    keepings: tuple[Keeping, ...]
    months: tuple[Month, ...]
    """The newest first; months without any are left out."""
    generations: int
    items: int
    oldest: datetime | None
    newest: datetime | None
    older: int = 0
    """Generations of months that are not drawn."""
    most: int = 0
    """Of one day."""
    unseen: tuple[str, ...] = ()
    """Why nobody could look, each sentence once."""


@dataclass(slots=True)
class _Tally:
    generations: int = 0
    verified: int = 0
    faulty: int = 0
    leaving: int = 0
    items: set[str] = field(default_factory=set)


def leg_calendars(
    keepings: Iterable[Keeping], *, zone: ZoneInfo, now: datetime
) -> tuple[LegCalendar, ...]:
    """Lay out the generations of each leg, in the order in which the legs come."""
    by_leg: dict[str, list[Keeping]] = {}
    for one in keepings:
        by_leg.setdefault(one.leg, []).append(one)
    return tuple(_calendar(leg, tuple(found), zone, now) for leg, found in by_leg.items())


def _calendar(
    leg: str, keepings: tuple[Keeping, ...], zone: ZoneInfo, now: datetime
) -> LegCalendar:
    tallies: defaultdict[date, _Tally] = defaultdict(_Tally)
    counted: list[datetime] = []
    for keeping in keepings:
        for kept in keeping.kept:
            generation = kept.decision.generation
            _count(tallies[generation.moment.astimezone(zone).date()], keeping.item, kept)
            if generation.counts:
                counted.append(generation.moment)
    firsts = sorted({day.replace(day=1) for day in tallies}, reverse=True)
    today = now.astimezone(zone).date()
    months = tuple(_month(first, tallies, today) for first in firsts[:MOST_MONTHS])
    drawn = sum(one.generations for one in months)
    return LegCalendar(
        leg=leg,
        keepings=keepings,
        months=months,
        generations=len(counted),
        items=len({one.item for one in keepings if one.kept}),
        oldest=min(counted, default=None),
        newest=max(counted, default=None),
        older=len(counted) - drawn,
        most=max((one.generations for one in tallies.values()), default=0),
        unseen=tuple(dict.fromkeys(one.why_not for one in keepings if one.why_not)),
    )


def _count(tally: _Tally, item: str, kept: Kept) -> None:
    generation: Generation = kept.decision.generation
    if not generation.counts:
        tally.faulty += 1
        return
    tally.generations += 1
    tally.verified += generation.standing is Standing.VERIFIED
    tally.leaving += kept.decision.verdict is Verdict.PRUNE
    tally.items.add(item)


def _month(first: date, tallies: defaultdict[date, _Tally], today: date) -> Month:
    before, length = monthrange(first.year, first.month)
    cells: list[Day | None] = [None] * before
    for number in range(1, length + 1):
        day = first.replace(day=number)
        found = tallies.get(day, _Tally())
        cells.append(
            Day(
                day=day,
                generations=found.generations,
                verified=found.verified,
                faulty=found.faulty,
                items=len(found.items),
                leaving=found.leaving,
                future=day > today,
            )
        )
    cells += [None] * (-len(cells) % 7)
    weeks = tuple(tuple(cells[at : at + 7]) for at in range(0, len(cells), 7))
    return Month(
        first=first,
        weeks=weeks,
        generations=sum(one.generations for one in cells if one is not None),
    )
