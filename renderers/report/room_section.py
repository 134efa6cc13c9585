"""The room of each destination: how full it is, where its limit lies, and when it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from engine.records.measurement import GenerationRoom, human_bytes
from engine.report.facts import Facts
from engine.standing.forecast import WINDOW, RoomDay
from engine.standing.surroundings import DestinationStatus, RoomHealth
from policy.destinations import Destination
from renderers.report.scale import Scale
from renderers.report.words import Clock, Sign, length, of_room

_AHEAD = timedelta(days=30)
"""Drawn beyond today where nothing is foretold…"""
_FURTHEST = timedelta(days=180)
"""…and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Use over time, in a square of 100 by 100 that the page stretches."""

    used: str
    """Path of what was used."""
    area: str
    """The same, closed down to nothing used."""
    forecast: str
    """Path from the last figure to the limit; empty where none is foretold."""
    limit: float
    """Height of the limit."""
    today: float
    begins: str
    ends: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomCard:
    """One destination."""

    name: str
    address: str
    about: str
    """Its medium and site."""
    sign: Sign
    used: float | None
    """Percent."""
    limit: float
    figures: str
    measured: str
    forecast: str
    """When the limit is reached; empty where nobody knows how full it is."""
    chart: Chart | None
    generations: tuple[str, ...]


def room_cards(facts: Facts, at: Clock) -> tuple[RoomCard, ...]:
    """One for each destination, in the plan's order."""
    days = {one.destination: one.days for one in facts.rooms}
    return tuple(_card(facts, one, days.get(one.destination, ()), at) for one in facts.destinations)


def _card(facts: Facts, one: DestinationStatus, days: tuple[RoomDay, ...], at: Clock) -> RoomCard:
    destination = facts.plan.destination(one.destination)
    assert destination is not None
    return RoomCard(
        name=one.destination,
        address=_address(destination),
        about=f"{destination.media}, site {destination.site}"
        + (", away at times" if destination.sometimes else ""),
        sign=of_room(one.health),
        used=round(100 * one.used, 1) if one.used is not None else None,
        limit=round(100 * one.max_used, 1),
        figures=_figures(one),
        measured=f"measured {length(one.age)} ago" if one.age is not None else "",
        forecast=_forecast(one, days, facts),
        chart=_chart(one, days, at),
        generations=tuple(
            _generations(room, facts)
            for room in facts.generations
            if room.place.partition(":")[0] == one.destination
        ),
    )


def _address(destination: Destination) -> str:
    if destination.ssh is not None:
        return f"{destination.ssh.account}:{destination.path}"
    return str(destination.path)


def _figures(one: DestinationStatus) -> str:
    if one.free is None or one.total is None or one.used is None:
        return one.health.value
    trial = " (that of this trial's disk)" if one.staged else ""
    return f"{human_bytes(one.free)} free of {human_bytes(one.total)}{trial}"


def _forecast(one: DestinationStatus, days: tuple[RoomDay, ...], facts: Facts) -> str:
    if one.used is None:
        return ""
    if one.health is RoomHealth.OVER:
        return "above its limit now"
    if one.full_on is not None:
        left = (one.full_on - facts.now.date()).days
        return f"at its limit on about {one.full_on} at this rate, in {left:,} days"
    if len(days) < 2 or days[-1].day - days[0].day < timedelta(days=7):
        return "no forecast yet: it takes a week of figures"
    return "not foreseen to reach its limit within two years"


def _generations(room: GenerationRoom, facts: Facts) -> str:
    return room.words(facts.now)


def _chart(one: DestinationStatus, days: tuple[RoomDay, ...], at: Clock) -> Chart | None:
    today = at.now.date()
    shown = sorted(
        (day for day in days if today - WINDOW <= day.day <= today and day.total > 0),
        key=lambda day: day.day,
    )
    if len(shown) < 2:
        return None
    last = shown[-1]
    ends = _ends(one.full_on, today)
    line = Scale(begins=shown[0].day.toordinal(), ends=ends.toordinal())
    points = [(line.at(day.day.toordinal()), _height(day.used / day.total)) for day in shown]
    used = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    limit = _height(one.max_used)
    forecast = ""
    if one.full_on is not None and one.health is not RoomHealth.OVER:
        reached = _reached(one, last, ends)
        forecast = (
            f"M{points[-1][0]:g} {points[-1][1]:g}L{line.at(min(one.full_on, ends).toordinal()):g}"
            f" {_height(reached):g}"
        )
    first = points[0][0]
    return Chart(
        used=used,
        area=f"{used}L{points[-1][0]:g} 100L{first:g} 100Z",
        forecast=forecast,
        limit=limit,
        today=line.at(today.toordinal()),
        begins=f"{shown[0].day.day} {shown[0].day:%b}",
        ends=f"{ends.day} {ends:%b %Y}",
        words=f"used {shown[0].used / shown[0].total:.0%} on {shown[0].day}, "
        f"{last.used / last.total:.0%} on {last.day}; limit {one.max_used:.0%}",
    )


def _ends(full_on: date | None, today: date) -> date:
    wanted = today + _AHEAD
    if full_on is not None:
        wanted = max(wanted, full_on + timedelta(days=7))
    return min(wanted, today + _FURTHEST)


def _reached(one: DestinationStatus, last: RoomDay, ends: date) -> float:
    """What is used where the picture ends, if the limit lies beyond that."""
    assert one.full_on is not None
    begun = last.used / last.total
    whole = (one.full_on - last.day).days
    if one.full_on <= ends or whole <= 0:
        return one.max_used
    return begun + (one.max_used - begun) * (ends - last.day).days / whole


def _height(share: float) -> float:
    return round(100 * (1 - min(1.0, max(0.0, share))), 2)
