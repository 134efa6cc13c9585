"""Generations on calendars, and the list behind each: why one stays, and when it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from engine.generations.names import Standing, name_of
from engine.generations.reasons import keep_text, say
from engine.generations.retention import Verdict
from engine.report.facts import Facts
from engine.report.months import Day, LegCalendar, Month, leg_calendars
from engine.standing.keeping import Keeping, Kept
from renderers.report.words import Clock, Sign, When, length, several

_OPEN = 3
"""Months that are shown at once; older ones unfold."""
_MOST_LISTED = 400
"""Generations of one folder that are listed."""
_SHADES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One day."""

    number: int
    shade: int
    """0: no generation; 1 to 4: few to as many as the leg ever has of a day."""
    count: str
    """How many, where more than one."""
    marks: str
    """Classes beside the shade: `unverified`, `faulty`, `leaving`, `future`."""
    words: str
    """What is there, for whoever points at it or does not see it; empty: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One month."""

    title: str
    about: str
    weeks: tuple[tuple[Cell | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """One generation."""

    name: str
    local: When
    sign: Sign
    why: str
    goes: str
    goes_at: When | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCard:
    """The generations of one folder."""

    title: str
    place: str
    about: str
    rows: tuple[KeptRow, ...]
    unlisted: int
    why_not: str
    set_aside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCard:
    """All generations of one leg."""

    leg: str
    keep: str
    about: str
    sheets: tuple[Sheet, ...]
    older_sheets: tuple[Sheet, ...]
    older: int
    folders: tuple[FolderCard, ...]
    listed: bool
    """Whether there is anything to say of a folder."""
    unseen: tuple[str, ...]


def generation_cards(facts: Facts, at: Clock) -> tuple[LegCard, ...]:
    """One for each leg that keeps generations here."""
    found = leg_calendars(facts.keepings, zone=at.zone, now=at.now)
    return tuple(_card(one, at) for one in found)


def _card(one: LegCalendar, at: Clock) -> LegCard:
    sheets = tuple(_sheet(month, one) for month in one.months)
    folders = tuple(_folder(keeping, at) for keeping in one.keepings)
    return LegCard(
        leg=one.leg,
        keep=", ".join(dict.fromkeys(keep_text(keeping.keep) for keeping in one.keepings)),
        about=_about(one, at),
        sheets=sheets[:_OPEN],
        older_sheets=sheets[_OPEN:],
        older=one.older,
        folders=folders,
        listed=any(folder.rows or folder.why_not or folder.set_aside for folder in folders),
        unseen=one.unseen,
    )


def _about(one: LegCalendar, at: Clock) -> str:
    if one.newest is None or one.oldest is None:
        return "no generation yet"
    of_items = f" of {one.items} items" if one.items > 1 else ""
    reach = length(at.now - one.oldest) if at.now - one.oldest > timedelta(0) else "0 s"
    return (
        f"{several(one.generations, 'generation')}{of_items}, the oldest {reach} old, the newest "
        f"of {at.when(one.newest).text}"
    )


def _sheet(month: Month, of: LegCalendar) -> Sheet:
    return Sheet(
        title=f"{month.first:%B %Y}",
        about=several(month.generations, "generation"),
        weeks=tuple(tuple(_cell(day, of) for day in week) for week in month.weeks),
    )


def _cell(day: Day | None, of: LegCalendar) -> Cell | None:
    if day is None:
        return None
    marks = [
        *(["unverified"] if day.verified < day.generations else []),
        *(["faulty"] if day.faulty else []),
        *(["leaving"] if day.leaving and day.leaving == day.generations else []),
        *(["future"] if day.future else []),
    ]
    shade = -(-_SHADES * day.generations // of.most) if of.most else 0
    return Cell(
        number=day.day.day,
        shade=shade,
        count=str(day.generations) if day.generations > 1 else "",
        marks=" ".join(marks),
        words=_cell_words(day) if day.generations or day.faulty else "",
    )


def _cell_words(day: Day) -> str:
    parts = []
    if day.generations:
        of_items = f" of {day.items} items" if day.items > 1 else ""
        parts.append(f"{several(day.generations, 'generation')}{of_items}, {day.verified} verified")
    if day.leaving:
        parts.append(f"{day.leaving} to go")
    if day.faulty:
        parts.append(f"{day.faulty} damaged or incomplete")
    return f"{day.day:%a} {day.day.day} {day.day:%b}: {'; '.join(parts)}"


def _folder(one: Keeping, at: Clock) -> FolderCard:
    return FolderCard(
        title=one.item,
        place=str(one.place),
        about=several(len(one.kept), "generation"),
        rows=tuple(_row(kept, at) for kept in one.kept[:_MOST_LISTED]),
        unlisted=max(0, len(one.kept) - _MOST_LISTED),
        why_not=one.why_not,
        set_aside=tuple(
            f"set aside by a rollback of {at.when(aside.moment).text}: {aside.volume.name.text}"
            for aside in one.set_aside
        ),
    )


def _row(kept: Kept, at: Clock) -> KeptRow:
    generation = kept.decision.generation
    return KeptRow(
        name=name_of(generation.moment).decode(),
        local=at.when(generation.moment),
        sign=_STANDINGS[generation.standing],
        why="; ".join(map(say, kept.decision.reasons)),
        goes=_goes(kept),
        goes_at=at.maybe(kept.goes) if kept.decision.verdict is Verdict.KEEP else None,
    )


_STANDINGS = {
    Standing.VERIFIED: Sign(shape="safe", word="verified"),
    Standing.COMPLETE: Sign(shape="wait", word="complete"),
    Standing.INCOMPLETE: Sign(shape="act", word="incomplete"),
    Standing.DAMAGED: Sign(shape="risk", word="damaged"),
}


def _goes(kept: Kept) -> str:
    if kept.decision.verdict is Verdict.PRUNE:
        return "with a later run" if kept.waits else "with the next run"
    return "stays" if kept.decision.verdict is Verdict.KEEP else "only by hand"
