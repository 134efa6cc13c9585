"""What is said of a run, and what one that a schedule started leaves in the journal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.records.reports import FeedReport, RunReport, RunStatus
from policy.legs import KIND_NAMES, Leg
from policyctl.views.run import journal_lines, report_lines, what_stays
from tests.strategies import manifest, policy_of

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def legs() -> dict[str, Leg]:
    """One of each kind."""
    rest = {"to": "disk:/x", "schedule": "01:00", "timeout": "5m"}
    keeps = {**rest, "keep": {"last": 2}}
    policy = policy_of(
        manifest(
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "pvcs": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
                "nas": {"kind": "device", "ssh": "a@b.example.net"},
                "shop": {"kind": "postgresql", "connect": {"host": "h"}},
            },
            legs={
                "mirror": {"kind": "mirror", **rest},
                "versions": {"kind": "versions", **keeps, "to": "disk:/v"},
                "sqlite": {"kind": "sqlite", "from": "data", **keeps, "to": "disk:/s"},
                "snapshot": {"kind": "snapshot", "schedule": "01:00", "keep": {"last": 2}},
                "fetch": {"kind": "fetch", "from": "nas", **keeps, "files": {"a": ["x"]}},
                "dump": {"kind": "dump", "from": "shop", **keeps},
            },
        )
    )
    return {KIND_NAMES[type(one)]: one for one in policy.legs}


LEGS = legs()


@pytest.mark.parametrize("status", [RunStatus.TIMED_OUT, RunStatus.INTERRUPTED])
@pytest.mark.parametrize(
    ("kind", "stays"),
    [
        ("mirror", "the next run goes on from there"),
        ("versions", "the next run goes on from there"),
        ("snapshot", "the next run takes new ones of all"),
        ("sqlite", "the next run makes it anew"),
        ("fetch", "the next run makes it anew"),
        ("dump", "the next run makes it anew"),
    ],
)
def test_what_holds_after_a_run_that_was_cut_off(kind: str, stays: str, status: RunStatus) -> None:
    _, told = report_lines(report(status), LEGS[kind])
    assert stays in told
    assert ("goes on from there" in told) == (kind in {"mirror", "versions"})
    assert ("a longer `timeout`" in told) == (status is RunStatus.TIMED_OUT)
    assert what_stays(LEGS[kind]) in told


def report(status: RunStatus, untold: str = "") -> RunReport:
    return RunReport(
        leg="nightly",
        run_id="1",
        started=NOW,
        ended=NOW,
        status=status,
        reason="",
        untold=untold,
    )


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (RunStatus.NOTED, "<5>"),
        (RunStatus.LOCKED, "<5>"),
        (RunStatus.DEGRADED, "<4>"),
        (RunStatus.GUARD, "<3>"),
        (RunStatus.FAILED, "<3>"),
    ],
)
def test_each_line_has_its_priority_in_the_journal(
    monkeypatch: pytest.MonkeyPatch, status: RunStatus, mark: str
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert list(journal_lines(report(status), ["one", "two"])) == [f"{mark}one", f"{mark}two"]
    monkeypatch.delenv("JOURNAL_STREAM")
    assert list(journal_lines(report(status), ["one"])) == ["one"]


def test_a_success_is_quiet_unless_it_could_not_be_told() -> None:
    assert list(journal_lines(report(RunStatus.OK), ["one"])) == []
    assert list(journal_lines(report(RunStatus.OK, "no gateway"), ["one"])) == ["one"]


def test_a_reason_is_said_once_however_many_there_are() -> None:
    refused = FeedReport(feed="data", status=RunStatus.REFUSED, reason="smaller; another disk")
    said = "data: smaller; data: another disk"
    first, second = report_lines(
        replace(report(RunStatus.REFUSED), reason=said, feeds=(refused,)), LEGS["mirror"]
    )
    assert first.endswith(said)
    assert second == "  data: 0 files sent (0 B), 0 deleted"
    # What the whole does not say, the part does.
    degraded = replace(report(RunStatus.DEGRADED), reason="x", feeds=(refused,))
    *_, alone = report_lines(degraded, LEGS["mirror"])
    assert alone.endswith("0 deleted; smaller; another disk")


def test_a_database_is_told_by_its_rows_and_not_as_files() -> None:
    database = FeedReport(feed="shop:orders", status=RunStatus.OK, entries=1, size=2048)
    whole = FeedReport(feed="shop", status=RunStatus.OK, why="a dump of it", files=2, size=4096)
    ended = replace(report(RunStatus.OK), feeds=(whole, database))
    told = list(report_lines(ended, LEGS["dump"]))
    assert "  shop:orders: a dump of 2.0 KiB, 1 row" in told
    assert any("full pass (a dump of it), 2 files sent" in line for line in told)
