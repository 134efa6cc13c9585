"""The first glance, and the rows of sources and legs."""

from dataclasses import replace
from datetime import timedelta

from engine.report.facts import Facts
from engine.report.headline import headline
from engine.standing.safety import BEHIND, Limit, Safety, SourceSafety
from renderers.report.safety_section import Glance, glance, leg_rows, source_rows
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts

AT = Clock(zone=ZONE, now=NOW)


def source(name: str, safety: Safety, hours: float | None, what: str = "age of x") -> SourceSafety:
    at = NOW + timedelta(hours=hours) if hours is not None else None
    limit = Limit(at=at, what=what, part=f"/{name}")
    return SourceSafety(source=name, safety=safety, fresh=1, copies=2, oldest=None, first=limit)


def seen(facts: Facts) -> Glance:
    return glance(facts, headline(facts), AT)


def test_the_title_is_the_answer() -> None:
    facts = homelab_facts()
    safe = (source("a", Safety.SAFE, 9), source("b", Safety.SAFE, 5))
    assert seen(replace(facts, sources=safe, healthy=True)).title == (
        "Everything copied here is safe until Wed 12:40"
    )
    assert seen(replace(facts, sources=safe, healthy=True)).more == (
        "if nothing more runs; b is at risk first"
    )
    assert seen(replace(facts, sources=safe, healthy=False)).title == (
        "Safe until Wed 12:40, but something needs you"
    )
    risky = tuple(source(f"s{at}", Safety.AT_RISK, -1) for at in range(6))
    found = seen(replace(facts, sources=(*risky, *safe)))
    assert found.title == "At risk: s0, s1, s2, s3 and 2 more"
    assert (
        found.more == "2 sources are safe until Wed 12:40 if nothing more runs; b is at risk first"
    )
    assert [one.value for one in found.figures][:1] == ["2 of 8"]


def test_since_when_or_from_when_or_until_what() -> None:
    sources = (
        source("a", Safety.AT_RISK, -30),
        source("b", Safety.SAFE, 5),
        source("c", Safety.AT_RISK, None, "no copy by x"),
        source("d", Safety.AT_RISK, None, f"{BEHIND}x since its rules changed"),
    )
    rows = source_rows(replace(homelab_facts(), sources=sources), AT)
    assert [one.risk for one in rows] == [
        "since",
        "from",
        "until its first copy",
        "until its next run",
    ]
    assert [one.risk_at.text if one.risk_at else "" for one in rows] == [
        "Tue 01:40",
        "Wed 12:40",
        "",
        "",
    ]
    assert {one.kind for one in rows} == {"at-risk", "safe"}


def test_legs_that_need_somebody_come_first_and_those_of_others_last() -> None:
    rows = leg_rows(homelab_facts(), AT)
    assert {one.name for one in rows[:4]} == {
        *("firewall-config", "firewall-system", "pvc-files", "synology-direct")
    }
    assert [one.sign.word for one in rows][-1] == "runs elsewhere"
    stale = next(one for one in rows if one.name == "synology-direct")
    assert stale.meter is not None
    assert stale.meter.old
    assert stale.meter.span.width > stale.meter.allowed == 80.0
    assert stale.way == "nfs, nfs-ssd → synology:/nfs, synology:/nfs-ssd"
