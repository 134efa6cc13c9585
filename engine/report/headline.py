"""The one glance: whether everything is safe, until when, and if not, what is at risk. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from engine.report.facts import Facts
from engine.standing.safety import Safety, SourceSafety


class Level(enum.Enum):
    """How urgent it is; the values are said on the page beside a sign of their own shape."""

    SAFE = "safe"
    ATTENTION = "needs you"
    """Everything that is known is safe, and somebody has to act all the same."""
    RISK = "at risk"
    UNKNOWN = "not known"
    """Nothing that is copied here can be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What is said first."""

    level: Level
    safe: int
    at_risk: tuple[SourceSafety, ...]
    elsewhere: int
    """Sources that others copy, or that this version cannot: nobody here knows of them."""
    not_kept: int
    first: SourceSafety | None
    """The safe source that is at risk first if nothing more runs; None: none, or nobody knows."""
    until: datetime | None
    """When that is."""
    unsound: tuple[str, ...]
    """Legs that need somebody."""
    next_run: datetime | None
    next_leg: str


def headline(facts: Facts) -> Headline:
    """Judge all sources together."""
    by_safety = {kind: tuple(one for one in facts.sources if one.safety is kind) for kind in Safety}
    safe, risky = by_safety[Safety.SAFE], by_safety[Safety.AT_RISK]
    ends = [(one.first.at, one) for one in safe if one.first is not None and one.first.at]
    until, first = min(ends, key=lambda one: (one[0], one[1].source), default=(None, None))
    due = [(one.due, one.leg) for one in facts.legs if one.due is not None]
    next_run, next_leg = min(due, default=(None, ""))
    return Headline(
        level=_level(facts, safe=bool(safe), risky=bool(risky)),
        safe=len(safe),
        at_risk=risky,
        elsewhere=len(by_safety[Safety.UNKNOWN]),
        not_kept=len(by_safety[Safety.NOT_KEPT]),
        first=first,
        until=until,
        unsound=tuple(one.leg for one in facts.legs if not one.sound),
        next_run=next_run,
        next_leg=next_leg,
    )


def _level(facts: Facts, *, safe: bool, risky: bool) -> Level:
    if risky:
        return Level.RISK
    if not facts.healthy:
        return Level.ATTENTION
    return Level.SAFE if safe else Level.UNKNOWN
