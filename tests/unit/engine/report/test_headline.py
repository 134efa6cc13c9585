"""The one glance."""

from dataclasses import replace
from datetime import timedelta

from engine.report.facts import Facts
from engine.report.headline import Level, headline
from engine.standing.safety import Limit, Safety, SourceSafety
from tests.report_facts import NOW, homelab_facts


def source(name: str, safety: Safety, hours: float | None = None) -> SourceSafety:
    at = NOW + timedelta(hours=hours) if hours is not None else None
    limit = Limit(at=at, what="allowed age of x", part=name) if hours is not None else None
    return SourceSafety(source=name, safety=safety, fresh=1, copies=1, oldest=None, first=limit)


def facts(*sources: SourceSafety, healthy: bool = True) -> Facts:
    return replace(homelab_facts(), sources=sources, healthy=healthy)


def test_all_safe_until_the_first_is_not() -> None:
    found = headline(facts(source("a", Safety.SAFE, 9), source("b", Safety.SAFE, 5)))
    assert found.level is Level.SAFE
    assert (found.safe, found.until) == (2, NOW + timedelta(hours=5))
    assert found.first is not None
    assert found.first.source == "b"


def test_one_at_risk_is_what_is_said_first() -> None:
    found = headline(
        facts(source("a", Safety.AT_RISK, -2), source("b", Safety.SAFE, 5), healthy=False)
    )
    assert found.level is Level.RISK
    assert [one.source for one in found.at_risk] == ["a"]
    assert found.until == NOW + timedelta(hours=5)


def test_what_needs_somebody_is_told_though_all_is_safe() -> None:
    assert headline(facts(source("a", Safety.SAFE, 5), healthy=False)).level is Level.ATTENTION


def test_what_others_copy_is_no_reason_to_say_safe() -> None:
    found = headline(facts(source("a", Safety.UNKNOWN), source("b", Safety.NOT_KEPT)))
    assert found.level is Level.UNKNOWN
    assert (found.safe, found.elsewhere, found.not_kept, found.until) == (0, 1, 1, None)


def test_the_next_run_and_the_legs_that_need_somebody() -> None:
    found = headline(homelab_facts())
    assert found.unsound == ("pvc-files", "synology-direct")
    assert found.next_run == min(one.due for one in homelab_facts().legs if one.due)
