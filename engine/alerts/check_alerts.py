"""The alerts of checks: what is looked at is not well, or nobody looks any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.check_series import (
    CHECK_EXPECTED,
    CHECK_LAST_RUN,
    CHECK_STATUS,
    CHECK_STATUS_LABEL,
)
from engine.alerts.overdue import overdue
from engine.alerts.part_alerts import PartAlert
from engine.alerts.promql import Matchers, none_of, series
from engine.alerts.words import Fault, camel_case, check_words
from engine.checks.outcome import Status
from engine.plan.model import CheckPlan
from engine.promises.allowed_age import SLACK

CHECK_FAULTS = (Fault.CHECK_STALE, Fault.CHECK_FAILING)


def check_stem(check: str) -> str:
    """How the names of a check's alerts begin: `dumps` and `dumps-check` are both `DumpsCheck`."""
    return camel_case(check).removesuffix("Check") + "Check"


def check_age(one: CheckPlan) -> int | None:
    """Seconds without a look from which on nobody looks any more, with the slack."""
    return one.allowed_age + int(SLACK.total_seconds()) if one.allowed_age is not None else None


def alerts_of_check(one: CheckPlan, told: Matchers) -> Iterator[PartAlert]:
    """All alerts of one check."""
    matchers = (("check", one.name), *told)
    age = check_age(one)
    if age is not None:
        stale = overdue(CHECK_LAST_RUN, CHECK_EXPECTED, matchers, age)
        yield _alert(one, Fault.CHECK_STALE, stale, age)
    bad = series(CHECK_STATUS, matchers, none_of(CHECK_STATUS_LABEL, [Status.OK.value]))
    yield _alert(one, Fault.CHECK_FAILING, f"max by ({CHECK_STATUS_LABEL}) ({bad}) == 1", None)


def _alert(one: CheckPlan, fault: Fault, expression: str, threshold: int | None) -> PartAlert:
    return PartAlert(
        name=check_stem(one.name) + fault.value.removeprefix("Check"),
        fault=fault,
        expression=expression,
        threshold=threshold,
        words=check_words(
            fault,
            one.name,
            threshold,
            namespace=one.check.runner.namespace if one.check.runner is not None else "",
        ),
    )
