"""What `apply` did."""

from __future__ import annotations

from engine.system.apply import ApplyReport
from engine.system.destinations import Recorded
from policyctl.views.console import Json, result, tell
from policyctl.views.paths import counted


def tell_applied(
    report: ApplyReport,
    recorded: tuple[Recorded, ...],
    renamed: tuple[str, ...],
    *,
    staged: bool,
) -> None:
    """Say what was done, and what to type next."""
    if report.changed:
        written = counted(len(report.written), "file")
        result(
            f"applied: {written} written, {len(report.removed)} removed, {report.kept} as they were"
        )
    for sentence in renamed:
        tell(sentence)
    for one in recorded:
        tell(f"destination {one.destination}: {one.sentence}")
    timers = sorted(
        name
        for path in report.written
        if path.names and (name := path.names[-1].decode("utf-8", "replace")).endswith(".timer")
    )
    if timers and not staged:
        tell("next: systemctl daemon-reload")
        tell(f"next: systemctl enable --now {' '.join(timers)}")


def applied_json(
    report: ApplyReport, recorded: tuple[Recorded, ...], renamed: tuple[str, ...]
) -> dict[str, Json]:
    """The same for programs."""
    return {
        "changed": report.changed,
        "written": [str(path) for path in report.written],
        "removed": [str(path) for path in report.removed],
        "kept": report.kept,
        "plan_digest": report.plan_digest,
        "renamed": list(renamed),
        "destinations": [
            {"destination": one.destination, "recorded": one.recorded, "sentence": one.sentence}
            for one in recorded
        ],
    }
