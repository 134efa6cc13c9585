"""Checks: what the last look at what others make or run has shown."""

from __future__ import annotations

from dataclasses import dataclass

from engine.report.facts import Facts
from engine.standing.checks import CheckHealth, CheckStatus
from renderers.report.words import Clock, Sign, When

_SHAPES = {
    CheckHealth.WELL: "safe",
    CheckHealth.WAITING: "wait",
    CheckHealth.ELSEWHERE: "wait",
    CheckHealth.FAILING: "risk",
    CheckHealth.STALE: "act",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check."""

    check: str
    kind: str
    sign: Sign
    ended: When | None
    """When it last looked; None: it never has."""
    reason: str
    due: When | None


def check_rows(facts: Facts, at: Clock) -> tuple[CheckRow, ...]:
    """A row for each check."""
    return tuple(_row(one, at) for one in facts.checks)


def _row(one: CheckStatus, at: Clock) -> CheckRow:
    return CheckRow(
        check=one.check,
        kind=one.kind,
        sign=Sign(shape=_SHAPES[one.health], word=one.health.value),
        ended=at.maybe(one.last.ended) if one.last is not None else None,
        reason=one.reason,
        due=at.maybe(one.due),
    )
