"""Generations on calendars."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.generations.names import Generation, Standing
from engine.generations.retention import decide
from engine.plan.model import Location
from engine.report.months import Day, LegCalendar, Month, leg_calendars
from engine.standing.keeping import Keeping, Kept
from policy.parts import Keep

NOW = datetime(2026, 11, 25, 5, 40, tzinfo=UTC)
SOFIA = ZoneInfo("Europe/Sofia")


def keeping(*moments: datetime, item: str = "web", leg: str = "hist", **more) -> Keeping:
    standing = more.pop("standing", Standing.VERIFIED)
    found = [Generation(moment=one, standing=standing) for one in moments]
    keep = Keep(last=more.pop("last", 50))
    return Keeping(
        leg=leg,
        item=item,
        place=Location(holder="disk"),
        keep=keep,
        kept=tuple(
            Kept(decision=one, goes=None) for one in decide(found, keep, zone=SOFIA, now=NOW)
        ),
        **more,
    )


def laid(*keepings: Keeping) -> LegCalendar:
    (found,) = leg_calendars(keepings, zone=SOFIA, now=NOW)
    return found


def days(month: Month) -> list[Day]:
    return [day for week in month.weeks for day in week if day is not None]


def test_a_day_is_one_of_the_zone() -> None:
    found = laid(keeping(datetime(2026, 11, 23, 22, 30, tzinfo=UTC)))
    (month,) = found.months
    assert [one.day for one in days(month) if one.generations] == [date(2026, 11, 24)]
    assert month.weeks[0][0] is None, "November 2026 begins on a Sunday"
    assert month.weeks[0][6] is not None


def test_items_are_counted_together_and_by_themselves() -> None:
    moment = datetime(2026, 11, 24, 3, tzinfo=UTC)
    found = laid(
        keeping(moment, moment + timedelta(hours=12)),
        keeping(moment, item="wiki"),
        keeping(item="x"),
    )
    (day,) = [one for one in days(found.months[0]) if one.generations]
    assert (day.generations, day.items, day.verified) == (3, 2, 3)
    assert (found.generations, found.items, found.most) == (3, 2, 3)


def test_what_is_damaged_or_leaves_is_told_apart() -> None:
    moments = [datetime(2026, 11, day, 3, tzinfo=UTC) for day in (10, 11, 12)]
    found = laid(
        keeping(*moments, last=1),
        keeping(moments[0], item="wiki", standing=Standing.DAMAGED),
    )
    by_day = {one.day.day: one for one in days(found.months[0])}
    assert (by_day[10].leaving, by_day[11].leaving, by_day[12].leaving) == (1, 1, 0)
    assert (by_day[10].faulty, by_day[10].generations) == (1, 1)
    assert by_day[26].future
    assert not by_day[25].future


def test_where_nobody_could_look_it_is_said_once() -> None:
    far = "it lies on another machine"
    found = laid(keeping(why_not=far), keeping(item="b", why_not=far))
    assert (found.unseen, found.months, found.newest) == ((far,), (), None)


@given(st.lists(st.integers(-2500 * 86_400, 0), max_size=40, unique=True))
def test_each_generation_stands_on_one_day(ago: list[int]) -> None:
    moments = sorted(NOW + timedelta(seconds=one) for one in ago)
    found = laid(keeping(*moments))
    drawn = [one for month in found.months for one in days(month)]
    assert sum(one.generations for one in drawn) + found.older == len(moments)
    assert all(len(week) == 7 for month in found.months for week in month.weeks)
    assert [one.first for one in found.months] == sorted(
        {one.first for one in found.months}, reverse=True
    )
    for month in found.months:
        assert all(
            day is None or day.day.weekday() == at
            for week in month.weeks
            for at, day in enumerate(week)
        )
