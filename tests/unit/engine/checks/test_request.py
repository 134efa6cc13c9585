"""What the process that looks is asked, and what it answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.checks.outcome import Checked, CheckFacts, Status, Verdict
from engine.checks.request import (
    AnswerUnreadable,
    answer_from_json,
    answer_to_json,
    declaration_of,
    declarations_of,
    request_from_json,
    request_of,
    request_to_json,
)
from engine.plan.stored import PlanUnreadable
from policy.values import parse_absolute_path
from tests.strategies import compiled, manifest
from tests.unit.policy.test_checks import COMMAND, FRESH, HTTP, SQLITE

NOW = datetime(2026, 11, 29, tzinfo=UTC)
VAULT = {"kind": "sqlite", "path": "/srv/vault/db.sqlite3"}


def plan_with(**checks: Any) -> Any:
    content = manifest(
        sources={"data": {"kind": "tree", "path": "/srv/data"}, "vault": VAULT},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "copy": {"kind": "dump", "from": "vault", "to": "disk:/v", "keep": {"last": 2}},
        },
        checks=checks,
    )
    return compiled(content)[0].plan


@pytest.mark.parametrize(
    "check",
    [
        {**FRESH, "path": "/srv/[a-c]*/x", "files": "*.gz", "at_least": "1M"},
        {**HTTP, "status": 204, "contains": "ü\n", "headers": {"X-Token": {"file": "/t"}}},
        {**HTTP, "headers": {"X-Token": {"command": ["a", "b"]}, "Accept": "x"}, "ca": "/ca"},
        {**COMMAND, "run": ["a", "-x", "%$ "]},
        SQLITE,
    ],
)
def test_a_request_arrives_as_it_was_made(check: dict[str, Any]) -> None:
    plan = plan_with(it=check)
    request = request_of(plan, plan.checks[0].check)
    assert request_from_json(request_to_json(request)) == request


def test_it_says_where_the_databases_lie() -> None:
    plan = plan_with(one={**SQLITE, "source": "vault"}, all=SQLITE, web=HTTP)
    found = {one.name: request_of(plan, one.check) for one in plan.checks}
    assert (found["one"].databases, found["one"].tree) == (
        parse_absolute_path("/srv/vault/db.sqlite3"),
        False,
    )
    assert (found["all"].databases, found["all"].tree) == (parse_absolute_path("/srv/data"), True)
    assert found["web"].databases is None


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(status=Status.OK),
        Verdict(status=Status.FAILED, reason="ü\n", looked=3, newest=NOW, bytes=1 << 50),
    ],
)
def test_an_answer_arrives_as_it_was_given(verdict: Verdict) -> None:
    assert answer_from_json(answer_to_json(verdict)) == verdict


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "fine"}', '{"newest": "then"}'])
def test_what_is_no_answer_is_told(text: str) -> None:
    with pytest.raises(AnswerUnreadable):
        answer_from_json(text)
    with pytest.raises(PlanUnreadable):
        request_from_json(text)


def test_an_interrupted_look_says_nothing() -> None:
    def look(hour: int, status: Status | None) -> Checked:
        verdict = Verdict(status=status) if status is not None else None
        began = NOW.replace(hour=hour)
        return Checked(check="it", began=began, ended=began if verdict else None, verdict=verdict)

    good, bad = look(1, Status.OK), look(2, Status.FAILED)
    facts = CheckFacts(looks=(look(3, Status.INTERRUPTED), bad, good))
    assert (facts.last, facts.success, facts.unfinished) == (bad, good, None)
    going = look(4, None)
    assert CheckFacts(looks=(going, good)).unfinished == going
    assert CheckFacts(looks=(going, good)).last == good


# ── A destination's own snapshots ────────────────────────────────────────────────────────────


def own(**snapshots: Any) -> Any:
    least = {"kind": "synology", "share": "Backup", "keep": {"within": "7d"}}
    place = {"ssh": "backup@nas", "path": "/v/Backup", "media": "nas", "site": "away"}
    return compiled(
        manifest(
            destinations={"nas": {**place, "snapshots": {**least, **snapshots}}},
            legs={"mirror": {"kind": "mirror", "to": "nas:/"}},
        )
    )[0].plan


def test_who_is_asked_of_snapshots_and_since_when_they_are_declared() -> None:
    plan = own(names="GMT*", read={"ssh": "root@nas", "sudo": True})
    request = request_of(plan, plan.checks[0].check, NOW)
    assert request_from_json(request_to_json(request)) == request
    assert request.snapshots is not None
    assert request.snapshots.ssh is not None
    assert request.snapshots.ssh.account == "root@nas"
    assert (request.snapshots.host, request.snapshots.since) == ("@nas", NOW.isoformat())
    verdict = Verdict(status=Status.OK, looked=8, newest=NOW, oldest=NOW)
    assert answer_from_json(answer_to_json(verdict)) == verdict


def test_what_is_declared_anew_begins_anew() -> None:
    keys = [
        declaration_of(plan, plan.checks[0].check)
        for plan in (own(), own(keep={"within": "8d"}), own(every="12h"), own(names="a*"))
    ]
    assert len({*keys}) == 4
    again = own(read={"schedule": "hourly"})
    assert declaration_of(again, again.checks[0].check) == keys[0]
    assert list(declarations_of(again)) == [keys[0]]
    assert declaration_of(plan_with(it=FRESH), plan_with(it=FRESH).checks[0].check) == ""
