"""What a run tells of a leg, from what became of its parts."""

from __future__ import annotations

import pytest

from engine.records.reports import FeedReport, RunStatus, judged_together

OK, NOTED, DEGRADED = RunStatus.OK, RunStatus.NOTED, RunStatus.DEGRADED
FAILED, REFUSED, GUARD = RunStatus.FAILED, RunStatus.REFUSED, RunStatus.GUARD
TIMED_OUT, INTERRUPTED = RunStatus.TIMED_OUT, RunStatus.INTERRUPTED


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], OK),
        ([OK, NOTED], NOTED),
        ([OK, DEGRADED], DEGRADED),
        # One that failed beside one that is copied…
        ([OK, FAILED], DEGRADED),
        ([NOTED, REFUSED, TIMED_OUT], DEGRADED),
        # …and one that has nothing beside it, or nothing that is copied whole.
        ([FAILED], FAILED),
        ([REFUSED, FAILED], FAILED),
        ([DEGRADED, FAILED], FAILED),
        # What a person has to look at is not hidden by it, nor that somebody ended the run.
        ([OK, GUARD, FAILED], GUARD),
        ([OK, INTERRUPTED, FAILED], INTERRUPTED),
    ],
)
def test_law_35_a_leg_is_as_its_parts_are(parts: list[RunStatus], whole: RunStatus) -> None:
    feeds = [FeedReport(feed=f"{at}", status=one) for at, one in enumerate(parts)]
    assert judged_together(feeds)[0] is whole


def test_every_reason_is_told() -> None:
    feeds = (
        FeedReport(feed="a", status=OK),
        FeedReport(feed="b", status=FAILED, reason="no key"),
        FeedReport(feed="c", status=REFUSED, reason="not mounted"),
    )
    assert judged_together(feeds) == (DEGRADED, "b: no key; c: not mounted")
