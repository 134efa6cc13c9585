"""What is safe and until when, source by source; what needs somebody; how each leg stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.plan.model import Plan
from engine.promises.allowed_age import SLACK
from engine.report.concerns import Concern, to_act_on, to_know
from engine.report.facts import Facts
from engine.report.headline import Headline, Level
from engine.standing.safety import BEHIND, Safety, SourceSafety
from engine.standing.status import Health, LegStatus
from engine.verify.verdict import Verified, said
from renderers.report.scale import Scale, Span
from renderers.report.words import (
    Clock,
    Sign,
    When,
    length,
    of_leg,
    of_level,
    of_run,
    of_safety,
    several,
)

_NAMED = 4
"""Sources at risk that the title names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of the first glance."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is said first."""

    sign: Sign
    title: str
    more: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source."""

    name: str
    kind: str
    """How the filter calls its state."""
    sign: Sign
    fresh: str
    oldest: str
    risk: str
    """From when, or since when."""
    risk_at: When | None
    then: str
    """What is passed then."""
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old the data of a leg are, on a line that ends a little behind what is allowed."""

    span: Span
    allowed: float
    old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRow:
    """One leg."""

    name: str
    kind: str
    way: str
    """From where to where."""
    sign: Sign
    sound: bool
    age: str
    allowed: str
    meter: Age | None
    last: When | None
    ended: Sign | None
    due: When | None
    verified: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One concern."""

    about: str
    what: str
    more: str
    do: str
    until: When | None


def glance(facts: Facts, found: Headline, at: Clock) -> Glance:
    """The first thing that is seen."""
    return Glance(
        sign=of_level(found.level),
        title=_title(found, at),
        more=_more(found, at),
        figures=tuple(_figures(facts, found, at)),
    )


def _title(found: Headline, at: Clock) -> str:
    until = f" until {at.when(found.until).text}" if found.until is not None else ""
    match found.level:
        case Level.RISK:
            names = [one.source for one in found.at_risk]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return f"At risk: {', '.join(names[:_NAMED])}{more}"
        case Level.ATTENTION:
            return f"Safe{until}, but something needs you" if found.safe else "Something needs you"
        case Level.SAFE:
            return f"Everything copied here is safe{until}"
        case Level.UNKNOWN:
            return "Nothing is copied here that could be judged"


def _more(found: Headline, at: Clock) -> str:
    if found.until is None or found.first is None:
        return ""
    first = f"{found.first.source} is at risk first"
    if found.level is Level.RISK:
        others = several(found.safe, "source is", "sources are")
        return f"{others} safe until {at.when(found.until).text} if nothing more runs; {first}"
    return f"if nothing more runs; {first}"


def _figures(facts: Facts, found: Headline, at: Clock) -> Iterator[Figure]:
    judged = found.safe + len(found.at_risk)
    beside = [
        *([f"{found.elsewhere} not known here"] if found.elsewhere else []),
        *([f"{found.not_kept} not kept"] if found.not_kept else []),
    ]
    yield Figure(value=f"{found.safe} of {judged}", label="sources safe", note=", ".join(beside))
    known = [one.oldest for one in facts.sources if one.oldest is not None]
    yield Figure(value=length(max(known, default=None)), label="oldest copy")
    yield Figure(
        value=str(len(found.unsound)) if found.unsound else "none",
        label="legs that need you",
        note=f"of {len(facts.legs)}",
    )
    if found.next_run is not None:
        due = at.when(found.next_run)
        yield Figure(value=due.text, label="next run", note=found.next_leg)


def source_rows(facts: Facts, at: Clock) -> tuple[SourceRow, ...]:
    """All sources, what is at risk first."""
    return tuple(_source(one, at) for one in facts.sources)


def _source(one: SourceSafety, at: Clock) -> SourceRow:
    limit = one.first
    return SourceRow(
        name=one.source,
        kind=one.safety.name.lower().replace("_", "-"),
        sign=of_safety(one.safety),
        fresh=f"{one.fresh} of {one.copies}" if one.copies else "–",
        oldest=length(one.oldest),
        risk=_risk(one, at),
        risk_at=at.maybe(limit.at) if limit is not None else None,
        then=limit.what if limit is not None else _WHY_NOT.get(one.safety, ""),
        part=limit.part if limit is not None else "",
    )


_WHY_NOT = {
    Safety.UNKNOWN: "copied elsewhere",
    Safety.NOT_KEPT: "by decision",
}


def _risk(one: SourceSafety, at: Clock) -> str:
    if one.first is None:
        return ""
    if one.first.at is None:
        behind = one.first.what.startswith(BEHIND)
        return "until its next run" if behind else "until its first copy"
    return "since" if one.first.at < at.now else "from"


def leg_rows(facts: Facts, at: Clock) -> tuple[LegRow, ...]:
    """All legs: those that need somebody first, those of which nobody here knows last."""
    rows = sorted(facts.legs, key=lambda one: (one.sound, one.health is Health.ELSEWHERE))
    return tuple(_leg(facts.plan, one, at) for one in rows)


def _leg(plan: Plan, one: LegStatus, at: Clock) -> LegRow:
    checked = [item.verified for item in one.items if item.verified is not None]
    return LegRow(
        name=one.leg,
        kind=one.kind,
        way=_way(plan, one.leg),
        sign=of_leg(one),
        sound=one.sound,
        age=length(one.age),
        allowed=length(one.allowed),
        meter=_meter(one),
        last=at.maybe(one.last.started) if one.last is not None else None,
        ended=of_run(one.last) if one.last is not None else None,
        due=at.maybe(one.due),
        verified=tuple(_verified(found, at) for found in checked),
    )


def _way(plan: Plan, name: str) -> str:
    leg = plan.leg(name)
    if leg is None:
        return ""
    reads = dict.fromkeys(feed.reads for feed in leg.feeds)
    writes = dict.fromkeys(str(feed.writes) for feed in leg.feeds if feed.writes is not None)
    return f"{', '.join(reads)} → {', '.join(writes)}" if writes else ", ".join(reads)


def _verified(found: Verified, at: Clock) -> str:
    return f"{found.reads}, {at.when(found.ended).text}: {said(found)}"


def _meter(one: LegStatus) -> Age | None:
    if one.age is None or one.allowed is None:
        return None
    allowed = (one.allowed + SLACK).total_seconds()
    line = Scale(begins=0.0, ends=1.25 * allowed)
    return Age(
        span=line.span(0.0, max(0.0, one.age.total_seconds()), least=1.0),
        allowed=line.at(allowed),
        old=one.too_old,
    )


def acting(facts: Facts, at: Clock) -> tuple[Told, ...]:
    """What needs somebody."""
    return tuple(_told(to_act_on(facts), at))


def knowing(facts: Facts, at: Clock) -> tuple[Told, ...]:
    """What is worth knowing, with what came or went since the last apply."""
    return tuple(_told(to_know(facts), at))


def _told(concerns: Iterable[Concern], at: Clock) -> Iterator[Told]:
    for one in concerns:
        yield Told(
            about=one.about,
            what=one.what,
            more=one.more,
            do=one.do,
            until=at.maybe(one.until),
        )
