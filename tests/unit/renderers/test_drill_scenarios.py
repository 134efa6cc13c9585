"""The tests of a drill's rules: that they pass, and that they can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.plan.model import Plan
from policy.values import Duration
from renderers.alert_scenarios import scenarios_of
from renderers.alert_tests import STEP, step_of
from tests.prometheus import judge, lay_out
from tests.strategies import compiled, manifest

TOLD = {"pushgateway": "http://127.0.0.1:9091", "rules": "/etc/prometheus/rules/backup.yml"}
DISK = {"path": "/mnt/disk", "media": "hdd", "site": "home"}
NAS = {"ssh": "backup@nas.example.net", "path": "/copies", "media": "nas", "site": "away"}
DRILL = {"source": "data", "schedule": "yearly", "scratch": "/var/scratch", "within": "12h"}


def drilled(**more: object) -> Plan:
    content = manifest(
        destinations={"disk": DISK, "nas": NAS, **more},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"},
            "offsite": {"kind": "mirror", "from": "disk", "to": "nas:/", "schedule": "04:00"},
        },
        drills={"data": DRILL},
        monitoring=TOLD,
    )
    return compiled(content)[0].plan


def of_drills(some: Plan) -> list[str]:
    found = scenarios_of(some, step_of(some))
    return [one.name for one in found if "drill" in one.name or "stated" in one.name]


@pytest.mark.tool("promtool")
def test_law_28_the_rules_of_a_yearly_drill_do_what_they_should(tmp_path: Path) -> None:
    some = drilled()
    assert len(of_drills(some)) == 5
    assert step_of(some) == STEP, "a drill that is rare makes nothing else coarse"
    passed, said = judge(lay_out(some, tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
def test_a_disk_that_comes_and_goes_fails_nobody(tmp_path: Path) -> None:
    some = drilled(disk={**DISK, "presence": "sometimes"})
    passed, said = judge(lay_out(some, tmp_path))
    assert passed, said


@pytest.mark.tool("promtool")
@pytest.mark.parametrize("what", ["older", "younger", "longer", "failing"])
def test_rules_of_another_plan_fail_them(tmp_path: Path, what: str) -> None:
    some = drilled()
    (one,) = some.drills
    assert one.allowed_age is not None
    match what:
        case "older":
            other = replace(one, allowed_age=one.allowed_age + 3600)
        case "younger":
            other = replace(one, allowed_age=one.allowed_age - 3600)
        case "longer":
            other = replace(one, drill=replace(one.drill, within=Duration(86_400)))
        case _:
            other = replace(one, places=())
    passed, _ = judge(lay_out(some, tmp_path, rules_by=replace(some, drills=(other,))))
    assert not passed


def test_a_plan_without_drills_has_none() -> None:
    assert of_drills(replace(drilled(), drills=())) == []
