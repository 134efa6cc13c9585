"""What is said of a run, and what one that a schedule started leaves in the journal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.records.reports import FeedReport, RunReport, RunStatus
from policyctl.views.run import journal_lines, report_lines

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


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
        replace(report(RunStatus.REFUSED), reason=said, feeds=(refused,)), table=False
    )
    assert first.endswith(said)
    assert second == "  data: 0 files sent (0 B), 0 deleted"
    # What the whole does not say, the part does.
    *_, alone = report_lines(replace(report(RunStatus.DEGRADED), reason="x", feeds=(refused,)))
    assert alone.endswith("0 deleted; smaller; another disk")
