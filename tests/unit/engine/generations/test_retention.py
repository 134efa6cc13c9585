"""Which generations stay: each rule by itself, law 16 above them, and calendars one can review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.generations.calendar import calendar
from engine.generations.names import Generation, Standing, name_of
from engine.generations.reasons import (
    Circumstance,
    Counted,
    Expired,
    Oldest,
    Outrun,
    Recent,
    Rule,
    Superseded,
    say,
)
from engine.generations.retention import Decision, Verdict, decide, period_of
from engine.schedule.calendars import occurrences
from policy.calendar import parse_calendar
from policy.parts import Keep
from policy.values import Duration
from tests.strategies import GOLDEN, compare_golden

UTC_ZONE = ZoneInfo("UTC")
SOFIA = ZoneInfo("Europe/Sofia")
WEEK = Duration(7 * 86400)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """A moment in UTC, such as `2026-11-28` (03:00) or `2026-11-28 05:30`."""
    day, _, time = text.partition(" ")
    return datetime.fromisoformat(f"{day}T{time or '03:00'}:00+00:00")


def generations(*texts: str, standing: Standing = Standing.VERIFIED) -> list[Generation]:
    return [Generation(moment=at(text), standing=standing) for text in texts]


def judged(
    given: Iterable[Generation],
    keep: Keep,
    *,
    zone: ZoneInfo = UTC_ZONE,
    now: datetime = LATER,
    held: frozenset[datetime] = frozenset(),
) -> dict[str, Decision]:
    """Decisions by day, or by day and time where that is not 03:00."""
    decisions = decide(given, keep, zone=zone, now=now, held=held)
    return {
        f"{one.generation.moment:%Y-%m-%d %H:%M}".removesuffix(" 03:00"): one for one in decisions
    }


def kept(decisions: dict[str, Decision]) -> list[str]:
    return [name for name, one in decisions.items() if one.verdict is Verdict.KEEP]


def pruned(decisions: dict[str, Decision]) -> list[str]:
    return [name for name, one in decisions.items() if one.verdict is Verdict.PRUNE]


def left(given: Iterable[Generation], keep: Keep, *, now: datetime = LATER) -> list[Generation]:
    """What is there after pruning, the newest first."""
    decisions = decide(given, keep, zone=UTC_ZONE, now=now)
    return [one.generation for one in decisions if one.verdict is not Verdict.PRUNE]


def days(first: date, number: int) -> list[str]:
    return [str(first + timedelta(days=one)) for one in range(number)]


class TestRules:
    def test_each_has_the_newest_of_each_of_its_periods(self) -> None:
        # 2026-11-02 and each seventh day from then on are Mondays.
        found = judged(generations(*days(date(2026, 11, 2), 27)), Keep(weekly=3))
        assert kept(found) == ["2026-11-28", "2026-11-22", "2026-11-15"]
        assert found["2026-11-22"].reasons == (
            Counted(rule=Rule.WEEKLY, number=2, limit=3, period="2026-W47"),
        )
        assert found["2026-11-21"].reasons == (Superseded(rule=Rule.WEEKLY, period="2026-W47"),)
        assert found["2026-11-08"].reasons == (
            Outrun(rule=Rule.WEEKLY, limit=3, period="2026-W45"),
        )

    def test_each_looks_at_all_by_itself(self) -> None:
        # Borg would give the two weeks other generations than the two days have taken.
        found = judged(generations(*days(date(2026, 11, 16), 13)), Keep(daily=2, weekly=2))
        assert kept(found) == ["2026-11-28", "2026-11-27", "2026-11-22"]
        assert [say(one) for one in found["2026-11-28"].reasons] == [
            "daily 1 of 2: newest of 2026-11-28",
            "weekly 1 of 2: newest of 2026-W48",
            "the newest verified one",
        ]
        assert [say(one) for one in found["2026-11-21"].reasons] == [
            "daily: 2 later ones than 2026-11-21",
            "weekly: a newer one stands for 2026-W47",
        ]

    def test_periods_without_a_run_do_not_count(self) -> None:
        given = generations("2026-01-05", "2026-03-02", "2026-06-01", "2026-11-28")
        assert kept(judged(given, Keep(monthly=3))) == ["2026-11-28", "2026-06-01", "2026-03-02"]

    def test_the_oldest_stays_while_a_rule_wants_more(self) -> None:
        """Restic 0.16: history that was begun in June is not cut to New Year's Eve."""
        given = generations("2025-06-03", "2025-06-04", "2025-12-31")
        found = judged(given, Keep(yearly=2))
        assert kept(found) == ["2025-12-31", "2025-06-03"]
        assert found["2025-06-03"].reasons == (Oldest(rule=Rule.YEARLY, filled=1, limit=2),)
        full = judged([*given, *generations("2026-01-01")], Keep(yearly=2))
        assert kept(full) == ["2026-01-01", "2025-12-31"]

    def test_within_counts_from_the_newest_and_keeps_the_one_exactly_so_old(self) -> None:
        given = generations("2026-11-20", "2026-11-21 02:59", "2026-11-21", "2026-11-28")
        found = judged(given, Keep(within=WEEK), now=at("2029-12-31"))
        assert kept(found) == ["2026-11-28", "2026-11-21"]
        assert found["2026-11-21"].reasons == (Recent(within=WEEK),)
        assert found["2026-11-20"].reasons == (Expired(within=WEEK),)

    def test_last_counts_runs_and_not_days(self) -> None:
        """Two of a day are two: law 16's "4 weekly" that were four days."""
        given = generations("2026-11-27", "2026-11-28", "2026-11-28 09:00")
        assert kept(judged(given, Keep(last=2))) == ["2026-11-28 09:00", "2026-11-28"]
        assert kept(judged(given, Keep(daily=2))) == ["2026-11-28 09:00", "2026-11-27"]

    @pytest.mark.parametrize("keep", [Keep(), Keep(last=0)])
    def test_without_a_rule_everything_stays(self, keep: Keep) -> None:
        found = judged(generations("2020-01-01", "2026-11-28"), keep)
        assert kept(found) == ["2026-11-28", "2020-01-01"]
        assert found["2020-01-01"].reasons == (Circumstance.NO_RULE,)

    def test_nothing_to_judge(self) -> None:
        assert decide([], Keep(weekly=4), zone=SOFIA, now=LATER) == ()

    def test_two_of_one_moment_are_not_of_one_place(self) -> None:
        with pytest.raises(ValueError, match="two generations of one moment"):
            judged(generations("2026-11-28", "2026-11-28"), Keep(weekly=4))


