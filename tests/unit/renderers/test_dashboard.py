"""The dashboard: what it asks is what is told, and promtool reads each question."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.alerts.alerts import alerts_of, leg_ages, told_legs
from engine.alerts.metrics import METRICS
from engine.compile import compile_policy
from engine.plan.model import Plan
from policy.model import Monitoring
from policy.parse import load
from policy.values import parse_absolute_path
from renderers import dashboard
from tests.plans import plan
from tests.prometheus import promtool
from tests.strategies import REFERENCE

TOLD = Monitoring(textfile=parse_absolute_path("/x"))


def reference() -> Plan:
    return compile_policy(load(REFERENCE.read_bytes(), "backup-policy.yaml")[1])


def board(some: Plan) -> dict[str, Any]:
    (file,) = dashboard.render(some)
    found: dict[str, Any] = json.loads(file.content)
    return found


def panel(some: Plan, title: str) -> dict[str, Any]:
    (found,) = (one for one in board(some)["panels"] if one["title"].startswith(title))
    assert isinstance(found, dict)
    return found


def questions(some: Plan) -> list[str]:
    return [target["expr"] for one in board(some)["panels"] for target in one["targets"]]


def test_none_where_nothing_is_told() -> None:
    assert list(dashboard.render(plan(monitoring=Monitoring()))) == []


def test_law_09_it_asks_for_nothing_that_nobody_tells() -> None:
    told = {one.name for one in METRICS}
    for question in questions(reference()):
        asked = set(re.findall(r"policyctl_[a-z_]+", question))
        assert asked, question
        assert asked <= told, question


@pytest.mark.tool("promtool")
def test_prometheus_reads_each_question(tmp_path: Path) -> None:
    rules = [
        {"record": f"asked:{number}", "expr": one}
        for number, one in enumerate([*questions(reference()), *questions(plan(monitoring=TOLD))])
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    accepted, said = promtool("check", "rules", path)
    assert accepted, said
    assert len(rules) > 20


def test_law_08_the_limits_are_those_of_the_alerts() -> None:
    some = reference()
    asked = {
        one["legendFormat"]: one["expr"] for one in panel(some, "Age of the data, as")["targets"]
    }
    assert set(asked) == {leg.name for leg in told_legs(some)}
    stale = {dict(one.subject)["leg"]: one for one in alerts_of(some) if one.fault.value == "Stale"}
    for leg in told_legs(some):
        ages = leg_ages(some, leg)
        assert ages is not None
        for limit in (ages.own, ages.data):
            assert f"/ {limit}" in asked[leg.name]
            assert f"> {limit}" in stale[leg.name].expression


def test_the_room_is_shown_against_what_may_be_used() -> None:
    asked = [one["expr"] for one in panel(reference(), "Room used")["targets"]]
    assert [one.rpartition("/ ")[2] for one in asked] == ["0.85", "0.9"]


def test_panels_do_not_lie_upon_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for one in board(reference())["panels"]:
        at = one["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
    numbers = [one["id"] for one in board(reference())["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_grafana_fills_in_nothing_but_the_data_source() -> None:
    """All names that enter it are of letters, digits and hyphens: the schema sees to that."""
    (file,) = dashboard.render(reference())
    text = file.content.decode().replace("${datasource}", "")
    assert "$" not in text
    assert "[[" not in text


def test_it_speaks_of_its_own_host_and_time_zone() -> None:
    found = board(reference())
    assert (found["title"], found["timezone"]) == ("Backups of pve", "Europe/Sofia")
    assert all('instance="pve"' in one for one in questions(reference()))
    assert board(replace(reference(), host="other"))["title"] == "Backups of other"
