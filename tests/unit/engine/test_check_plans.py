"""What checks amount to in a plan."""

from __future__ import annotations

import json
from typing import Any

from engine.changes.plan_changes import plan_changes
from engine.changes.renames import plan_renamed
from engine.plan.stored import plan_from_json, plan_to_json
from policy.checks import SqliteIntegrityCheck
from policy.diagnostics import Severity
from tests.strategies import checked, compiled, errors, manifest
from tests.unit.policy.test_checks import COMMAND, FRESH, HTTP, SQLITE

ALL = {"dumps": FRESH, "web": HTTP, "raid": COMMAND, "databases": SQLITE}
CLUSTER = {"kubernetes": {"namespace": "apps"}}


def plan_of(**checks: Any) -> Any:
    return compiled(manifest(checks=checks))[0].plan


def test_how_old_a_look_may_get_follows_from_its_schedule_and_its_limit() -> None:
    (found,) = plan_of(dumps={**FRESH, "schedule": "06:00", "timeout": "10m"}).checks
    assert (found.longest_gap, found.allowed_age) == (86_400, 86_400 + 600)
    assert (found.name, found.kind, found.here) == ("dumps", "freshness", True)


def test_another_runner_makes_it_elsewhere() -> None:
    (found,) = plan_of(dumps={**FRESH, "runner": CLUSTER}).checks
    assert not found.here


def test_calendars_are_judged_as_those_of_legs() -> None:
    assert errors(manifest(checks={"it": {**FRESH, "schedule": "*:0/5"}})) == ["schedule-too-often"]


def test_alerts_of_two_have_names_of_their_own() -> None:
    report = checked(manifest(checks={"dumps": FRESH, "dumps-check": HTTP}))
    (found,) = (one for one in report.findings if one.severity is Severity.ERROR)
    assert found.code == "alert-twice"
    assert "the names of those of 'dumps'" in found.message


class TestStored:
    def test_it_comes_back_as_it_was(self) -> None:
        plan = plan_of(**ALL)
        assert plan_from_json(plan_to_json(plan)) == plan

    def test_a_check_of_before_anything_was_derived_is_read(self) -> None:
        plan = plan_of(databases=SQLITE)
        text = plan_to_json(plan)
        (one,) = plan.checks
        document = json.loads(text)
        document["checks"] = [each["check"] for each in document["checks"]]
        (found,) = plan_from_json(json.dumps(document)).checks
        assert (found.check, found.allowed_age) == (one.check, None)


def test_what_changes_is_told_in_the_manifests_words() -> None:
    before = plan_of(dumps=FRESH, web={**HTTP, "headers": {"X-Token": {"file": "/etc/token"}}})
    after = plan_of(
        dumps={**FRESH, "newer_than": "2d", "files": "*.gz"},
        web={**HTTP, "headers": {"X-Token": {"variable": "TOKEN"}}},
    )
    dumps, web = plan_changes(before, after).others
    assert (dumps.section, dumps.name) == ("checks", "dumps")
    assert dumps.words == ("files: not set → *.gz", "newer than: 26h → 48h")
    assert web.words == (
        "headers: X-Token: (in the file /etc/token) → X-Token: (the variable TOKEN)",
    )
    (gone, other) = plan_changes(before, plan_of()).others
    assert {gone.action.value, other.action.value} == {"delete"}


def test_a_renamed_source_keeps_its_check() -> None:
    plan = plan_of(**ALL)
    found = plan_renamed(plan, {"data": "files"}).check("databases")
    assert found is not None
    assert isinstance(found.check, SqliteIntegrityCheck)
    assert found.check.source == "files"
