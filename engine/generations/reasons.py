"""Why a generation stays or goes: the rules, and each reason as data and in words. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from policy.parts import Keep
from policy.values import Duration


class Rule(enum.Enum):
    """A rule that counts; the values are the manifest's words."""

    LAST = "last"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """It stays: the newest of one of the periods that a rule wants."""

    rule: Rule
    number: int
    """1 for the latest of these periods."""
    limit: int
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oldest:
    """It stays: the oldest of all, while a rule has fewer periods than it wants."""

    rule: Rule
    filled: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """It stays: no older than `within`, counted from the newest."""

    within: Duration


class Circumstance(enum.Enum):
    """What no rule says."""

    NO_RULE = "no rule says what goes"
    NEWEST_VERIFIED = "the newest verified one"
    NOTHING_NEWER_VERIFIED = "nothing newer is verified"
    HELD = "held"
    FUTURE = "dated in the future"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A rule does not want it: a newer one stands for its period."""

    rule: Rule
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outrun:
    """A rule does not want it: as many newer periods as it wants have one."""

    rule: Rule
    limit: int
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A rule does not want it: older than `within`, counted from the newest."""

    within: Duration


Release = Superseded | Outrun | Expired
"""Why one rule lets go."""
Reason = Counted | Oldest | Recent | Circumstance | Release


def say(reason: Reason) -> str:
    """Put a reason into words."""
    match reason:
        case Counted(rule=Rule.LAST, number=number, limit=limit):
            return f"last {number} of {limit}"
        case Counted(rule=rule, number=number, limit=limit, period=period):
            return f"{rule.value} {number} of {limit}: newest of {period}"
        case Oldest(rule=rule, filled=filled, limit=limit):
            return f"the oldest: {rule.value} has {filled} of {limit}"
        case Recent(within=within):
            return f"within {within} of the newest"
        case Circumstance():
            return reason.value
        case Superseded() | Outrun() | Expired():
            return _say_release(reason)


def _say_release(reason: Release) -> str:
    match reason:
        case Superseded(rule=rule, period=period):
            return f"{rule.value}: a newer one stands for {period}"
        case Outrun(rule=Rule.LAST, limit=limit):
            return f"last: {limit} are newer"
        case Outrun(rule=rule, limit=limit, period=period):
            return f"{rule.value}: {limit} later ones than {period}"
        case Expired(within=within):
            return f"more than {within} older than the newest"


def keep_text(keep: Keep) -> str:
    """A retention in the manifest's words."""
    parts = [f"within {keep.within}"] if keep.within is not None else []
    for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        number = getattr(keep, name)
        if number is not None:
            parts.append(f"{name} {number}")
    return ", ".join(parts) or "all"
