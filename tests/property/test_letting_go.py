"""What a run lets go: whatever came before, and however many runs fail on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.generations.names import Generation, Standing
from engine.generations.retention import Verdict, decide
from engine.legs.generation_frame import letting_go
from policy.parts import Keep
from policy.values import Duration
from tests.generations import NOW, RUN

ZONE = ZoneInfo("Europe/Sofia")
COUNTS = st.none() | st.integers(1, 6)
KEEPS = st.builds(
    Keep,
    last=COUNTS,
    hourly=COUNTS,
    daily=COUNTS,
    weekly=COUNTS,
    monthly=COUNTS,
    within=st.none() | st.integers(1, 40 * 86_400).map(Duration),
)
HOURS = st.sets(st.integers(-60 * 24, 20 * 24), max_size=30)


def at(hours: int) -> datetime:
    return NOW.replace(microsecond=0) + timedelta(hours=hours)


@st.composite
def folders(draw: st.DrawFn) -> tuple[Generation, ...]:
    """A folder of generations before a run: also from the future, also damaged."""
    return tuple(
        Generation(moment=at(hours), standing=draw(st.sampled_from(Standing)))
        for hours in sorted(draw(HOURS))
    )


def gone(known: tuple[Generation, ...], keep: Keep, now: datetime) -> list[Generation]:
    decisions = letting_go(known, keep, replace(RUN, now=now), ZONE)
    return [one.generation for one in decisions]


@given(folders(), KEEPS)
def test_law_16_at_most_half_goes_in_one_run_the_oldest_of_what_the_rules_let_go(
    known: tuple[Generation, ...], keep: Keep
) -> None:
    found = gone(known, keep, NOW)
    assert len(found) <= max(1, (len(known) + 1) // 2)
    new = Generation(moment=at(0), standing=Standing.VERIFIED)
    if at(0) in {one.moment for one in known}:
        assert found == []
        return
    decided = decide((*known, new), keep, zone=ZONE, now=NOW)
    let_go = [one.generation for one in reversed(decided) if one.verdict is Verdict.PRUNE]
    assert found == let_go[: len(found)], "the oldest first"
    assert found or not let_go, "one goes where one comes"


@given(folders(), KEEPS)
def test_law_16_what_is_damaged_unfinished_or_from_the_future_never_goes(
    known: tuple[Generation, ...], keep: Keep
) -> None:
    for one in gone(known, keep, NOW):
        assert one.counts
        assert one.moment < at(0)


RUNS = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from(["verified", "degraded", "failed"])),
    max_size=25,
)


@given(folders(), KEEPS, RUNS)
def test_law_16_the_newest_verified_one_stays_whatever_fails(
    known: tuple[Generation, ...], keep: Keep, runs: list[tuple[int, str]]
) -> None:
    """A run prunes once its own generation is there and good, and only then."""
    now = NOW
    for hours, end in runs:
        now += timedelta(hours=hours)
        going = gone(known, keep, now)
        moment = now.replace(microsecond=0)
        if end == "failed" or moment in {one.moment for one in known}:
            continue
        whole = end == "verified"
        standing = Standing.VERIFIED if whole else Standing.COMPLETE
        before = newest_verified(known)
        known = (*known, Generation(moment=moment, standing=standing))
        if whole:
            known = tuple(one for one in known if one not in going)
        after = newest_verified(known)
        assert after is not None or before is None
        assert whole or after == before, "a run that is not whole takes nothing"


def newest_verified(known: tuple[Generation, ...]) -> datetime | None:
    return max((one.moment for one in known if one.standing is Standing.VERIFIED), default=None)


@given(folders(), KEEPS)
def test_what_is_let_go_is_gone_after_a_few_runs(known: tuple[Generation, ...], keep: Keep) -> None:
    """Half and half again: no more runs than it takes to look."""
    now = NOW + timedelta(days=21)
    for _ in range(7):
        now += timedelta(seconds=1)
        going = gone(known, keep, now)
        new = Generation(moment=now.replace(microsecond=0), standing=Standing.VERIFIED)
        known = tuple(one for one in (*known, new) if one not in going)
    decided = decide(known, keep, zone=ZONE, now=now)
    assert sum(one.verdict is Verdict.PRUNE for one in decided) <= 1
