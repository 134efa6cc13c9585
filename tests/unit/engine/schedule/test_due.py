"""Which legs are due, and in which order they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.plan.model import Plan
from engine.schedule.due import Due, all_legs, before, due_legs, in_order
from policy.parts import KubernetesRunner
from tests.strategies import compiled, manifest

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def hour(number: float, day: int = 0) -> datetime:
    return MIDNIGHT + timedelta(days=day, hours=number)


def plan_of(timezone: str = "UTC", **legs: Mapping[str, object]) -> Plan:
    first = next(name for name, leg in legs.items() if "from" not in leg)
    content = manifest(
        timezone=timezone,
        destinations={
            name: {"path": f"/mnt/{name}", "media": "hdd", "site": name}
            for name in ("disk", "nas", "third")
        },
        legs={name: {"kind": "mirror", "timeout": "1h", **leg} for name, leg in legs.items()},
        routes={"/srv/data": first},
    )
    return compiled(content)[0].plan


# Neither the alphabet nor the manifest has the order of what depends on what.
CHAIN = plan_of(
    last={"from": "middle", "to": "third:/", "schedule": "02:00"},
    middle={"from": "zfirst", "to": "nas:/", "schedule": "02:00"},
    zfirst={"to": "disk:/", "schedule": "02:00"},
)
ONE = plan_of(leg={"to": "disk:/", "schedule": "02:00"})


def names(found: tuple[Due, ...]) -> list[str]:
    return [one.leg for one in found]


def due(
    plan: Plan,
    now: datetime,
    begun: Mapping[str, datetime] | None = None,
    applied: datetime = MIDNIGHT,
) -> list[str]:
    return names(due_legs(plan, begun or {}, applied_at=applied, now=now))


def test_a_leg_is_due_from_its_scheduled_time_on() -> None:
    assert due(ONE, hour(1.9)) == []
    assert due(ONE, hour(2.1)) == ["leg"]
    (found,) = due_legs(ONE, {}, applied_at=hour(0), now=hour(9))
    assert found.since == hour(2)


def test_a_leg_that_has_begun_since_is_not_due_once_more() -> None:
    assert due(ONE, hour(2.1), {"leg": hour(2)}) == []
    assert due(ONE, hour(1.9, 1), {"leg": hour(2.5)}) == []
    assert due(ONE, hour(2.1, 1), {"leg": hour(2.5)}) == ["leg"]


def test_what_was_missed_for_days_is_caught_up_once() -> None:
    begun = {"leg": hour(2, -9)}
    (found,) = due_legs(ONE, begun, applied_at=hour(0, -20), now=hour(12))
    assert found.since == hour(2), "for its latest time, not for each that was missed"
    assert due(ONE, hour(12), {"leg": hour(12)}) == []


def test_what_was_due_before_it_was_applied_is_not_caught_up() -> None:
    assert due(ONE, hour(12), applied=hour(3)) == []
    assert due(ONE, hour(2.1, 1), applied=hour(3)) == ["leg"]


def test_a_leg_without_a_schedule_is_never_due_and_runs_with_all() -> None:
    plan = plan_of(
        leg={"to": "disk:/", "schedule": "02:00"},
        byhand={"from": "leg", "to": "nas:/", "schedule": "05:00"},
    )
    legs = tuple(
        replace(one, leg=replace(one.leg, schedule=())) if one.name == "byhand" else one
        for one in plan.legs
    )
    plan = replace(plan, legs=legs)
    assert due(plan, hour(12, 400)) == ["leg"]
    assert names(all_legs(plan, now=hour(12))) == ["leg", "byhand"]


def test_a_leg_that_does_not_run_here_is_neither_due_nor_among_all() -> None:
    legs = tuple(
        replace(one, leg=replace(one.leg, runner=KubernetesRunner(namespace="backups", node=None)))
        if one.name == "zfirst"
        else one
        for one in CHAIN.legs
    )
    plan = replace(CHAIN, legs=legs)
    assert due(plan, hour(12)) == ["middle", "last"]
    assert names(all_legs(plan, now=hour(12))) == ["middle", "last"]


def test_law_21_what_reads_the_copies_of_another_comes_after_it() -> None:
    assert due(CHAIN, hour(12)) == ["zfirst", "middle", "last"]
    assert names(all_legs(CHAIN, now=hour(12))) == ["zfirst", "middle", "last"]
    assert before(CHAIN, "last") == {"middle"}


def test_law_21_what_reads_a_tree_comes_after_the_dumps_that_land_in_it() -> None:
    """Else they would reach the next place a run late."""
    dump = {"kind": "dump", "from": "program", "keep": {"last": 1}}
    content = manifest(
        sources={
            "data": {"kind": "tree", "path": "/srv/data"},
            "program": {"kind": "command", "run": ["x"], "file": "f"},
        },
        legs={
            "a-mirror": {"kind": "mirror", "to": "disk:/"},
            "z-dump": {**dump, "to": "data:/dumps"},
            "z-scratch": {**dump, "to": "data:/scratch/dumps"},
        },
        routes={"/srv/data": "a-mirror", "/srv/data/scratch": {"none": "made anew"}},
    )
    plan = compiled(content)[0].plan
    assert before(plan, "a-mirror") == {"z-dump"}
    found = names(all_legs(plan, now=hour(3)))
    assert found.index("z-dump") < found.index("a-mirror")


def test_law_21_dependence_beats_the_due_time_and_that_beats_the_name() -> None:
    plan = plan_of(
        a={"from": "z", "to": "nas:/", "schedule": "01:00"},
        z={"to": "disk:/", "schedule": "03:00"},
    )
    assert due(plan, hour(12)) == ["z", "a"]
    rows = [Due(leg="y", since=hour(2)), Due(leg="b", since=hour(3)), Due(leg="a", since=hour(3))]
    free = plan_of(
        b={"to": "disk:/", "schedule": "02:00"},
        a={"from": "b", "to": "nas:/", "schedule": "02:00"},
        y={"from": "b", "to": "third:/", "schedule": "02:00"},
    )
    assert names(in_order(free, rows)) == ["b", "y", "a"]


def test_after_orders_legs_that_share_nothing() -> None:
    plan = plan_of(
        a={"from": "z", "to": "nas:/a", "schedule": "02:00", "after": ["b"]},
        b={"from": "z", "to": "third:/b", "schedule": "02:00"},
        z={"to": "disk:/", "schedule": "02:00"},
    )
    assert due(plan, hour(12)) == ["z", "b", "a"]


def test_a_circle_of_after_leaves_nobody_out() -> None:
    legs = {one.name: one for one in CHAIN.legs}
    first = replace(legs["zfirst"], leg=replace(legs["zfirst"].leg, after=("last",)))
    plan = replace(CHAIN, legs=(first, legs["middle"], legs["last"]))
    assert sorted(due(plan, hour(12))) == ["last", "middle", "zfirst"]


@pytest.mark.parametrize("minutes", [0.5, 5, 29])
def test_a_clock_that_is_set_back_a_little_makes_nothing_due_again(minutes: float) -> None:
    begun = hour(2.01)
    assert due(ONE, begun - timedelta(minutes=minutes), {"leg": begun}) == []


def test_a_run_made_while_the_clock_was_wrong_does_not_hold_up_the_leg_for_years() -> None:
    wrong = hour(2, 2_000)
    assert due(ONE, hour(12), {"leg": wrong}) == ["leg"]
    assert due(ONE, hour(12), applied=wrong) == ["leg"]
    assert due(ONE, hour(12), {"leg": hour(12)}, applied=wrong) == [], "once, not for ever"


@pytest.mark.parametrize("time", ["01:30", "02:00", "02:30", "03:30"])
@pytest.mark.parametrize(("month", "day", "skipped"), [(10, 23, ()), (3, 27, ("02:00", "02:30"))])
def test_law_20_the_change_of_the_clock_doubles_no_run(
    month: int, day: int, skipped: tuple[str, ...], time: str
) -> None:
    """As under cron: asked every ten minutes, for five days with the change in their middle.

    A time that the day of the change does not have is left out, as systemd does; `check` says so.
    """
    plan = plan_of("Europe/Berlin", leg={"to": "disk:/", "schedule": time})
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, month, day, 12, tzinfo=zone).astimezone(UTC)
    applied, runs = now, []
    begun: dict[str, datetime] = {}
    for _ in range(5 * 24 * 6):
        now += timedelta(minutes=10)
        for one in due_legs(plan, begun, applied_at=applied, now=now):
            begun[one.leg] = now
            runs.append(now.astimezone(zone).date())
    assert len(runs) == len(set(runs)) == 5 - (time in skipped)
