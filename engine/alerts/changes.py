"""What differs between the alerts of two plans, in words: pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.alerts import Alert, alerts_of
from engine.alerts.promql import Matchers
from engine.changes.part_facts import Facts, age_text, differences
from engine.changes.plan_changes import Action, PartChange
from engine.plan.model import Plan


def alert_changes(applied: Plan | None, plan: Plan) -> tuple[PartChange, ...]:
    """Alerts that came, went or changed; a plan without a file for its rules has none."""
    return tuple(_changes(_by_subject(applied), _by_subject(plan)))


def _by_subject(plan: Plan | None) -> dict[tuple[str, Matchers], Alert]:
    """Items of one leg have alerts of one name, and so have sources that are tracked."""
    if plan is None or plan.monitoring.rules is None:
        return {}
    return {(one.name, one.subject): one for one in alerts_of(plan)}


def _changes(
    old: dict[tuple[str, Matchers], Alert], new: dict[tuple[str, Matchers], Alert]
) -> Iterator[PartChange]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        words: tuple[str, ...] = ()
        if before is not None and after is not None:
            action = Action.UPDATE
            words = differences(_facts(before), _facts(after)) or ("its condition or its words",)
        else:
            action = Action.CREATE if before is None else Action.DELETE
        yield PartChange(section="alerts", name=_name(*key), action=action, words=words)


def _name(name: str, subject: Matchers) -> str:
    labels = dict(subject)
    of = labels.get("item") or labels.get("source")
    return f"{name} ({of})" if of else name


def _facts(alert: Alert) -> Facts:
    ages = {
        "fires after": alert.threshold,
        "fires for data older than": alert.data_threshold,
        "for": alert.hold or None,
    }
    times = {key: age_text(age) for key, age in ages.items() if age is not None}
    return {**times, "severity": alert.severity.value}
