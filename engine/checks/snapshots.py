"""Snapshots that a destination takes of itself, against what it is declared to keep. Pure.

Whatever is declared has to have had its time: nothing older is asked for than the declaration, as
it stands, is. What differs is told in sentences, the gravest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from engine.checks.judge import length, named
from engine.checks.outcome import Status, Verdict
from engine.generations.elsewhere import Expected, expected_of
from engine.generations.reasons import keep_text
from engine.items.native_snapshots import NativeSetting, NativeSnapshot, counts_set
from policy.snapshots import NativeSnapshots
from policy.values import display

_AHEAD = timedelta(hours=1)
"""One that is dated later than this from now says that a clock is wrong, and nothing else."""


def judge_snapshots(
    declared: NativeSnapshots,
    found: Sequence[NativeSnapshot],
    *,
    now: datetime,
    since: datetime | None,
    zone: str,
    setting: NativeSetting | None = None,
) -> Verdict:
    """Judge what is there; `since` when it was declared as it is, None: for ever."""
    counted = [one for one in found if _counts(declared, one)]
    kept = sorted(one for one in counted if not one.writable)
    faults = [
        *_set_otherwise(declared, setting),
        *_writable(counted, declared),
        *_differences(declared, kept, now=now, since=since, zone=zone),
    ]
    return Verdict(
        status=Status.FAILED if faults else Status.OK,
        reason=named(faults) if faults else _well(declared, kept, now),
        looked=len(kept),
        newest=kept[-1].taken if kept else None,
        oldest=kept[0].taken if kept else None,
    )


def _counts(declared: NativeSnapshots, one: NativeSnapshot) -> bool:
    return declared.names is None or declared.names.matches(one.name)


def _well(declared: NativeSnapshots, kept: Sequence[NativeSnapshot], now: datetime) -> str:
    newest, oldest = kept[-1].taken, kept[0].taken
    return (
        f"{len(kept):,} of {declared.share}, the newest {length(now - newest)} old, "
        f"the oldest {length(now - oldest)}"
    )


def _set_otherwise(declared: NativeSnapshots, setting: NativeSetting | None) -> Iterator[str]:
    """What the machine says that it is set to keep, where that can be compared."""
    if setting is None:
        return
    if not setting.there:
        declares = f"{keep_text(declared.keep)} is declared"
        yield f"no retention is set for {declared.share}, and {declares}"
        return
    for rule, number in counts_set(setting).items():
        wanted: int = getattr(declared.keep, rule) or 0
        if number != wanted:
            yield f"{rule} {number} is set for {declared.share}, and {wanted} is declared"


def _writable(counted: Sequence[NativeSnapshot], declared: NativeSnapshots) -> Iterator[str]:
    names = [display(one.name) for one in counted if one.writable]
    if names:
        which = f"{len(names):,} of {declared.share} ({names[-1]})"
        yield f"{which} can be written to, and so cannot be relied on"


def _differences(
    declared: NativeSnapshots,
    kept: Sequence[NativeSnapshot],
    *,
    now: datetime,
    since: datetime | None,
    zone: str,
) -> Iterator[str]:
    expected = expected_of(declared, zone)
    had = now - since if since is not None else None
    if not kept:
        yield f"none of {declared.share} is there that counts"
        return
    newest, oldest = kept[-1], kept[0]
    age = now - newest.taken
    if age < -_AHEAD:
        ahead = f"dated {length(-age)} from now: a clock is wrong"
        yield f"the newest ({display(newest.name)}) is {ahead}"
        return
    limit = timedelta(seconds=declared.every.seconds) + expected.late
    if age > limit:
        yield f"the newest is {length(age)} old, and one is declared every {declared.every}"
    short = _short(declared, newest.taken - oldest.taken, expected, had)
    yield from short
    if not short:
        yield from _few(declared, len(kept), expected, had)
    yield from _overdue(declared, kept, expected)


def _short(
    declared: NativeSnapshots, reach: timedelta, expected: Expected, had: timedelta | None
) -> tuple[str, ...]:
    """Whether the oldest one is too young: less is kept than is declared."""
    wanted = expected.reach if had is None else min(expected.reach, had)
    if reach >= wanted - expected.tolerance:
        return ()
    return (
        f"the oldest reaches back {length(reach)}, and {keep_text(declared.keep)} "
        f"is declared: {length(wanted)} at least by now",
    )


def _few(
    declared: NativeSnapshots, number: int, expected: Expected, had: timedelta | None
) -> Iterator[str]:
    """Whether there are large holes: single ones that are missing are nobody's to bring back."""
    if had is not None and had < expected.reach + expected.tolerance:
        return
    if number < expected.fewest / 2:
        declares = f"{keep_text(declared.keep)} every {declared.every}"
        yield f"{number:,} are there, and {declares} comes to {expected.fewest:,}"


def _overdue(
    declared: NativeSnapshots, kept: Sequence[NativeSnapshot], expected: Expected
) -> Iterator[str]:
    """Whether some should have gone: more is kept than is declared, and fills the place."""
    if expected.oldest is None:
        return
    limit = expected.oldest + expected.tolerance
    newest = kept[-1].taken
    over = [one for one in kept if not one.locked and newest - one.taken > limit]
    if over:
        yield (
            f"{len(over):,} should have gone: the oldest ({display(over[0].name)}) is "
            f"{length(newest - over[0].taken)} older than the newest, and "
            f"{keep_text(declared.keep)} is declared"
        )
