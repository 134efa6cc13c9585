"""What is safe now, what is at risk, and until when: per source, over the copies as they are. Pure.

The question is that of a person in the morning: if nothing ran any more, when would the first copy
be older than its schedules allow, or the first objective not be met? What another machine runs is
judged by nobody here, and is counted as nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.plan.model import Feed, Plan
from engine.promises.allowed_age import SLACK
from engine.promises.chains import Chains, Copy
from engine.promises.objectives import Region, falls_short, regions, wanted_in
from engine.promises.plan_chains import chains_of
from engine.routing.taken_before import took_all
from engine.standing.copy_standing import as_of_along, feeds_along, of_products, parts_along
from engine.standing.facts import Ran
from engine.standing.status import Health, LegStatus
from policy.patterns import PathPattern
from policy.routes import Objective

BEHIND = "no run of "
"""Begins what is said of a copy that nobody knows to be whole before its next run."""
_HOLDS_NOTHING = frozenset({Health.UNFED, Health.AHEAD})


class Safety(enum.Enum):
    """How safe a source is."""

    AT_RISK = "at risk"
    UNKNOWN = "not known here"
    """Its copies are made elsewhere."""
    NOT_KEPT = "not kept"
    """By decision: no route of it leads to a leg."""
    SAFE = "safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A moment at which something is passed, and what."""

    at: datetime | None
    """None: from the beginning, since there never was a copy."""
    what: str
    part: str
    """The part of the source that it is about: a route, an item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSafety:
    """One source, judged by the part of it that stands worst."""

    source: str
    safety: Safety
    fresh: int
    """Copies that are no older than they may be, the live data aside, where they are fewest."""
    copies: int
    """Of how many that this machine makes."""
    oldest: timedelta | None
    """The age of the oldest copy; None where none is known."""
    first: Limit | None
    """What is passed first if nothing runs any more, or is passed already; None: nothing known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """One copy as it is."""

    copy: Copy
    made: bool
    behind: str
    """A leg on the way that has not run since what it takes, or where it writes, has changed."""
    as_of: datetime | None
    allowed: timedelta | None
    doubted: datetime | None
    """When it was compared and found to differ; None: nothing is known against it."""

    @property
    def too_old_at(self) -> datetime | None:
        """When it will be older than its schedules allow."""
        if self.as_of is None or self.allowed is None:
            return None
        return self.as_of + self.allowed + SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One region, judged."""

    fresh: int
    copies: int
    oldest: timedelta | None
    first: Limit | None


def safety_of(
    plan: Plan, statuses: Iterable[LegStatus], *, now: datetime, chains: Chains | None = None
) -> tuple[SourceSafety, ...]:
    """Judge each source of the applied plan by how its legs stand.

    Whoever has followed the plan's chains already gives them: that takes most of the time.
    """
    chains = chains or chains_of(plan)
    wanted = wanted_in(chains.policy)
    by_leg = {one.leg: one for one in statuses}
    found: dict[str, list[_Part]] = {}
    kept: set[str] = set()
    for region in regions(chains.policy, plan.tables, chains):
        kept.add(region.source.name)
        held = tuple(_held(plan, region, by_leg))
        if held:
            part = _part(region, held, wanted(region), now)
            found.setdefault(region.source.name, []).append(part)
    judged = (
        _source(one.name, found.get(one.name, []), now, kept=one.name in kept)
        for one in plan.sources
    )
    return tuple(sorted(judged, key=_urgency))


def _held(plan: Plan, region: Region, by_leg: Mapping[str, LegStatus]) -> Iterator[_Held]:
    """The copies that are made here, all the way from the live data."""
    for copy in region.real:
        if not by_leg.keys() >= set(copy.via):
            continue
        way = [by_leg[name] for name in copy.via]
        if any(one.health is Health.ELSEWHERE for one in way):
            continue
        feeds = feeds_along(plan, copy, region.source.name)
        ran = [_successes(one, feed) for one, feed in zip(way, feeds, strict=True)]
        parts = parts_along(feeds, region.pattern) if copy.dated is None else [None] * len(way)
        hops = zip(way, feeds, parts, strict=True)
        behind = next((one.leg for one, feed, part in hops if _is_behind(one, feed, part)), "")
        yield _Held(
            copy=copy,
            made=bool(ran[-1]),
            behind=behind,
            as_of=None if behind else as_of_along(of_products(plan, feeds, ran)),
            allowed=way[-1].allowed,
            doubted=_doubted(way[-1], feeds[-1]),
        )


def _doubted(status: LegStatus, feed: Feed | None) -> datetime | None:
    """When a comparison has found that what lies there is not what it should be."""
    item = next((one for one in status.items if feed and one.name == feed.reads), None)
    if item is None or item.verified is None or not item.differing:
        return None
    return item.verified.ended


def _is_behind(status: LegStatus, feed: Feed | None, part: PathPattern | None) -> bool:
    """Nobody knows yet which of a part it has taken already of what it takes now."""
    item = next((one for one in status.items if feed and one.name == feed.reads), None)
    if feed is None or item is None or item.success is None or item.in_step:
        return False
    if item.took is None or feed.selection is None or part is None:
        return True
    return not took_all(item.took, feed.selection, part)


def _successes(status: LegStatus, feed: Feed | None) -> tuple[Ran, ...]:
    """The successes of the item that a feed is, newest first; one that copied nothing is none."""
    if status.health in _HOLDS_NOTHING or feed is None:
        return ()
    item = next((one for one in status.items if one.name == feed.reads), None)
    if item is None:
        return _oldest_success(status)
    return (item.success, *item.earlier) if item.success is not None else ()


def _oldest_success(status: LegStatus) -> tuple[Ran, ...]:
    """Of a feed that has several items, such as volumes: all of them are to be kept."""
    found = [one.success for one in status.items]
    good = [one for one in found if one is not None]
    if not good or len(good) < len(found):
        return ()
    return (min(good, key=lambda one: one.data_as_of or one.started),)


def _part(region: Region, held: tuple[_Held, ...], wanted: Objective, now: datetime) -> _Part:
    limits = [*_ages(region, held), *_objective(region, held, wanted)]
    ages = [now - one.as_of for one in held if one.as_of is not None]
    return _Part(
        fresh=sum(1 for one in held if _is_fresh(one, now)),
        copies=len(held),
        oldest=max(ages, default=None),
        first=min(limits, key=_when, default=None),
    )


def _is_fresh(one: _Held, now: datetime) -> bool:
    if one.as_of is None or one.doubted is not None:
        return False
    return one.too_old_at is None or now <= one.too_old_at


def _ages(region: Region, held: tuple[_Held, ...]) -> Iterator[Limit]:
    for one in held:
        if one.doubted is not None:
            what = f"the copy by {one.copy.leg} differs"
            yield Limit(at=one.doubted, what=what, part=region.label)
        if one.as_of is None:
            what = f"age of {one.copy.leg}" if one.made else f"no copy by {one.copy.leg}"
            if one.behind:
                what = f"{BEHIND}{one.behind} since its rules or its place changed"
            yield Limit(at=None, what=what, part=region.label)
        elif one.too_old_at is not None:
            what = f"allowed age of {one.copy.leg}"
            yield Limit(at=one.too_old_at, what=what, part=region.label)


def _objective(region: Region, held: tuple[_Held, ...], wanted: Objective) -> Iterator[Limit]:
    """When the copies that are young enough no longer amount to what is wanted.

    What falls short by decision (`because`) is none of this; neither is what does not even with all
    copies, since `check` has judged that.
    """
    if wanted.rpo is None or region.because:
        return
    made_here = {id(one.copy) for one in held}
    others = tuple(one for one in region.copies if id(one) not in made_here)
    if falls_short(region, wanted) is not None:
        return
    known = sorted(
        (one.as_of + timedelta(seconds=wanted.rpo.seconds), at)
        for at, one in enumerate(held)
        if one.as_of is not None
    )
    for moment, at in known:
        left = tuple(held[other].copy for then, other in known if (then, other) > (moment, at))
        short = falls_short(replace(region, copies=(*others, *left)), wanted)
        if short is None and not left and not others:
            short = "rpo"
        if short is not None:
            yield Limit(
                at=moment, what=f"objective: {short} within {wanted.rpo}", part=region.label
            )
            return


def _urgency(one: SourceSafety) -> tuple[int, datetime, str]:
    """What is at risk comes first, then what will be soonest."""
    order = (Safety.AT_RISK, Safety.SAFE, Safety.UNKNOWN, Safety.NOT_KEPT)
    at = _when(one.first) if one.first is not None else datetime.max.replace(tzinfo=UTC)
    return order.index(one.safety), at, one.source


def _when(limit: Limit) -> datetime:
    return limit.at or datetime.min.replace(tzinfo=UTC)


def _source(source: str, parts: list[_Part], now: datetime, *, kept: bool) -> SourceSafety:
    if not parts:
        safety = Safety.UNKNOWN if kept else Safety.NOT_KEPT
        return SourceSafety(
            source=source, safety=safety, fresh=0, copies=0, oldest=None, first=None
        )
    worst = min(parts, key=lambda one: (one.fresh - one.copies, one.fresh))
    first = min((one.first for one in parts if one.first), key=_when, default=None)
    passed = first is not None and _when(first) < now
    return SourceSafety(
        source=source,
        safety=Safety.AT_RISK if passed else Safety.SAFE,
        fresh=worst.fresh,
        copies=worst.copies,
        oldest=max((one.oldest for one in parts if one.oldest is not None), default=None),
        first=first,
    )