class TestPeriods:
    @pytest.mark.parametrize(
        ("text", "week"),
        [
            ("2024-12-29", "2024-W52"),
            ("2024-12-30", "2025-W01"),
            ("2026-12-31", "2026-W53"),
            ("2027-01-01", "2026-W53"),
            ("2027-01-03", "2026-W53"),
            ("2027-01-04", "2027-W01"),
        ],
    )
    def test_weeks_are_iso_weeks(self, text: str, week: str) -> None:
        assert period_of(Rule.WEEKLY, at(text), UTC_ZONE) == week

    @pytest.mark.parametrize(
        ("rule", "in_utc", "in_sofia"),
        [
            (Rule.HOURLY, "2026-12-31 22h", "2027-01-01 00h"),
            (Rule.DAILY, "2026-12-31", "2027-01-01"),
            (Rule.WEEKLY, "2026-W53", "2026-W53"),
            (Rule.MONTHLY, "2026-12", "2027-01"),
            (Rule.YEARLY, "2026", "2027"),
        ],
    )
    def test_they_are_the_zones(self, rule: Rule, in_utc: str, in_sofia: str) -> None:
        moment = at("2026-12-31 22:30")
        assert period_of(rule, moment, UTC_ZONE) == in_utc
        assert period_of(rule, moment, SOFIA) == in_sofia

    def test_an_hour_that_comes_twice_is_one(self) -> None:
        # 03:30 in Sofia before and after the clocks go back.
        given = generations("2026-10-24 23:30", "2026-10-25 00:30", "2026-10-25 01:30")
        found = judged(given, Keep(hourly=2), zone=SOFIA)
        assert kept(found) == ["2026-10-25 01:30", "2026-10-24 23:30"]

    def test_a_day_that_comes_in_two_pieces_is_one(self) -> None:
        # St. John's set its clocks back at 00:01 until 2010: 23:01 to 00:00 came again.
        zone = ZoneInfo("America/St_Johns")
        texts = ("2010-11-06 12:00", "2010-11-07 02:30", "2010-11-07 03:00", "2010-11-07 12:00")
        given = generations(*texts)
        assert [period_of(Rule.DAILY, one.moment, zone) for one in given] == [
            "2010-11-06",
            "2010-11-07",
            "2010-11-06",
            "2010-11-07",
        ]
        assert kept(judged(given, Keep(daily=2), zone=zone)) == ["2010-11-07 12:00", "2010-11-07"]


