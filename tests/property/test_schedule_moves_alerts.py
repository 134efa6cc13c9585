"""Law 8: a schedule that changes moves its timer, thresholds and tests, and nothing else."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.alerts.alerts import leg_ages
from engine.compile import compile_policy
from engine.plan.model import Plan
from policy.parse import load
from renderers import render
from tests.prometheus import rules_of
from tests.strategies import REFERENCE, compiled, manifest

SCHEDULES = (
    "02:00",
    "Sun 02:00",
    "*:0/15",
    "Sun *-*-01..07 05:00",
    "*-*-01,15 00:30",
    "Mon..Fri 7:00",
)
MOVING = {
    "policyctl-mirror.timer",
    "backup.yml",
    "alerts.test.yml",
    "dashboard.json",
}
NUMBER = re.compile(r"\b\d[0-9.dhms]*\b")


@cache
def chain(first: str, second: str) -> Plan:
    """Two legs, one after the other, and one beside them."""
    nas = {"path": "/mnt/nas", "media": "nas", "site": "office"}
    legs = {
        "mirror": {"kind": "mirror", "to": "disk:/", "schedule": first, "timeout": "1h"},
        "offsite": {
            "kind": "mirror",
            "from": "disk",
            "to": "nas:/disk",
            "schedule": second,
            "timeout": "1h",
        },
        "beside": {"kind": "mirror", "to": "third:/", "schedule": "04:00", "timeout": "1h"},
    }
    content = manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "nas": nas,
            "third": {**nas, "path": "/mnt/third"},
        },
        sources={
            "data": {"kind": "tree", "path": "/srv/data"},
            "other": {"kind": "tree", "path": "/srv/other"},
        },
        routes={"/srv/data": "mirror", "/srv/other": "beside"},
        legs=legs,
        monitoring={"pushgateway": "http://127.0.0.1:9091", "rules": "/etc/prometheus/backup.yml"},
    )
    return compiled(content)[0].plan


def files(plan: Plan) -> dict[str, bytes]:
    return {one.path.names[-1].decode(): one.content for one in render(plan)}


def changed(before: Plan, after: Plan) -> set[str]:
    old, new = files(before), files(after)
    assert set(old) == set(new), "no file comes or goes"
    return {name for name in old if old[name] != new[name]}


def rules_by_leg(plan: Plan) -> dict[str | None, list[dict[str, Any]]]:
    found: dict[str | None, list[dict[str, Any]]] = {}
    for rule in rules_of(plan):
        found.setdefault(rule["labels"].get("leg"), []).append(rule)
    return found


def without_numbers(rules: list[dict[str, Any]]) -> str:
    return NUMBER.sub("#", yaml.safe_dump(rules))


@given(st.sampled_from(SCHEDULES), st.sampled_from(SCHEDULES), st.sampled_from(SCHEDULES))
def test_law_08_only_numbers_move_and_only_those_of_legs_whose_ages_moved(
    before: str, after: str, second: str
) -> None:
    old, new = chain(before, second), chain(after, second)
    assert changed(old, new) <= MOVING
    assert without_numbers(rules_of(old)) == without_numbers(rules_of(new))
    was, now = rules_by_leg(old), rules_by_leg(new)
    for one, other in zip(old.legs, new.legs, strict=True):
        same = leg_ages(old, one) == leg_ages(new, other)
        assert (was[one.name] == now[one.name]) is same
        assert same or one.name in {"mirror", "offsite"}
    assert was["beside"] == now["beside"]


def test_law_08_weekly_to_daily_in_the_reference() -> None:
    text = REFERENCE.read_text()
    daily = 'schedule: "02:00"'
    assert text.count(daily) == 1
    weekly = text.replace(daily, 'schedule: "Sun 02:00"')
    # Its copies are then too old for the objectives of the reference: that is not the question.
    weekly, text = (re.sub(r"rpo: \w+", "rpo: 90d", one) for one in (weekly, text))
    old, new = (compile_policy(load(one.encode(), "x.yaml")[1]) for one in (weekly, text))
    moved = changed(old, new)
    assert moved == {
        "policyctl-sda-mirror.timer",
        "backup-policy.yml",
        "alerts.test.yml",
        "dashboard.json",
    }
    week, day = rules_by_leg(old), rules_by_leg(new)
    assert {leg for leg in day if week[leg] != day[leg]} >= {"sda-mirror"}
    assert week["host-config"] == day["host-config"]
    assert week["synology-direct"] == day["synology-direct"]
    (was,) = (one for one in week["sda-mirror"] if one["alert"] == "SdaMirrorStale")
    (now,) = (one for one in day["sda-mirror"] if one["alert"] == "SdaMirrorStale")
    limits = [int(re.findall(r"> (\d+)", one["expr"])[0]) for one in (was, now)]
    assert limits[0] - limits[1] == 6 * 86_400


def test_a_dashboard_moves_with_them() -> None:
    boards = [json.loads(files(chain(one, "06:00"))["dashboard.json"]) for one in SCHEDULES[:2]]
    titles = [[panel["title"] for panel in one["panels"]] for one in boards]
    assert titles[0] == titles[1]
    assert boards[0] != boards[1]
