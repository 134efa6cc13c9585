"""The last night over what was planned for it."""

from datetime import UTC, datetime, timedelta

from engine.report.night import AFTER, BEFORE, Night, night
from tests.report_facts import NOW, homelab_facts, local


def of(now: datetime = NOW) -> Night:
    facts = homelab_facts()
    return night(facts.plan, facts.overview.days, facts.runs, now=now)


def test_what_ran_lies_in_the_time_that_was_planned_for_it() -> None:
    found = of()
    assert (found.begins, found.ends) == (
        NOW.replace(minute=0) - BEFORE,
        NOW.replace(minute=0) + AFTER,
    )
    rows = {row.leg: row for row in found.rows}
    mirror = rows["sda-mirror"]
    assert [one.due for one in mirror.planned] == [local(0, 2)]
    assert [one.started for one in mirror.runs] == [local(0, 2)]
    assert mirror.planned[0].latest_end >= mirror.planned[0].due + timedelta(hours=3)
    assert rows["etcd-snapshot"].elsewhere if "etcd-snapshot" in rows else True


def test_legs_come_in_the_order_of_the_night() -> None:
    firsts = [
        min((*(one.due for one in row.planned), *(one.started for one in row.runs)))
        for row in of().rows
    ]
    assert firsts == sorted(firsts)


def test_rare_legs_are_not_drawn_on_days_without_them() -> None:
    wednesday = {row.leg for row in of().rows}
    assert "firewall-system" not in wednesday
    sunday = {row.leg for row in of(datetime(2026, 11, 29, 5, 40, tzinfo=UTC)).rows}
    assert "firewall-system" in sunday


def test_a_run_that_began_before_the_picture_and_goes_on_is_drawn() -> None:
    found = of(local(0, 2) + timedelta(hours=24, minutes=10))
    assert "sda-mirror" in {row.leg for row in found.rows if row.runs}


def test_when_clocks_change_a_run_is_due_by_the_clock_on_the_wall() -> None:
    morning = datetime(2027, 3, 28, 8, 0, tzinfo=UTC)  # clocks went forward in the night
    rows = {row.leg: row for row in of(morning).rows}
    assert [one.due for one in rows["synology-direct"].planned] == [
        datetime(2027, 3, 28, 3, 0, tzinfo=UTC)
    ]