class TestLaw16:
    """Nothing is pruned before a newer generation is verified, and never below one."""

    def test_law_16_nothing_goes_before_a_newer_one_is_verified(self) -> None:
        old = generations("2026-11-25", "2026-11-26")
        new = generations("2026-11-27", "2026-11-28", standing=Standing.COMPLETE)
        found = judged([*old, *new], Keep(last=1))
        assert pruned(found) == ["2026-11-25"]
        assert found["2026-11-26"].reasons == (Circumstance.NEWEST_VERIFIED,)
        assert found["2026-11-27"].reasons == (Circumstance.NOTHING_NEWER_VERIFIED,)

    def test_law_16_where_none_is_verified_all_stay(self) -> None:
        given = generations(*days(date(2026, 11, 1), 28), standing=Standing.COMPLETE)
        assert pruned(judged(given, Keep(last=1))) == []

    def test_law_16_the_last_one_stays(self) -> None:
        given = generations("2020-01-01")
        assert kept(judged(given, Keep(within=WEEK, daily=1))) == ["2020-01-01"]

    def test_law_16_four_weekly_of_a_job_that_went_daily_are_four_weeks(self) -> None:
        found = judged(generations(*days(date(2026, 10, 1), 59)), Keep(weekly=4))
        assert kept(found) == ["2026-11-28", "2026-11-22", "2026-11-15", "2026-11-08"]

    def test_law_15_what_is_incomplete_or_damaged_stands_for_nothing(self) -> None:
        whole = generations("2026-11-26", "2026-11-27")
        cut = generations("2026-11-28", standing=Standing.INCOMPLETE)
        bad = generations("2026-11-29", standing=Standing.DAMAGED)
        found = judged([*whole, *cut, *bad], Keep(last=1))
        assert kept(found) == ["2026-11-27"]
        assert pruned(found) == ["2026-11-26"]
        apart = {name: one for name, one in found.items() if one.verdict is Verdict.APART}
        assert {name: one.reasons for name, one in apart.items()} == {
            "2026-11-29": (Circumstance.DAMAGED,),
            "2026-11-28": (Circumstance.INCOMPLETE,),
        }

    def test_what_is_held_stays(self) -> None:
        given = generations("2026-11-20", "2026-11-27", "2026-11-28")
        found = judged(given, Keep(last=1), held=frozenset({at("2026-11-20")}))
        assert kept(found) == ["2026-11-28", "2026-11-20"]
        assert found["2026-11-20"].reasons == (Circumstance.HELD,)


class TestClocks:
    """What is dated in the future stays, and pushes nothing out."""

    @pytest.mark.parametrize(
        "keep", [Keep(last=2), Keep(within=WEEK), Keep(daily=2), Keep(yearly=1)]
    )
    def test_what_was_made_while_the_clock_was_ahead_changes_nothing(self, keep: Keep) -> None:
        true = generations(*days(date(2026, 11, 15), 14))
        false = generations("2038-01-19", "2038-01-20")
        now = at("2026-11-28 04:00")
        alone = judged(true, keep, now=now)
        both = judged([*true, *false], keep, now=now)
        assert {name: both[name] for name in alone} == alone
        assert both["2038-01-19"].verdict is Verdict.KEEP
        assert both["2038-01-19"].reasons == (Circumstance.FUTURE,)

    def test_it_is_no_newer_verified_one_either(self) -> None:
        true = generations("2026-11-27", "2026-11-28", standing=Standing.COMPLETE)
        found = judged([*true, *generations("2038-01-19")], Keep(last=1), now=at("2026-11-29"))
        assert pruned(found) == []

    def test_with_a_clock_that_was_set_back_all_stay(self) -> None:
        given = generations(*days(date(2026, 11, 15), 14))
        found = judged(given, Keep(last=1), now=at("1970-01-01 00:00"))
        assert len(kept(found)) == 14


class TestWhatDoesNotHold:
    """Pruning run by run gives what pruning once would, but not where something else changed."""

    def test_a_rule_that_is_raised_brings_nothing_back(self) -> None:
        given = generations(*days(date(2026, 11, 19), 10))
        assert len(kept(judged(left(given, Keep(daily=2)), Keep(daily=5)))) == 2
        assert len(kept(judged(given, Keep(daily=5)))) == 5

    def test_damage_that_is_found_later_leaves_a_day_without_one(self) -> None:
        morning, evening = generations("2026-11-28", "2026-11-28 20:00")
        bad = Generation(moment=evening.moment, standing=Standing.DAMAGED)
        assert left([morning, evening], Keep(daily=1)) == [evening]
        assert kept(judged([morning, bad], Keep(daily=1))) == ["2026-11-28"]

    def test_a_clock_that_is_ahead_while_a_run_goes_makes_all_others_old(self) -> None:
        """Only the run history can tell: retention must not be asked before it has been."""
        true = generations("2026-11-26", "2026-11-27")
        false = generations("2038-01-19")
        then, keep = at("2026-11-28"), Keep(within=WEEK)
        assert left([*true, *false], keep, now=at("2038-01-19")) == false
        assert left([*true, *false], keep, now=then) == [*false, *reversed(true)]


