"""When generations will go, and what a schedule and a retention amount to."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.generations.calendar import Span, calendar, followed, simulate, sure_reach
from engine.generations.names import Generation, Standing
from policy.parts import Keep
from policy.values import Duration

UTC_ZONE = ZoneInfo("UTC")
SOFIA = ZoneInfo("Europe/Sofia")
MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def generation(moment: datetime, standing: Standing = Standing.VERIFIED) -> Generation:
    return Generation(moment=moment, standing=standing)


def daily(number: int, first: datetime = MONDAY) -> list[datetime]:
    return [first + DAY * one for one in range(number)]


class TestCalendar:
    def test_each_goes_with_the_run_that_leaves_no_rule_wanting_it(self) -> None:
        sunday, monday = MONDAY - DAY, MONDAY
        found = calendar(
            [generation(sunday), generation(monday)],
            Keep(weekly=2),
            zone=UTC_ZONE,
            runs=daily(20, MONDAY + DAY),
        )
        assert [(one.generation.moment, one.goes) for one in found] == [
            (monday, monday + DAY),
            (sunday, monday + 7 * DAY),
        ]

    def test_what_the_runs_leave_alone_has_no_date(self) -> None:
        found = calendar([generation(MONDAY)], Keep(last=3), zone=UTC_ZONE, runs=daily(2))
        assert [one.goes for one in found] == [None]

    def test_what_should_have_gone_goes_with_the_next_run(self) -> None:
        old = [generation(one, Standing.COMPLETE) for one in daily(3)]
        runs = daily(2, MONDAY + 9 * DAY)
        found = calendar(old, Keep(last=1), zone=UTC_ZONE, runs=runs)
        assert {one.goes for one in found} == {runs[0]}
        without = calendar(old, Keep(last=1), zone=UTC_ZONE, runs=[])
        assert {one.goes for one in without} == {None}

    def test_held_damaged_and_incomplete_ones_have_no_date_and_change_none(self) -> None:
        given = [
            generation(MONDAY),
            generation(MONDAY + timedelta(hours=1), Standing.DAMAGED),
            generation(MONDAY + timedelta(hours=2), Standing.INCOMPLETE),
            generation(MONDAY + timedelta(hours=3)),
        ]
        runs = daily(3, MONDAY + DAY)
        free = calendar(given, Keep(last=3), zone=UTC_ZONE, runs=runs)
        assert [one.goes for one in free] == [runs[2], None, None, runs[1]]
        held = calendar(given, Keep(last=3), zone=UTC_ZONE, runs=runs, held={MONDAY})
        assert [one.goes for one in held] == [runs[2], None, None, None]

    def test_without_a_rule_none_has_a_date(self) -> None:
        found = calendar([generation(MONDAY)], Keep(), zone=UTC_ZONE, runs=daily(9, MONDAY + DAY))
        assert [one.goes for one in found] == [None]


class TestSimulate:
    def test_law_16_four_weekly_said_in_time(self) -> None:
        """A weekly leg reaches back three weeks; a daily one 15 days, on each Monday."""
        weekly = [MONDAY + 7 * DAY * one for one in range(52)]
        assert simulate(Keep(weekly=4), weekly, zone=SOFIA) == Span(
            fewest=4, most=4, reach=21 * DAY, oldest=28 * DAY, settled=True
        )
        assert simulate(Keep(weekly=4), daily(365), zone=SOFIA) == Span(
            fewest=4, most=4, reach=15 * DAY, oldest=22 * DAY, settled=True
        )

    def test_law_16_the_last_four_shrink_with_the_schedule(self) -> None:
        """The four weeks that became four days."""
        weekly = [MONDAY + 7 * DAY * one for one in range(52)]
        assert simulate(Keep(last=4), weekly, zone=UTC_ZONE).reach == 21 * DAY
        assert simulate(Keep(last=4), daily(365), zone=UTC_ZONE).reach == 3 * DAY

    def test_within(self) -> None:
        found = simulate(Keep(within=Duration(7 * 86400)), daily(60), zone=UTC_ZONE)
        assert found == Span(fewest=8, most=8, reach=7 * DAY, oldest=8 * DAY, settled=True)

    def test_a_retention_that_never_fills_says_so(self) -> None:
        found = simulate(Keep(yearly=5), daily(300), zone=UTC_ZONE)
        assert found == Span(fewest=3, most=3, reach=299 * DAY, oldest=299 * DAY, settled=False)

    def test_without_a_rule_it_only_grows(self) -> None:
        found = simulate(Keep(), daily(3), zone=UTC_ZONE)
        assert found == Span(fewest=3, most=3, reach=2 * DAY, oldest=2 * DAY, settled=False)

    def test_without_a_run_there_is_nothing(self) -> None:
        found = simulate(Keep(weekly=4), [], zone=UTC_ZONE)
        assert found == Span(fewest=0, most=0, reach=timedelta(), oldest=timedelta(), settled=False)

    @pytest.mark.parametrize(("minutes", "seconds"), [(30, 5.0), (24 * 60, 0.5)])
    def test_three_years_are_soon_told(self, minutes: int, seconds: float) -> None:
        keep = Keep(last=3, hourly=24, daily=7, weekly=4, monthly=6, yearly=2)
        number = 3 * 365 * 24 * 60 // minutes
        runs = [MONDAY + timedelta(minutes=minutes) * one for one in range(number)]
        begun = time.process_time()
        assert simulate(keep, runs, zone=SOFIA).settled
        assert time.process_time() - begun < seconds


class TestSureReach:
    """How far one can surely go back, for plans and objectives."""

    def test_it_is_what_the_runs_come_to(self) -> None:
        for keep in (Keep(weekly=4), Keep(last=5), Keep(within=Duration(7 * 86400))):
            span = simulate(keep, daily(400), zone=SOFIA)
            assert span.settled
            assert sure_reach(keep, daily(400), zone=SOFIA) == span.reach.total_seconds()

    @pytest.mark.parametrize(
        ("keep", "expected"),
        [
            (Keep(within=Duration(14 * 86400)), 13 * DAY),
            (Keep(weekly=4), 2 * timedelta(hours=167)),
            (Keep(daily=1), timedelta()),
            (Keep(daily=3), timedelta(hours=23)),
            (Keep(weekly=4, within=Duration(30 * 86400)), 29 * DAY),
            (Keep(monthly=13), 11 * timedelta(hours=28 * 24 - 1)),
            (Keep(yearly=3), timedelta(hours=365 * 24 - 1)),
            (Keep(last=9), 8 * DAY),
            (Keep(within=Duration(3600)), timedelta()),
            (Keep(), timedelta()),
        ],
    )
    def test_of_runs_that_are_too_few_it_is_what_the_rules_are_sure_of(
        self, keep: Keep, expected: timedelta
    ) -> None:
        """Of the periods that a rule wants the latest and the oldest may have just one moment."""
        assert sure_reach(keep, daily(2), zone=SOFIA) == expected.total_seconds()

    def test_too_many_runs_are_not_followed(self) -> None:
        many = [MONDAY + timedelta(minutes=5) * one for one in range(6000)]
        assert followed(Keep(last=3), many, zone=SOFIA) is None
        assert sure_reach(Keep(last=3), many, zone=SOFIA) == 600

    def test_a_leg_that_runs_by_hand_promises_nothing(self) -> None:
        assert followed(Keep(last=3), [], zone=SOFIA) is None
        assert sure_reach(Keep(last=3), [], zone=SOFIA) == 0

    @given(
        st.builds(
            Keep,
            last=st.none() | st.integers(1, 9),
            hourly=st.none() | st.integers(1, 30),
            daily=st.none() | st.integers(1, 9),
            weekly=st.none() | st.integers(1, 6),
            monthly=st.none() | st.integers(1, 4),
            within=st.none() | st.integers(1, 40 * 24).map(lambda hours: Duration(hours * 3600)),
        ),
        st.sampled_from([4, 12, 24, 24 * 7]),
        st.integers(0, 400),
    )
    def test_law_16_what_rules_are_sure_of_is_never_more_than_runs_come_to(
        self, keep: Keep, every: int, begin: int
    ) -> None:
        runs = [MONDAY + DAY * begin + timedelta(hours=every) * one for one in range(400)]
        span = simulate(keep, runs, zone=SOFIA)
        if span.settled:
            assert sure_reach(keep, runs[:2], zone=SOFIA) <= span.reach.total_seconds()
