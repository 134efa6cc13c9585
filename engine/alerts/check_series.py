"""The series of checks: what each told of what it looks at. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.samples import Metric, Sample, sample
from engine.checks.outcome import CheckFacts, Status
from engine.plan.model import CheckPlan

CHECK_STATUS_LABEL = "status"
_CHECK = ("check", "kind")


def _metric(suffix: str, text: str, *more: str) -> Metric:
    return Metric(name=f"policyctl_check_{suffix}", help=text, labels=(*_CHECK, *more))


CHECK_EXPECTED = _metric(
    "expected_since_timestamp_seconds", "When a plan with the check was first applied."
)
CHECK_LAST_RUN = _metric("last_run_timestamp_seconds", "When it last looked, whatever it found.")
CHECK_LAST_SUCCESS = _metric(
    "last_success_timestamp_seconds",
    "When it last found all well; moves on success alone.",
)
CHECK_STATUS = _metric(
    "status",
    "1 for the status with which the last look ended, 0 for each other.",
    CHECK_STATUS_LABEL,
)
CHECK_DURATION = _metric("duration_seconds", "How long the last look took.")
CHECK_LOOKED = _metric("looked", "How many databases, paths or snapshots the last look was at.")
CHECK_NEWEST = _metric(
    "newest_timestamp_seconds",
    "Of a freshness check: when the newest file was written, of the path where that is the longest "
    "ago. Of a destination's own snapshots: when the newest was taken.",
)
CHECK_NEWEST_BYTES = _metric("newest_bytes", "How large that file is.")

CHECK_OLDEST = _metric(
    "oldest_timestamp_seconds", "Of a destination's own snapshots: when the oldest was taken."
)

CHECK_METRICS: tuple[Metric, ...] = (
    *(CHECK_EXPECTED, CHECK_LAST_RUN, CHECK_LAST_SUCCESS, CHECK_STATUS, CHECK_DURATION),
    *(CHECK_LOOKED, CHECK_NEWEST, CHECK_NEWEST_BYTES, CHECK_OLDEST),
)


def check_samples(one: CheckPlan, facts: CheckFacts) -> tuple[Sample, ...]:
    """All series of one check; what is not known has none."""
    return tuple(_samples((one.name, one.kind), facts))


def _samples(labels: tuple[str, ...], facts: CheckFacts) -> Iterator[Sample]:
    if facts.expected_since is not None:
        yield sample(CHECK_EXPECTED, labels, facts.expected_since)
    success = facts.success
    if success is not None and success.ended is not None:
        yield sample(CHECK_LAST_SUCCESS, labels, success.ended)
    last = facts.last
    if last is None or last.ended is None or last.verdict is None:
        return
    yield sample(CHECK_LAST_RUN, labels, last.ended)
    for status in Status:
        held = float(status is last.verdict.status)
        yield sample(CHECK_STATUS, (*labels, status.value), held)
    yield sample(CHECK_DURATION, labels, (last.ended - last.began).total_seconds())
    yield sample(CHECK_LOOKED, labels, last.verdict.looked)
    if last.verdict.newest is not None:
        yield sample(CHECK_NEWEST, labels, last.verdict.newest)
    if last.verdict.bytes is not None:
        yield sample(CHECK_NEWEST_BYTES, labels, last.verdict.bytes)
    if last.verdict.oldest is not None:
        yield sample(CHECK_OLDEST, labels, last.verdict.oldest)
