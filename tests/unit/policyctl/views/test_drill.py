"""How drills are shown, and with which exit code."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from engine.drill.outcome import Fault, Status
from engine.system.drill.rehearse import Rehearsed
from policyctl.drilling import Attempt
from policyctl.exit_codes import ExitCode
from policyctl.views.drill import advice_lines, attempt_lines, attempts_json, exit_code_of
from tests.unit.engine.standing.test_drills import DRILL, one

GOOD = Rehearsed(drilled=one(days=0))


def attempt(done: Rehearsed | None = GOOD, locked: str = "") -> Attempt:
    return Attempt(drill=DRILL, done=done, locked=locked)


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (GOOD, ExitCode.OK),
        (None, ExitCode.LOCKED),
        (Rehearsed(drilled=one(status=Status.FAILED)), ExitCode.FAILED),
        (Rehearsed(drilled=one(status=Status.REFUSED)), ExitCode.FAILED),
        (replace(GOOD, untold="the gateway is down"), ExitCode.FAILED),
        (Rehearsed(drilled=one(seconds=361.0)), ExitCode.DEGRADED),
        (replace(GOOD, signal=signal.SIGINT), ExitCode.INTERRUPTED),
        (replace(GOOD, signal=signal.SIGTERM), ExitCode.TERMINATED),
    ],
)
def test_exit_codes(done: Rehearsed | None, code: ExitCode) -> None:
    assert exit_code_of(attempt(done)) is code


def test_many_faults_are_counted_and_the_first_shown() -> None:
    faults = tuple(
        Fault(place="sda", path=b"%d\n" % number, what="it did not come back", item="ns/claim")
        for number in range(30)
    )
    bad = one(status=Status.FAILED, faults=faults, fault_count=1_030)
    lines = list(attempt_lines(attempt(Rehearsed(drilled=bad))))
    assert "  sda: ns/claim: 0\\n: it did not come back" in lines
    assert "  … and 1,010 more: --json lists the first thousand" in lines
    assert len(list(advice_lines([attempt(Rehearsed(drilled=bad))]))) == 1
    (shown,) = attempts_json([attempt(Rehearsed(drilled=bad))])
    assert shown["fault_count"] == 1_030


def test_what_could_not_be_told_is_said() -> None:
    lines = list(attempt_lines(attempt(replace(GOOD, untold="no answer within 10 s"))))
    assert lines[-1] == "  not told: no answer within 10 s"
    assert list(advice_lines([attempt()])) == []


def test_one_that_did_not_begin() -> None:
    (line,) = attempt_lines(attempt(None, "drill.nfs.lock is held by process 1"))
    assert line == "nfs: not begun: drill.nfs.lock is held by process 1"
    assert attempts_json([attempt(None, "held")]) == [
        {"drill": "nfs", "status": "locked", "reason": "held"}
    ]
