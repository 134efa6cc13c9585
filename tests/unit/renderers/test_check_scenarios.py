"""The tests of a check's rules: that they pass, and that they can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.plan.model import Plan
from renderers.alert_scenarios import scenarios_of
from renderers.alert_tests import STEP, step_of
from tests.prometheus import judge, lay_out
from tests.strategies import compiled, manifest
from tests.unit.policy.test_checks import COMMAND, FRESH, HTTP
from tests.unit.renderers.test_drill_scenarios import TOLD

CHECKS = {
    "dumps": {**FRESH, "schedule": "yearly"},
    "raid": {**COMMAND, "schedule": "*:0/15", "severity": "critical"},
    "web": HTTP,
    "away": {**HTTP, "runner": {"kubernetes": {"namespace": "apps"}}},
}


def checked(**more: Any) -> Plan:
    content = manifest(
        legs={"mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"}},
        monitoring=TOLD,
        **{"checks": CHECKS, **more},
    )
    return compiled(content)[0].plan


def of_checks(some: Plan) -> list[str]:
    found = scenarios_of(some, step_of(some))
    return [one.name for one in found if "Check" in one.name]


@pytest.mark.tool("promtool")
def test_the_rules_of_checks_do_what_they_should(tmp_path: Path) -> None:
    some = checked()
    assert len(of_checks(some)) == 5
    assert step_of(some) == STEP, "a check that is rare makes nothing else coarse"
    passed, said = judge(lay_out(some, tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
@pytest.mark.parametrize("what", ["older", "younger", "mild"])
def test_rules_of_another_plan_fail_them(tmp_path: Path, what: str) -> None:
    some = checked()
    (one,) = (each for each in some.checks if each.name == "raid")
    assert one.allowed_age is not None
    match what:
        case "older":
            other = replace(one, allowed_age=one.allowed_age + 3600)
        case "younger":
            other = replace(one, allowed_age=one.allowed_age - 600)
        case _:
            mild = compiled(manifest(checks={"raid": COMMAND}))[0].plan.checks[0]
            other = replace(one, check=replace(one.check, severity=mild.check.severity))
    rest = tuple(each for each in some.checks if each.name != "raid")
    passed, _ = judge(lay_out(some, tmp_path, rules_by=replace(some, checks=(other, *rest))))
    assert not passed


def test_a_plan_without_checks_has_none() -> None:
    assert of_checks(checked(checks={})) == []
