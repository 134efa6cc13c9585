"""The last runs, the newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.records.measurement import human_bytes
from engine.report.facts import Facts, LegRun
from engine.standing.facts import Ran
from renderers.report.words import Clock, Sign, When, length, number, of_run

FIRST_RUNS = 25
"""Rows that are shown at once; earlier ones unfold."""
_EACH = 20
"""Runs of one leg that went well: one that runs each quarter of an hour must not hide the others.
Those that did not go well are all shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run."""

    leg: str
    began: When
    sign: Sign
    kind: str
    """How the filter calls its end: `good`, `bad` or `running`."""
    took: str
    mode: str
    files: str
    sent: str
    deleted: str
    reason: str


def run_rows(facts: Facts, at: Clock) -> tuple[RunRow, ...]:
    """Rows of the newest runs; the run history holds them all."""
    return tuple(_row(one, at) for one in _chosen(facts.runs))


def _chosen(runs: Iterable[LegRun]) -> Iterator[LegRun]:
    seen: Counter[str] = Counter()
    for one in runs:
        seen[one.leg] += 1
        if seen[one.leg] <= _EACH or not _good(one.ran):
            yield one


def _good(ran: Ran) -> bool:
    return ran.status is not None and ran.status.succeeded


def _row(one: LegRun, at: Clock) -> RunRow:
    ran = one.ran
    return RunRow(
        leg=one.leg,
        began=at.when(ran.started),
        sign=of_run(ran),
        kind="running" if ran.status is None else "good" if _good(ran) else "bad",
        took=length((ran.ended or at.now) - ran.started),
        mode=ran.mode,
        files=number(ran.files),
        sent=human_bytes(ran.bytes),
        deleted=number(ran.deletions),
        reason=ran.reason,
    )
