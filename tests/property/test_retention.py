"""Laws of retention, for any generations, rules and zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.generations.calendar import calendar, simulate
from engine.generations.names import Generation, Standing, moment_of, name_of
from engine.generations.reasons import Circumstance, Counted, Oldest, Recent, Rule
from engine.generations.retention import Decision, Verdict, counts_of, decide, period_of
from policy.parts import Keep
from policy.values import Duration

START = datetime(2026, 9, 1, tzinfo=UTC)
STEP = timedelta(minutes=20)
ZONES = st.sampled_from(
    ["UTC", "Europe/Sofia", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]
).map(ZoneInfo)

# Steps of very different sizes, so that hours as well as years hold several, one or none.
GAPS = st.one_of(st.integers(1, 8), st.integers(1, 300), st.integers(1, 30_000))
MOMENTS = st.lists(GAPS, max_size=40).map(
    lambda gaps: [START + STEP * sum(gaps[: number + 1]) for number in range(len(gaps))]
)
STANDINGS = st.sampled_from(
    [Standing.VERIFIED, Standing.VERIFIED, Standing.COMPLETE, Standing.INCOMPLETE, Standing.DAMAGED]
)
NUMBER = st.none() | st.integers(1, 5)
KEEPS = st.builds(
    Keep,
    within=st.none() | st.integers(1, 90 * 86400).map(Duration),
    last=NUMBER,
    hourly=NUMBER,
    daily=NUMBER,
    weekly=NUMBER,
    monthly=NUMBER,
    yearly=NUMBER,
)


@st.composite
def some_generations(draw: st.DrawFn) -> list[Generation]:
    """Generations of one place, the oldest first."""
    return [Generation(moment=one, standing=draw(STANDINGS)) for one in draw(MOMENTS)]


GENERATIONS = some_generations()
VERIFIED = MOMENTS.map(
    lambda moments: [Generation(moment=one, standing=Standing.VERIFIED) for one in moments]
)


def end_of(generations: Sequence[Generation]) -> datetime:
    return max((one.moment for one in generations), default=START)


def with_verdict(decisions: Sequence[Decision], verdict: Verdict) -> list[Generation]:
    return [one.generation for one in decisions if one.verdict is verdict]


def left(
    generations: Sequence[Generation], keep: Keep, zone: ZoneInfo, now: datetime
) -> list[Generation]:
    decisions = decide(generations, keep, zone=zone, now=now)
    return [one.generation for one in decisions if one.verdict is not Verdict.PRUNE]


def _wider(one: Keep, other: Keep) -> Keep:
    """All rules of both, each with the greater of two numbers."""
    numbers = {
        field.name: max(
            (given for given in (getattr(one, field.name), getattr(other, field.name)) if given),
            default=None,
        )
        for field in fields(Keep)
    }
    return Keep(**numbers)


class TestDecisions:
    """Each generation gets one verdict, and why."""

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES, data=st.data())
    def test_the_order_of_the_input_does_not_matter(self, generations, keep, zone, data):
        mixed = data.draw(st.permutations(generations))
        now = end_of(generations)
        found = decide(generations, keep, zone=zone, now=now)
        assert decide(mixed, keep, zone=zone, now=now) == found
        assert [one.generation for one in found] == generations[::-1]
        assert all(one.reasons for one in found)

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES)
    def test_pruned_twice_is_pruned_once(self, generations, keep, zone):
        now = end_of(generations)
        once = left(generations, keep, zone, now)
        assert left(once, keep, zone, now) == once

    @given(generations=GENERATIONS, keep=KEEPS, more=KEEPS, zone=ZONES)
    def test_a_rule_more_or_a_greater_one_never_prunes_more(self, generations, keep, more, zone):
        assume(keep != Keep())  # no rule at all keeps everything
        now = end_of(generations)
        wider = left(generations, _wider(keep, more), zone, now)
        assert set(left(generations, keep, zone, now)) <= set(wider)

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES, data=st.data())
    def test_what_is_held_stays_and_changes_nothing_else(self, generations, keep, zone, data):
        moments = [one.moment for one in generations]
        held = frozenset(data.draw(st.lists(st.sampled_from(moments)))) if moments else frozenset()
        now = end_of(generations)
        plain = decide(generations, keep, zone=zone, now=now)
        found = decide(generations, keep, zone=zone, now=now, held=held)
        for before, after in zip(plain, found, strict=True):
            if before.generation.moment not in held:
                assert after == before
            else:
                assert after.verdict is not Verdict.PRUNE
                assert Circumstance.HELD in after.reasons


class TestLaw16:
    """Nothing is pruned before a newer generation is verified, and never below one."""

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES)
    def test_a_newer_verified_one_stays_for_each_that_goes(self, generations, keep, zone):
        decisions = decide(generations, keep, zone=zone, now=end_of(generations))
        stay = with_verdict(decisions, Verdict.KEEP)
        for gone in with_verdict(decisions, Verdict.PRUNE):
            assert any(
                one.moment > gone.moment and one.standing is Standing.VERIFIED for one in stay
            )

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES)
    def test_the_newest_and_the_newest_verified_stay(self, generations, keep, zone):
        decisions = decide(generations, keep, zone=zone, now=end_of(generations))
        stay = with_verdict(decisions, Verdict.KEEP)
        counted = [one for one in generations if one.counts]
        verified = [one for one in counted if one.standing is Standing.VERIFIED]
        assert counted[-1:] == stay[:1]
        assert set(verified[-1:]) <= set(stay)

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES, data=st.data())
    def test_the_future_the_incomplete_and_the_damaged_change_nothing(
        self, generations, keep, zone, data
    ):
        now = data.draw(st.sampled_from([START, *(one.moment for one in generations)]))
        found = decide(generations, keep, zone=zone, now=now)
        counted = [one for one in generations if one.counts and one.moment <= now]
        alone = decide(counted, keep, zone=zone, now=now)
        assert tuple(one for one in found if one.generation in counted) == alone
        others = [one for one in found if one.generation not in counted]
        assert all(one.verdict is not Verdict.PRUNE for one in others)


class TestRules:
    """Each rule by itself: the newest of each of its last n periods, and no other."""

    @given(
        generations=VERIFIED,
        rule=st.sampled_from(Rule),
        limit=st.integers(1, 6),
        zone=ZONES,
    )
    def test_a_counting_rule(self, generations, rule, limit, zone):
        keep = Keep(**{rule.value: limit})
        decisions = decide(generations, keep, zone=zone, now=end_of(generations))
        newest = {period_of(rule, one.moment, zone): one for one in generations}
        periods = sorted(newest.values(), key=lambda one: one.moment, reverse=True)
        counted = [
            one.generation
            for one in decisions
            if any(isinstance(reason, Counted) for reason in one.reasons)
        ]
        assert counted == periods[:limit]
        # Beside these only the oldest, and it only while the rule wants more.
        stay = with_verdict(decisions, Verdict.KEEP)
        extra = (
            [] if len(periods) >= limit else [one for one in generations[:1] if one not in counted]
        )
        assert stay == counted + extra
        oldest = [one for one in decisions if any(isinstance(each, Oldest) for each in one.reasons)]
        assert [one.generation for one in oldest] == extra

    @given(generations=VERIFIED, within=st.integers(1, 90 * 86400), zone=ZONES)
    def test_within(self, generations, within, zone):
        keep = Keep(within=Duration(within))
        decisions = decide(generations, keep, zone=zone, now=end_of(generations))
        newest = end_of(generations)
        for one in decisions:
            recent = (newest - one.generation.moment).total_seconds() <= within
            assert (one.verdict is Verdict.KEEP) == recent
            assert any(isinstance(reason, Recent) for reason in one.reasons) == recent

    @given(generations=VERIFIED, keep=KEEPS, zone=ZONES)
    def test_several_want_what_each_wants(self, generations, keep, zone):
        assume(keep != Keep())
        now = end_of(generations)
        single = [
            replace(Keep(), **{field.name: number})
            for field in fields(Keep)
            if (number := getattr(keep, field.name)) is not None
        ]
        wanted = set().union(*(left(generations, one, zone, now) for one in single))
        assert set(left(generations, keep, zone, now)) == wanted


class TestRunByRun:
    """Pruning after each run keeps what pruning once at the end would: no more, and no less.

    For runs that start in order, whether they complete or not, while the rules stay the same.
    `TestWhatDoesNotHold` in the unit tests has what breaks it: a rule that is raised, damage that
    is found later, a clock that is ahead while a run goes.
    """

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES)
    def test_keeps_the_same_as_once_at_the_end(self, generations, keep, zone):
        there: list[Generation] = []
        for one in generations:
            there = left([one, *there], keep, zone, one.moment)
        assert there == left(generations, keep, zone, end_of(generations))

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES, data=st.data())
    def test_keeps_the_same_when_some_prunings_are_left_out(self, generations, keep, zone, data):
        there: list[Generation] = []
        for one in generations:
            there = [one, *there]
            if data.draw(st.booleans()):
                there = left(there, keep, zone, one.moment)
        now = end_of(generations)
        assert left(there, keep, zone, now) == left(generations, keep, zone, now)


class TestCalendar:
    """What is foretold is what the decisions then are, run by run."""

    @given(generations=GENERATIONS, keep=KEEPS, zone=ZONES, data=st.data())
    def test_each_goes_when_foretold(self, generations, keep, zone, data):
        # Runs may fall before some that are there: their clock was ahead.
        moments = {one.moment for one in generations}
        runs = [one + STEP / 2 for one in data.draw(MOMENTS)]
        held = frozenset(data.draw(st.lists(st.sampled_from(sorted(moments))))) if moments else ()
        went: dict[datetime, datetime] = {}
        there = list(generations)
        for run in runs:
            there.append(Generation(moment=run, standing=Standing.VERIFIED))
            decisions = decide(there, keep, zone=zone, now=run, held=held)
            gone = with_verdict(decisions, Verdict.PRUNE)
            went.update((one.moment, run) for one in gone)
            there = [one for one in there if one not in gone]
        foretold = calendar(generations, keep, zone=zone, runs=runs, held=held)
        assert [one.generation for one in foretold] == generations[::-1]
        assert {one.generation.moment: one.goes for one in foretold} == {
            one: went.get(one) for one in moments
        }

    @given(moments=MOMENTS, keep=KEEPS, zone=ZONES)
    def test_a_simulation_is_what_the_decisions_come_to(self, moments, keep, zone):
        assume(moments)
        states: list[list[datetime]] = []
        settled: list[bool] = []
        there: list[Generation] = []
        for number, run in enumerate(moments):
            there = left(
                [Generation(moment=run, standing=Standing.VERIFIED), *there], keep, zone, run
            )
            states.append([one.moment for one in there])
            settled.append(_has_all_it_wants(keep, moments[: number + 1], zone))
        first = settled.index(True) if any(settled) else len(states) - 1
        window = states[first:]
        found = simulate(keep, moments, zone=zone)
        assert found.settled == any(settled)
        assert (found.fewest, found.most) == (min(map(len, window)), max(map(len, window)))
        assert found.reach == min(state[0] - state[-1] for state in window)
        before_next = [later[0] - state[-1] for state, later in pairwise(window)]
        assert found.oldest == max([*before_next, window[-1][0] - window[-1][-1]])


def _has_all_it_wants(keep: Keep, moments: Sequence[datetime], zone: ZoneInfo) -> bool:
    within = timedelta(seconds=keep.within.seconds) if keep.within else None
    return (
        keep != Keep()
        and (within is None or moments[-1] - moments[0] > within)
        and all(
            len({period_of(rule, one, zone) for one in moments}) >= limit
            for rule, limit in counts_of(keep)
        )
    )


class TestNames:
    """A name says one moment, and a moment has one name."""

    @given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)))  # noqa: DTZ001 - st.datetimes wants bounds without a zone
    def test_there_and_back(self, moment):
        moment = moment.replace(tzinfo=UTC)
        assert moment_of(name_of(moment)) == moment.replace(microsecond=0)

    @given(moments=st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)), max_size=5))  # noqa: DTZ001 - as above
    def test_names_sort_as_moments(self, moments):
        whole = [one.replace(microsecond=0, tzinfo=UTC) for one in moments]
        assert sorted(map(name_of, whole)) == [name_of(one) for one in sorted(whole)]

    @given(
        name=st.binary(max_size=24)
        | st.from_regex(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z.?")
    )
    def test_what_is_read_is_what_is_written(self, name):
        moment = moment_of(name)
        assert moment is None or name_of(moment) == name
