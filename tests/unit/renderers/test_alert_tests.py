"""The tests of the rules: that they pass, and that they can fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from engine.alerts.alerts import alerts_of
from engine.compile import compile_policy
from engine.plan.model import Plan
from policy.model import Monitoring
from policy.parse import load
from policy.values import Duration, parse_absolute_path
from renderers import alert_tests
from renderers.alert_tests import STEP, held_values, rules_pattern, step_of
from tests.plans import leg_plan, mirror, plan
from tests.prometheus import judge, lay_out, place, promtool
from tests.strategies import REFERENCE, compiled, manifest

RULES = parse_absolute_path("/etc/prometheus/rules/backup.yml")
DAY = 86_400
FIRST_SUNDAY = "Sun *-*-01..07 05:00"


def reference() -> Plan:
    return compile_policy(load(REFERENCE.read_bytes(), "backup-policy.yaml")[1])


def scheduled(when: str | list[str], zone: str = "Europe/Sofia", **more) -> Plan:
    leg = {"kind": "mirror", "to": "disk:/", "schedule": when, "timeout": "1h", **more}
    told = {"pushgateway": "http://127.0.0.1:9091", "rules": str(RULES)}
    content = manifest(legs={"mirror": leg}, monitoring=told, timezone=zone)
    return compiled(content)[0].plan


def read_tests(some: Plan) -> dict:
    (file,) = alert_tests.render(some)
    return yaml.safe_load(file.content)


def steps_of(test: dict, step: int = STEP) -> range:
    """The steps that promtool goes through in one scenario."""
    sizes = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
    times = [
        sum(int(number) * sizes[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))
        for text in (one["eval_time"] for one in test["promql_expr_test"])
    ]
    return range(0, max(times) + 1, step)


def with_ages(some: Plan, longer: int) -> Plan:
    legs = tuple(
        replace(one, allowed_age=one.allowed_age + longer) if one.allowed_age else one
        for one in some.legs
    )
    return replace(some, legs=legs)


def test_no_tests_without_rules() -> None:
    assert list(alert_tests.render(plan(monitoring=Monitoring()))) == []


@pytest.mark.tool("promtool")
def test_the_rules_of_the_reference_do_what_they_should(tmp_path: Path) -> None:
    passed, said = judge(lay_out(reference(), tmp_path))
    assert passed, said


def test_the_tests_of_the_reference_stay_quick() -> None:
    """Promtool needs about 0.15 ms to look at one rule: 20 s for the reference."""
    step = step_of(reference())
    looks = sum(len(steps_of(one, step)) for one in read_tests(reference())["tests"])
    assert looks * len(alerts_of(reference())) < 240_000


def test_the_reference_is_looked_at_every_ten_minutes() -> None:
    """Its weekly leg makes the longest scenario long; one of daily legs is looked at more often."""
    found = read_tests(reference())
    assert step_of(reference()) == 2 * STEP
    assert found["evaluation_interval"] == "10m"
    assert {one["interval"] for one in found["tests"]} == {"10m"}
    assert len(found["tests"]) == 26, "each scenario has something to say of the reference"


SCHEDULES = {
    "daily": "02:00",
    "in the hour that is skipped": "Sun 03:30",
    "in the hour that is repeated": "03:30",
    "first Sunday": FIRST_SUNDAY,
    "once a year": "*-03-01 05:00",
    "four times an hour": "*:0/15",
    "twice, unevenly": ["06:00", "07:30"],
}


@pytest.mark.tool("promtool")
@pytest.mark.parametrize("when", SCHEDULES.values(), ids=SCHEDULES)
def test_law_08_each_schedule_is_silent_while_it_is_kept(
    when: str | list[str], tmp_path: Path
) -> None:
    passed, said = judge(lay_out(scheduled(when), tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
def test_schedules_may_lie_far_apart(tmp_path: Path) -> None:
    """Then the step is longer than what the most frequent leg allows."""
    quarter = mirror("quarter", "sda:/a", ("*:0/15",))
    yearly = mirror("yearly", "synology:/b", ("*-03-01 05:00",))
    legs = (
        leg_plan(quarter, longest_gap=4500, allowed_age=8100),
        leg_plan(yearly, longest_gap=366 * DAY, allowed_age=366 * DAY + 3600),
    )
    feeds = (*legs[0].feeds, *(replace(one, reads="other") for one in legs[0].feeds))
    several = (replace(legs[0], feeds=feeds), legs[1])
    told = Monitoring(pushgateway="http://127.0.0.1:9091", rules=RULES)
    some = replace(plan(monitoring=told), legs=several)
    assert step_of(some) > 8100
    passed, said = judge(lay_out(some, tmp_path))
    assert passed, said


def test_the_longest_gap_of_first_sunday_is_in_the_tests() -> None:
    some = scheduled(FIRST_SUNDAY)
    assert some.legs[0].longest_gap == 35 * DAY + 3600
    assert step_of(some) == 9 * STEP
    silent = read_tests(some)["tests"][0]
    assert silent["name"].startswith("on schedule")
    values = {one["series"].partition("{")[0]: one["values"] for one in silent["input_series"]}
    began = values["policyctl_leg_last_success_timestamp_seconds"].split("+")[0]
    before = 4 * step_of(some)
    assert int(began) == -(35 * DAY + 3600) + before, "a while before the next run is due"


@pytest.mark.tool("promtool")
@pytest.mark.parametrize("when", ["02:00", FIRST_SUNDAY])
@pytest.mark.parametrize("periods", [1, -1])
def test_law_08_a_threshold_that_is_off_by_a_period_makes_them_fail(
    when: str, periods: int, tmp_path: Path
) -> None:
    some = scheduled(when)
    period = some.legs[0].longest_gap
    assert period is not None
    tests = lay_out(some, tmp_path, rules_by=with_ages(some, periods * period))
    passed, said = judge(tests)
    assert not passed
    assert "MirrorStale" in said


WRONG = {
    "failures are not seen": ('status!~"noted|ok"', 'status!~"noted|ok|failed"'),
    "what is not there is not missed": ("absent(", "sum("),
    "the past is not looked at": ("last_over_time(", "min("),
    "pauses are forgotten": ("paused_until", "paused_since"),
    "the age of the data is not asked for": ("last_success_state", "last_success"),
    "a full disk is not full": ("> 0.9", "> 0.95"),
    "an old figure of the room is none": ("> 174600", "> 274600"),
    "drift is nothing": ("policy_drift", "policy_drifts"),
}


@pytest.mark.tool("promtool")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_rule_that_is_wrong_makes_them_fail(wrong: str, tmp_path: Path) -> None:
    before, after = WRONG[wrong]
    some = chain()
    tests = lay_out(some, tmp_path)
    rules = place(tmp_path, RULES)
    text = rules.read_text()
    assert before in text
    text = text.replace(before, after)
    if wrong == "the past is not looked at":
        text = re.sub(r"min\((policyctl_[a-z_]+\{[^}]*\})\[\w+\]\)", r"min(\1)", text)
    rules.write_text(text)
    assert promtool("check", "rules", rules)[0], "it is wrong, not broken"
    passed, said = judge(tests)
    assert not passed, wrong
    assert "got:" in said, said


def chain() -> Plan:
    """Two legs, one after the other."""
    told = {"pushgateway": "http://127.0.0.1:9091", "rules": str(RULES)}
    places = {
        "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
        "nas": {"path": "/mnt/nas", "media": "nas", "site": "office"},
    }
    legs = {
        "mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"},
        "offsite": {
            "kind": "mirror",
            "from": "disk",
            "to": "nas:/",
            "schedule": "06:00",
            "timeout": "1h",
        },
    }
    return compiled(manifest(legs=legs, destinations=places, monitoring=told))[0].plan


@pytest.mark.tool("promtool")
def test_a_textfile_alone_has_rules_that_pass(tmp_path: Path) -> None:
    told = Monitoring(textfile=parse_absolute_path("/var/lib/x"), rules=RULES)
    passed, said = judge(lay_out(replace(chain(), monitoring=told), tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
def test_names_that_clash_are_told_apart_by_their_legs(tmp_path: Path) -> None:
    some = chain()
    legs = tuple(replace(one, leg=replace(one.leg, alert="Same")) for one in some.legs)
    passed, said = judge(lay_out(replace(some, legs=legs), tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
def test_a_file_of_rules_may_have_any_name(tmp_path: Path) -> None:
    odd = parse_absolute_path("/etc/a [b]*?{c}\\ 'd'/rules.yml")
    some = replace(chain(), monitoring=replace(chain().monitoring, rules=odd))
    passed, said = judge(lay_out(some, tmp_path))
    assert passed, said


def test_the_rules_are_found_below_any_root() -> None:
    assert rules_pattern(RULES) == "../../../etc/prometheus/rules/backup.yml"


def test_a_leg_by_hand_is_tested_for_its_failures() -> None:
    content = manifest(monitoring={"rules": str(RULES), "textfile": "/var/lib/x"})
    found = read_tests(compiled(content)[0].plan)
    names = [one["name"] for one in found["tests"]]
    assert any(name.startswith("each run fails") for name in names)
    assert not any(name.startswith("on schedule") for name in names)


def test_a_random_delay_is_on_schedule() -> None:
    def late(some: Plan) -> str:
        return str(read_tests(some)["tests"][0]["promql_expr_test"][-1]["eval_time"])

    plain, delayed = scheduled("02:00"), scheduled("02:00", random_delay="2h")
    assert plain.legs[0].leg.random_delay is None
    assert delayed.legs[0].leg.random_delay == Duration(7200)
    assert (late(plain), late(delayed)) == ("2h5m", "4h5m")


@pytest.mark.parametrize(
    ("held", "values"),
    [
        (((0, 5),), "5+0x4"),
        (((0, 5), (300, 6)), "5+0x0 6+0x3"),
        (((301, 6),), "_x2 6+0x2"),
        (((0, 5), (600, None)), "5+0x1 _x3"),
        (((0, 5), (100, 6), (200, 7)), "5+0x0 7+0x3"),
        (((0, -7), (9000, 1)), "-7+0x4"),
    ],
)
def test_what_a_series_holds_is_written_as_promtool_reads_it(held, values: str) -> None:
    assert held_values(held, 1200, 300) == values


def test_long_schedules_are_looked_at_less_often() -> None:
    assert step_of(scheduled("02:00")) == STEP
    assert step_of(scheduled("Sun 02:00")) == 2 * STEP
    longest = max(one.hold for one in alerts_of(scheduled(FIRST_SUNDAY)))
    assert longest / step_of(scheduled(FIRST_SUNDAY)) <= 1200
