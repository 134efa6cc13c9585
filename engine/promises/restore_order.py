"""The restore order of the whole: what comes first when all live data are lost (law 39).

A destination is opened, a source restored, once what it needs is there. Of what could be next the
order takes that on which most else waits. What no order reaches is a circle, and is told with each
of its links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from engine.plan.model import Plan
from engine.promises.needs import Opening, Openings, openings
from engine.promises.plan_chains import chains_of, policy_of
from policy.needs import FileNeed, Need, kept_outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One need of something, and how it is met when its turn has come."""

    need: Need
    by: str | None
    """The source that it comes from, restored before; None: from outside."""
    alone: bool = False
    """Only the file itself is fetched by then: its source comes later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A destination that is opened, or a source that is restored."""

    name: str
    is_destination: bool
    waits: tuple[Wait, ...]
    places: tuple[str, ...] = ()
    """Where all of a source can be taken from, of what is open by then."""
    parts: tuple[str, ...] = ()
    """Where a part of it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Why one thing cannot be before another one."""

    name: str
    need: Need | None
    """None: all its copies lie there."""
    waits_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """The turns in order, and the circles that no order can begin."""

    turns: tuple[Turn, ...]
    circles: tuple[tuple[Link, ...], ...] = ()


def restore_order(plan: Plan) -> RestoreOrder:
    """Put the restore of everything that a plan keeps in order."""
    return order_of(openings(policy_of(plan), plan.tables, chains_of(plan)))


def order_of(found: Openings) -> RestoreOrder:
    """Put destinations and sources in order; circles are told, and then taken for solved."""
    weights = _weights(found)
    left = dict(found.by_name)
    done: set[str] = set()
    turns: list[Turn] = []
    circles: list[tuple[Link, ...]] = []
    while left:
        ready = _ready(found, left, done)
        if not ready:
            circle = _circle(found, left, done)
            circles.append(circle)
            for link in circle:
                done.add(link.name)
                left.pop(link.name, None)
            continue
        chosen = min(ready, key=lambda one: (*_rank(one), -weights[one.name], one.name))
        turns.append(_turn(found, chosen, done))
        done.add(chosen.name)
        del left[chosen.name]
    return RestoreOrder(turns=tuple(turns), circles=tuple(circles))


def _rank(one: Opening) -> tuple[bool, bool]:
    """Destinations first, and of them those that open by themselves."""
    return not one.is_destination, one.is_destination and bool(one.all_needs)


def _ready(found: Openings, left: Mapping[str, Opening], done: Set[str]) -> list[Opening]:
    """What can be next; a file is fetched by itself only where its source cannot come before."""
    strictly = [one for one in left.values() if _is_ready(found, one, done, alone=False)]
    return strictly or [one for one in left.values() if _is_ready(found, one, done, alone=True)]


def _is_ready(found: Openings, one: Opening, done: Set[str], *, alone: bool) -> bool:
    return all(_is_met(found, need, done, alone=alone) for need in one.all_needs) and all(
        region & done for region in one.regions
    )


def _is_met(found: Openings, need: Need, done: Set[str], *, alone: bool) -> bool:
    holders = found.holders(need)
    # What nobody says the place of is a finding of its own, and keeps nothing from its turn.
    if kept_outside(need) or not holders or not done.isdisjoint(holders):
        return True
    return alone and isinstance(need, FileNeed) and bool(_fetchable(found, need, done))


def _fetchable(found: Openings, need: FileNeed, done: Set[str]) -> tuple[str, ...]:
    """The sources out of whose copies a file can be fetched, before they are restored whole."""
    return tuple(
        one.source
        for one in found.carriers[need.path]
        if one.places & done
        and all(
            _is_met(found, other, done, alone=False)
            for other in found.by_name[one.source].all_needs
        )
    )


def _turn(found: Openings, one: Opening, done: Set[str]) -> Turn:
    some = {place for region in one.regions for place in region & done}
    whole = {place for place in some if all(place in region for region in one.regions)}
    return Turn(
        name=one.name,
        is_destination=one.is_destination,
        waits=tuple(_wait(found, need, done) for need in one.all_needs),
        places=tuple(sorted(whole)),
        parts=tuple(sorted(some - whole)),
    )


def _wait(found: Openings, need: Need, done: Set[str]) -> Wait:
    before = [one for one in found.holders(need) if one in done]
    if before:
        return Wait(need=need, by=before[0])
    if isinstance(need, FileNeed) and not need.kept:
        for source in _fetchable(found, need, done):
            return Wait(need=need, by=source, alone=True)
    return Wait(need=need, by=None)


def _weights(found: Openings) -> dict[str, int]:
    """How much waits for each thing, directly or by others."""
    behind: dict[str, set[str]] = {name: set() for name in found.by_name}
    for one in found.by_name.values():
        for need in one.all_needs:
            if not kept_outside(need):
                for holder in found.holders(need):
                    behind[holder].add(one.name)
        for region in one.regions:
            if len(region) == 1:
                behind[min(region)].add(one.name)
    return {name: len(_reached(name, behind)) for name in behind}


def _reached(start: str, edges: Mapping[str, Set[str]]) -> set[str]:
    seen: set[str] = set()
    pending = [start]
    while pending:
        for following in edges[pending.pop()] - seen:
            seen.add(following)
            pending.append(following)
    return seen


# ── Circles ──────────────────────────────────────────────────────────────────────────────────


def _circle(found: Openings, left: Mapping[str, Opening], done: Set[str]) -> tuple[Link, ...]:
    """Follow what each waits for until something comes twice; the smallest name first."""
    path: list[Link] = []
    at = min(left)
    while at not in [link.name for link in path]:
        link = next(_links(found, left[at], done))
        path.append(link)
        at = link.waits_for
    first = [link.name for link in path].index(at)
    circle = path[first:]
    smallest = min(range(len(circle)), key=lambda index: circle[index].name)
    return tuple(circle[smallest:] + circle[:smallest])


def _links(found: Openings, one: Opening, done: Set[str]) -> Iterator[Link]:
    """What keeps something from its turn; each leads to something that is not done either."""
    for need in one.all_needs:
        if _is_met(found, need, done, alone=True):
            continue
        yield Link(name=one.name, need=need, waits_for=found.holders(need)[0])
    for region in one.regions:
        if not region & done:
            yield Link(name=one.name, need=None, waits_for=min(region))
