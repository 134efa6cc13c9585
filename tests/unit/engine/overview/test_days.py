"""The days that show a plan: few, and everything that ever runs is on one of them."""

from __future__ import annotations

import pytest

from engine.overview.days import DAY, Days, ShownDay, Window, clock, days_of
from tests.strategies import compiled, manifest
from tests.unit.engine.overview.reference import compilation, reference

HOUR = 3600


def shown(*schedules: str | list[str] | None, zone: str = "UTC", **more) -> Days:
    """The days of a plan with one leg for each schedule: a, b, c…"""
    legs = {
        name: {
            "kind": "mirror",
            "from": name + "-data",
            "to": f"{name}-disk:/",
            "timeout": "1h",
            **({"schedule": one} if one is not None else {}),
            **more.get(name, {}),
        }
        for name, one in zip("abcdefg", schedules, strict=False)
    }
    found, _ = compiled(
        manifest(
            timezone=zone,
            legs=legs,
            routes=None,
            sources={f"{one}-data": {"kind": "files", "paths": [f"/srv/{one}"]} for one in legs},
            destinations={
                f"{one}-disk": {"path": f"/mnt/{one}", "media": "hdd", "site": "home"}
                for one in legs
            },
        )
    )
    return days_of(found.plan, found.chains)


def titles(days: Days) -> list[str]:
    return [one.title for one in days.days]


def legs(day: ShownDay) -> list[str]:
    return [row.leg for row in day.rows]


def test_days_that_are_alike_are_one() -> None:
    days = shown("02:00")
    assert titles(days) == ["Every day"]
    (row,) = days.days[0].rows
    assert row.windows == (Window(due=2 * HOUR, earliest=2 * HOUR, start=2 * HOUR, end=3 * HOUR),)
    assert not row.more
    assert days.days[0].weekdays == tuple(range(7))


def test_a_day_of_the_week_that_has_more_is_shown_beside_the_ordinary_one() -> None:
    days = shown("02:00", "Sun 01:00", "Sat,Sun 04:00")
    assert titles(days) == ["Mon–Fri", "Sat", "Sun"]
    assert [legs(one) for one in days.days] == [["a"], ["a", "c"], ["b", "a", "c"]]
    assert [row.leg for row in days.days[2].rows if row.more] == ["b", "c"]


def test_a_leg_with_a_second_run_on_one_day_has_more_there() -> None:
    days = shown(["02:00", "Wed 14:00"])
    assert titles(days) == ["Mon, Tue, Thu, Fri, Sat, Sun", "Wed"]
    (row,) = days.days[1].rows
    assert row.more
    assert [one.due for one in row.windows] == [2 * HOUR, 14 * HOUR]


def test_a_rare_leg_has_the_first_of_its_days_with_all_that_is_due_then() -> None:
    days = shown("02:00", "*-*-01 05:00", "*-*-01 06:00", "*-06-15")
    assert titles(days) == ["Every day", "A day of b, c", "A day of d"]
    assert legs(days.days[1]) == ["a", "b", "c"]
    assert days.days[1].weekdays == ()
    assert legs(days.days[2]) == ["d", "a"]


def test_a_monthly_run_in_the_shown_week_is_not_taken_for_a_weekly_one() -> None:
    days = shown("02:00", "*-*-01,06,11,16,21,26 05:00")
    assert titles(days) == ["Every day", "A day of b"]
    assert legs(days.days[0]) == ["a"]


def test_what_runs_by_hand_is_named() -> None:
    days = shown("02:00", None)
    assert (days.by_hand, days.never) == (("b",), ())
    assert titles(days) == ["Every day"]


def test_a_plan_that_runs_by_hand_has_an_empty_day() -> None:
    days = shown(None)
    assert titles(days) == ["Every day"]
    assert days.days[0].rows == ()
    assert days.days[0].ends == DAY


@pytest.mark.parametrize("zone", ["Europe/Sofia", "America/New_York", "Australia/Lord_Howe"])
def test_clocks_that_change_make_no_day_of_their_own(zone: str) -> None:
    days = shown("02:00", "Sun 03:00", "02:30", zone=zone)
    assert titles(days) == ["Mon–Sat", "Sun"]
    assert [row.windows[0].due for row in days.days[1].rows] == [2 * HOUR, 2.5 * HOUR, 3 * HOUR]


def test_a_run_may_end_on_the_day_after() -> None:
    days = shown("23:30", a={"timeout": "3h"})
    assert days.days[0].ends == 26.5 * HOUR
    assert clock(days.days[0].ends - 1) == "02:29 +1"


def test_the_reference_lab() -> None:
    days = reference().days
    assert titles(days) == ["Mon–Sat", "Sun"]
    ordinary = {row.leg: row for row in days.days[0].rows}
    offsite = ordinary["offsite"]
    assert (offsite.disk, offsite.elsewhere) == ("synology", False)
    assert "sda-mirror" in offsite.after
    assert clock(offsite.windows[0].due) == "06:00"
    assert ordinary["mysql-full"].elsewhere
    assert ordinary["mysql-full"].disk is None
    sunday = {row.leg for row in days.days[1].rows if row.more}
    assert sunday == {"etcd-snapshot", "vault-snapshot", "redis-snapshot", "firewall-system"}
    assert (days.by_hand, days.never) == ((), ())


def test_windows_are_those_of_the_timeline() -> None:
    """Whatever the shown days are: nothing starts earlier or ends later in their weeks."""
    found = compilation()
    runs = found.timeline.of("offsite")
    assert runs is not None
    window = next(one for one in reference().days.days[0].rows if one.leg == "offsite").windows[0]
    lengths = {end - due for due, end in zip(runs.due, runs.end, strict=True)}
    assert window.end - window.due in lengths
