"""Rehearsed restores: what came back from where, how long the whole would take, and what of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.drill.outcome import (
    Drilled,
    Status,
    came_words,
    checked_words,
    estimate_words,
)
from engine.report.facts import Facts
from engine.standing.drills import DrillStatus, FromPlace
from renderers.report.words import Clock, Sign, When


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRow:
    """Restores of one source from one destination."""

    drill: str
    source: str
    place: str
    sign: Sign
    ended: When | None
    """When the last one did; None: none has."""
    reason: str
    """Why it did not end well."""
    came: str
    checked: str
    whole: str
    """How long all of the source takes, against what is stated."""
    due: When | None


def drill_rows(facts: Facts, at: Clock) -> tuple[DrillRow, ...]:
    """A row for each destination that a drill takes in turn."""
    return tuple(_rows(facts, at))


def _rows(facts: Facts, at: Clock) -> Iterator[DrillRow]:
    for drill in facts.drills:
        for place in drill.places:
            yield _row(drill, place, at)


def _row(drill: DrillStatus, place: FromPlace, at: Clock) -> DrillRow:
    last, measured = place.last, place.measured
    tried = last is not None and last.status is Status.OK
    return DrillRow(
        drill=drill.drill,
        source=drill.source,
        place=place.place,
        sign=_sign(last, slow=measured is not None and measured.slower_than(drill.stated)),
        ended=at.maybe(last.ended) if last is not None else None,
        reason=last.reason if last is not None else "",
        came=came_words(measured) if measured is not None else "",
        checked=checked_words(last) if last is not None and tried else "",
        whole=estimate_words(measured, drill.stated) if measured is not None else "",
        due=at.maybe(drill.due),
    )


def _sign(last: Drilled | None, *, slow: bool) -> Sign:
    if last is None or last.status is None:
        return Sign(shape="wait", word="never tried")
    if last.status is not Status.OK:
        return Sign(shape="risk" if last.status is Status.FAILED else "act", word=last.status.value)
    return Sign(shape="act", word="slow") if slow else Sign(shape="safe", word="came back")
