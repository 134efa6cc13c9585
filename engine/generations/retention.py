"""Which generations stay, which go, and why. Pure.

The rules are restic's (`forget`, internal/restic/snapshot_policy.go and doc/060_forget.rst):

* Each rule looks at all generations by itself, and one stays if any rule wants it. So it is not
  borg's way, where what one rule has taken does not count for the next (`borg prune`).
* `last: n` wants the n newest. `hourly` to `yearly` want the newest of each of the last n periods
  that have one: periods without a run do not count. Periods are those of the clock on the wall in
  the manifest's zone, an hour that comes twice is one hour, and weeks are ISO weeks.
* While a rule has fewer than n periods, it wants the oldest generation too (restic since 0.16,
  issue 3624; borg since 1.2): history that was begun in June is not cut to New Year's Eve.
* `within` counts from the newest generation and not from now (borg counts from now): a leg that no
  longer runs loses nothing. Here a generation that is exactly so old stays.
* Without a rule everything stays. Zero is a rule not given.

Above the rules stands law 16: a generation goes only where a newer one was verified. From that it
follows that the newest one, and at least one, stays.

What is dated after `now` was made while the clock was wrong, or the clock is wrong now. It stays,
and it counts for nothing: neither as the newest, nor as a period's, nor as the newer one that lets
others go (restic ignores such ones for `within` alone). Once the clock has passed it, it counts
like any other. With a clock that was set back all of them stay. That the clock is ahead while a
run goes cannot be seen from here: whoever prunes compares it with the run history first.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing
from engine.generations.reasons import (
    Circumstance,
    Counted,
    Expired,
    Oldest,
    Outrun,
    Reason,
    Recent,
    Release,
    Rule,
    Superseded,
)
from policy.parts import Keep
from policy.values import Duration


class Verdict(enum.Enum):
    """What is to become of a generation."""

    KEEP = "keep"
    PRUNE = "prune"
    APART = "apart"
    """Not retention's to keep or to prune: incomplete or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One generation's verdict, with every reason: all for keeping it, or why each rule lets go."""

    generation: Generation
    verdict: Verdict
    reasons: tuple[Reason, ...]


def decide(
    generations: Iterable[Generation],
    keep: Keep,
    *,
    zone: ZoneInfo,
    now: datetime,
    held: Collection[datetime] = frozenset(),
) -> tuple[Decision, ...]:
    """Judge all generations of one place, the newest first.

    `held` are the moments of those that must stay whatever the rules say: being read, or pinned.
    Raises `ValueError` where two have the same moment: they are not of one place.
    """
    ordered = sorted(generations, key=lambda one: one.moment, reverse=True)
    if len({one.moment for one in ordered}) < len(ordered):
        raise ValueError("two generations of one moment")
    counted = [one for one in ordered if one.counts and one.moment <= now]
    rows = zip(counted, _rows([one.moment for one in counted], keep, zone), strict=True)
    by_rules = {one.moment: reasons for one, reasons in rows}
    verified = (one.moment for one in counted if one.standing is Standing.VERIFIED)
    newest_verified = next(verified, None)
    return tuple(
        _judged(one, by_rules.get(one.moment), newest_verified, is_held=one.moment in held)
        for one in ordered
    )


def counts_of(keep: Keep) -> tuple[tuple[Rule, int], ...]:
    """Return the rules of a retention that count, each with its number."""
    given = (
        (Rule.LAST, keep.last),
        (Rule.HOURLY, keep.hourly),
        (Rule.DAILY, keep.daily),
        (Rule.WEEKLY, keep.weekly),
        (Rule.MONTHLY, keep.monthly),
        (Rule.YEARLY, keep.yearly),
    )
    return tuple((rule, limit) for rule, limit in given if limit)


def period_of(rule: Rule, moment: datetime, zone: ZoneInfo) -> str:
    """Return the period of a rule that a moment lies in; for `last` each is one by itself."""
    local = moment.astimezone(zone)
    match rule:
        case Rule.LAST:
            return moment.isoformat()
        case Rule.HOURLY:
            return f"{local:%Y-%m-%d %H}h"
        case Rule.DAILY:
            return f"{local:%Y-%m-%d}"
        case Rule.WEEKLY:
            year, week, _ = local.isocalendar()
            return f"{year}-W{week:02}"
        case Rule.MONTHLY:
            return f"{local:%Y-%m}"
        case Rule.YEARLY:
            return f"{local:%Y}"


def _judged(
    one: Generation,
    by_rules: tuple[Reason, ...] | None,
    newest_verified: datetime | None,
    *,
    is_held: bool,
) -> Decision:
    held = (Circumstance.HELD,) if is_held else ()
    if by_rules is None:
        verdict, why = _uncounted(one)
        return Decision(generation=one, verdict=verdict, reasons=(why, *held))
    wanted = tuple(reason for reason in by_rules if not isinstance(reason, Release))
    reasons = (*wanted, *_above_rules(one.moment, newest_verified), *held)
    if reasons:
        return Decision(generation=one, verdict=Verdict.KEEP, reasons=reasons)
    return Decision(generation=one, verdict=Verdict.PRUNE, reasons=by_rules)


def _uncounted(one: Generation) -> tuple[Verdict, Circumstance]:
    match one.standing:
        case Standing.INCOMPLETE:
            return Verdict.APART, Circumstance.INCOMPLETE
        case Standing.DAMAGED:
            return Verdict.APART, Circumstance.DAMAGED
        case Standing.COMPLETE | Standing.VERIFIED:
            return Verdict.KEEP, Circumstance.FUTURE


def _above_rules(moment: datetime, newest_verified: datetime | None) -> tuple[Circumstance, ...]:
    """Law 16: nothing goes before a newer one is verified, and never the last."""
    if newest_verified is None or moment > newest_verified:
        return (Circumstance.NOTHING_NEWER_VERIFIED,)
    return (Circumstance.NEWEST_VERIFIED,) if moment == newest_verified else ()


def _rows(moments: list[datetime], keep: Keep, zone: ZoneInfo) -> Iterator[tuple[Reason, ...]]:
    """What each rule says of each moment; the newest comes first."""
    columns = [_by_count(moments, rule, limit, zone) for rule, limit in counts_of(keep)]
    if keep.within is not None:
        columns.insert(0, _by_age(moments, keep.within))
    if not columns:
        return iter([(Circumstance.NO_RULE,)] * len(moments))
    return zip(*columns, strict=True)


def _by_age(moments: list[datetime], within: Duration) -> Iterator[Reason]:
    for moment in moments:
        recent = moments[0] - moment <= timedelta(seconds=within.seconds)
        yield Recent(within=within) if recent else Expired(within=within)


def _by_count(moments: list[datetime], rule: Rule, limit: int, zone: ZoneInfo) -> Iterator[Reason]:
    # A set and not only the period before: where a zone has set its clocks back over midnight, a
    # day comes in two pieces.
    chosen: set[str] = set()
    for moment in moments:
        period = period_of(rule, moment, zone)
        if period in chosen and moment == moments[-1] and len(chosen) < limit:
            yield Oldest(rule=rule, filled=len(chosen), limit=limit)
        elif period in chosen:
            yield Superseded(rule=rule, period=period)
        elif len(chosen) < limit:
            chosen.add(period)
            yield Counted(rule=rule, number=len(chosen), limit=limit, period=period)
        else:
            yield Outrun(rule=rule, limit=limit, period=period)
