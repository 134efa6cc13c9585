"""Whether a pass looks at everything or at what changed only, and why: a pure decision."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.records.journal import Coverage, JournalSeen
from policy.legs import MirrorLeg
from policy.parts import Attribute

_EARLY = timedelta(hours=1)
"""A pass that is due within the hour is due: a nightly run must not miss it by a minute."""


class Mode(enum.Enum):
    """What a pass looks at."""

    FULL = "full"
    INCREMENTAL = "incremental"
    """Only at what the journal names."""


class Forced(enum.Enum):
    """What a person asked of one run."""

    NOTHING = "nothing"
    FULL = "full"
    SEED = "seed"
    """The first full pass, without a time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChoice:
    """What a feed's pass looks at, and why."""

    mode: Mode
    reason: str


def choose_mode(
    leg: MirrorLeg,
    *,
    journal: JournalSeen | None,
    full_began: datetime | None,
    same_rules: bool,
    forced: Forced,
    now: datetime,
) -> ModeChoice:
    """Decide for one feed.

    `full_began` is the start of its last successful full pass at this very place, and
    `same_rules` whether that one went by today's rules.
    """
    reason = _reason_for_full(leg, journal, full_began, same_rules, forced, now)
    if reason:
        return ModeChoice(mode=Mode.FULL, reason=reason)
    assert journal is not None
    count = f"{journal.pending:,} {'change' if journal.pending == 1 else 'changes'} in the journal"
    return ModeChoice(mode=Mode.INCREMENTAL, reason=count)


def full_due(leg: MirrorLeg, full_began: datetime | None) -> datetime | None:
    """From when a full pass is due; None where each pass is one anyway (law 12)."""
    if leg.full_every is None or full_began is None:
        return None
    return full_began + timedelta(seconds=leg.full_every.seconds)


def _reason_for_full(
    leg: MirrorLeg,
    journal: JournalSeen | None,
    full_began: datetime | None,
    same_rules: bool,  # noqa: FBT001 - one of the facts of `choose_mode`
    forced: Forced,
    now: datetime,
) -> str:
    if forced is not Forced.NOTHING:
        return "it was asked for" if forced is Forced.FULL else "it is the seed"
    if full_began is None:
        return "none has succeeded here yet"
    if not same_rules:
        return "what the leg takes has changed since the last full pass"
    if leg.full_every is None:
        return "the leg has no full_every"
    if full_began > now:
        return f"the last one began at {_day(full_began)}, and by this clock that is yet to come"
    due = full_due(leg, full_began)
    if due is not None and now >= due - _EARLY:
        return f"it is due: the last one began {_day(full_began)}"
    if Attribute.XATTRS in leg.preserve:
        return "the leg keeps extended attributes, which only a full pass reads"
    return _gap(journal)


def _gap(journal: JournalSeen | None) -> str:
    if journal is None:
        return Coverage.UNTRACKED.value
    if journal.gaps:
        first = journal.gaps[0]
        return f"the journal has a gap since {_day(first.since)}: {first.reason}"
    if journal.coverage is not Coverage.FOLLOWED:
        detail = f": {journal.detail}" if journal.detail else ""
        return f"{journal.coverage.value}{detail}"
    return ""


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
