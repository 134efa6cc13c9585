"""The series of drills: what each told of each destination that it restores from. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.alerts.samples import Metric, Sample, sample
from engine.drill.outcome import DrillFacts, Status
from engine.plan.model import DrillPlan

DRILL_STATUS_LABEL = "status"
_DRILL = ("drill", "source")
_FROM = ("drill", "source", "destination")


def _metric(suffix: str, text: str, *more: str) -> Metric:
    return Metric(name=f"policyctl_drill_{suffix}", help=text, labels=(*_FROM, *more))


DRILL_EXPECTED = Metric(
    name="policyctl_drill_expected_since_timestamp_seconds",
    help="When a plan with the drill was first applied.",
    labels=_DRILL,
)
DRILL_STATED = Metric(
    name="policyctl_drill_stated_seconds",
    help="How long a restore of the whole source may take (`within`); missing where nothing is "
    "stated.",
    labels=_DRILL,
)
DRILL_LAST_RUN = _metric(
    "last_run_timestamp_seconds",
    "When the last drill from the destination ended, however it ended.",
)
DRILL_LAST_SUCCESS = _metric(
    "last_success_timestamp_seconds",
    "When the last good drill from the destination ended; moves on success alone.",
)
DRILL_STATUS = _metric(
    "status",
    "1 for the status with which the last drill from the destination ended, 0 for each other.",
    DRILL_STATUS_LABEL,
)
DRILL_FILES = _metric("files", "Files that the last drill from the destination brought back.")
DRILL_BYTES = _metric("bytes", "Bytes that the last drill from the destination brought back.")
DRILL_COMPARED = _metric(
    "compared_files",
    "Files of it whose content was compared with another copy, or with unchanged live data.",
)
DRILL_FAULTS = _metric("faults", "What the last drill from the destination found wrong.")
DRILL_SECONDS = _metric(
    "restore_seconds", "How long the restore of the last drill that measured it took."
)
DRILL_ESTIMATED = _metric(
    "estimated_seconds", "How long a restore of the whole source takes at that rate."
)

DRILL_METRICS: tuple[Metric, ...] = (
    *(DRILL_EXPECTED, DRILL_STATED, DRILL_LAST_RUN, DRILL_LAST_SUCCESS, DRILL_STATUS),
    *(DRILL_FILES, DRILL_BYTES, DRILL_COMPARED, DRILL_FAULTS, DRILL_SECONDS, DRILL_ESTIMATED),
)


def drill_samples(one: DrillPlan, facts: DrillFacts) -> tuple[Sample, ...]:
    """All series of one drill; what is not known has none."""
    labels = (one.name, one.drill.source)
    found = []
    if facts.expected_since is not None:
        found.append(sample(DRILL_EXPECTED, labels, facts.expected_since))
    if one.drill.within is not None:
        found.append(sample(DRILL_STATED, labels, one.drill.within.seconds))
    for place in one.places:
        found += _of_place((*labels, place), place, facts)
    return tuple(found)


def _of_place(labels: tuple[str, ...], place: str, facts: DrillFacts) -> Iterator[Sample]:
    last, success, measured = facts.last(place), facts.success(place), facts.measured(place)
    if last is not None and last.ended is not None:
        yield sample(DRILL_LAST_RUN, labels, last.ended)
        for status in Status:
            yield sample(DRILL_STATUS, (*labels, status.value), float(status is last.status))
        yield sample(DRILL_FILES, labels, last.files)
        yield sample(DRILL_BYTES, labels, last.bytes)
        yield sample(DRILL_COMPARED, labels, last.compared)
        yield sample(DRILL_FAULTS, labels, last.fault_count)
    if success is not None and success.ended is not None:
        yield sample(DRILL_LAST_SUCCESS, labels, success.ended)
    if measured is not None and measured.estimate is not None:
        yield sample(DRILL_SECONDS, labels, measured.seconds)
        yield sample(DRILL_ESTIMATED, labels, measured.estimate)