# ── Calendars ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A daily leg of three years: due at a time of day, sometimes missed, sometimes run twice."""

    name: str
    zone: ZoneInfo
    time: str
    by_hand: tuple[datetime, ...]

    def runs(self) -> list[datetime]:
        """All runs that succeeded, in order."""
        due = occurrences(
            (parse_calendar(self.time),),
            zone=self.zone,
            start=int(datetime(2025, 1, 1, tzinfo=self.zone).timestamp()),
            end=int(datetime(2028, 1, 1, tzinfo=self.zone).timestamp()),
        )
        moments = {datetime.fromtimestamp(one, UTC) for one in due}
        missed = {one for one in moments if one.astimezone(self.zone).date() in MISSED}
        return sorted((moments - missed).union(self.by_hand))


def _between(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=one) for one in range((last - first).days + 1))


MISSED = frozenset(
    (
        *_between(date(2025, 6, 10), date(2025, 6, 20)),
        date(2026, 11, 22),  # a Sunday
        date(2027, 1, 4),  # the Monday of 2027-W01
    )
)
LEGS = (
    Leg(
        name="sofia-0330",
        zone=SOFIA,
        time="03:30",  # not there on 2025-03-30, and twice on 2025-10-26
        by_hand=(
            datetime(2025, 10, 26, 3, 45, tzinfo=SOFIA, fold=1).astimezone(UTC),
            at("2026-05-05 14:00"),
            at("2026-12-31 22:30"),  # 2027-01-01 00:30 in Sofia
        ),
    ),
    Leg(
        name="utc-0230",
        zone=UTC_ZONE,
        time="02:30",
        by_hand=(at("2025-10-26 02:45"), at("2026-05-05 14:00"), at("2026-12-31 22:30")),
    ),
)
KEEPS = {
    "weekly-4": Keep(weekly=4),
    "within-7d": Keep(within=WEEK),
    "mixed": Keep(last=3, daily=7, weekly=4, monthly=6, yearly=2),
}
LOOKED_AT = frozenset(
    map(
        date.fromisoformat,
        (
            *("2025-01-06", "2025-03-30", "2025-03-31", "2025-06-21", "2025-10-26"),
            *("2025-12-29", "2026-05-06", "2026-11-23", "2026-12-31", "2027-01-01", "2027-01-05"),
        ),
    )
)


def _shown(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %z}"


def _calendar_of(leg: Leg, keep: Keep) -> Iterator[str]:
    """The state after each run of the days looked at: what went, what stays, until when and why."""
    there: list[Generation] = []
    runs = leg.runs()
    for number, run in enumerate(runs):
        there.append(Generation(moment=run, standing=Standing.VERIFIED))
        decisions = decide(there, keep, zone=leg.zone, now=run)
        there = [one.generation for one in decisions if one.verdict is Verdict.KEEP]
        if run.astimezone(leg.zone).date() not in LOOKED_AT:
            continue
        goes = calendar(there, keep, zone=leg.zone, runs=runs[number + 1 :])
        until = {one.generation.moment: one.goes for one in goes}
        yield f"\nafter the run of {_shown(run, leg.zone)}: {len(there)} stay\n"
        for one in decisions:
            name = name_of(one.generation.moment).decode()
            why = "; ".join(map(say, one.reasons))
            end = until.get(one.generation.moment)
            fate = f"until {end.astimezone(leg.zone):%Y-%m-%d}" if end else "stays"
            fate = "goes now" if one.verdict is Verdict.PRUNE else fate
            yield f"  {name}  {fate:<17}  {why}\n"


@pytest.mark.parametrize("leg", LEGS, ids=lambda one: one.name)
@pytest.mark.parametrize("rules", KEEPS)
def test_three_years_of_a_daily_leg(leg: Leg, rules: str, update_golden: bool) -> None:
    keep = KEEPS[rules]
    head = f"keep {rules}, {leg.zone.key}, daily at {leg.time}, 2025 to 2027\n"
    text = head + "".join(_calendar_of(leg, keep))
    path = GOLDEN / "retention" / f"{leg.name}-{rules}.txt"
    compare_golden(path, text.encode(), update=update_golden)
