"""How runs ended."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator

from engine.generations.names import moment_of
from engine.reach.targets import entry_argument
from engine.records.measurement import human_bytes
from engine.records.reports import FeedReport, Finding, RunReport, RunStatus
from engine.records.reports import Verdict as Looked
from policy.legs import (
    DumpLeg,
    FetchLeg,
    Leg,
    MirrorLeg,
    SnapshotLeg,
    SqliteLeg,
    VersionsLeg,
)
from policyctl.exit_codes import ExitCode
from policyctl.views.console import Json, paint
from policyctl.views.paths import counted, path_json, show_path

_MOST_FOREIGN = 20
_CUT_OFF = frozenset({RunStatus.TIMED_OUT, RunStatus.INTERRUPTED})


def exit_code_of(report: RunReport) -> ExitCode:
    """The exit code of one run; nobody knows of a success that could not be told (law 6)."""
    if report.signal is not None:  # even where the run itself had come to its end
        return ExitCode.TERMINATED if report.signal == signal.SIGTERM else ExitCode.INTERRUPTED
    if report.untold and (report.status.succeeded or report.status is RunStatus.DEGRADED):
        return ExitCode.FAILED
    match report.status:
        case RunStatus.OK | RunStatus.NOTED:
            return ExitCode.OK
        case RunStatus.DEGRADED:
            return ExitCode.DEGRADED
        case RunStatus.LOCKED:
            return ExitCode.LOCKED
        case RunStatus.INTERRUPTED:
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.FAILED


_FROM_BEST_TO_WORST = (
    *(ExitCode.OK, ExitCode.LOCKED, ExitCode.DEGRADED, ExitCode.FAILED),
    *(ExitCode.INTERRUPTED, ExitCode.TERMINATED),
)


def worst_exit_code(reports: Iterable[RunReport]) -> ExitCode:
    """The exit code of a row of runs: no failure hides behind a leg that was degraded or locked.

    The numbers themselves are in no such order.
    """
    return worst_of(map(exit_code_of, reports))


def worst_of(codes: Iterable[ExitCode]) -> ExitCode:
    """The worst of several exit codes."""
    return max(codes, key=_FROM_BEST_TO_WORST.index, default=ExitCode.OK)


def report_lines(
    report: RunReport, leg: Leg, *, table: bool = False, in_pod: bool = False
) -> Iterator[str]:
    """Lines for people; with `table` all that preflight looked at.

    `in_pod`: nobody can type anything there.
    """
    good = report.status.succeeded
    head = paint(report.status.value, "green" if good else "red", sys.stdout)
    seconds = (report.ended - report.started).total_seconds()
    yield f"{report.leg}: {head} after {seconds:.1f} s" + (
        f": {report.reason}" if report.reason else ""
    )
    for row in report.findings:
        if table or (row.verdict is not Looked.FINE and row.found not in report.reason):
            yield f"  looked at {_finding(row)}"
    for feed in report.feeds:
        yield from _feed_lines(report.leg, feed, report.reason, in_pod=in_pod)
    if report.status in _CUT_OFF:
        yield f"  {what_stays(leg)}" + (
            f"; a longer `timeout` gives it more time, and a first copy has all of it with: "
            f"policyctl seed {report.leg}"
            if report.status is RunStatus.TIMED_OUT
            else ""
        )
    if report.untold:
        yield from _not_told(report)


def what_stays(leg: Leg) -> str:
    """What holds after a run that was cut off, and where the next one begins."""
    match leg:
        case MirrorLeg() | VersionsLeg():
            return "what has arrived stays, and the next run goes on from there"
        case SnapshotLeg():
            return "snapshots that were taken stay, and the next run takes new ones of all"
        case SqliteLeg() | FetchLeg() | DumpLeg():
            return (
                "complete generations stay, and none has gone for this one; what was not complete "
                "counts for nothing: the next run makes it anew, from its beginning"
            )


def journal_lines(report: RunReport, lines: Iterable[str]) -> Iterator[str]:
    """The lines of a run that a schedule started: none where nothing is to be told.

    In the journal each has its priority (sd-daemon(3), SD_ERR and those after it).
    """
    if report.status is not RunStatus.OK or report.untold:
        yield from _marked(exit_code_of(report), lines)


def marked_lines(code: ExitCode, lines: Iterable[str]) -> Iterator[str]:
    """The same of something else that has an exit code: nothing where that is OK."""
    if code is not ExitCode.OK:
        yield from _marked(code, lines)


def _marked(code: ExitCode, lines: Iterable[str]) -> Iterator[str]:
    priority = {ExitCode.OK: 5, ExitCode.LOCKED: 5, ExitCode.DEGRADED: 4}.get(code, 3)
    mark = f"<{priority}>" if "JOURNAL_STREAM" in os.environ else ""
    yield from (f"{mark}{line}" for line in lines)


def _not_told(report: RunReport) -> Iterator[str]:
    """What could not be told, what that means for the copies, and what to do."""
    head = paint("not told", "red", sys.stdout)
    yield f"{report.leg}: {head}: {report.untold}"
    if report.status.succeeded:
        yield "  the copies are as they should be, but nobody who watches knows: mend that, then"
    else:
        yield "  nobody who watches knows how this run ended: mend that, then"
    yield f"  run {report.leg} again, or wait for its next run, which tells all that is known"


def _finding(row: Finding) -> str:
    subject = f"{row.feed}: {row.looked_at}" if row.feed else row.looked_at
    return f"{subject}: {row.found} ({row.verdict.value})"


def _feed_lines(leg: str, feed: FeedReport, told: str, *, in_pod: bool) -> Iterator[str]:
    yield f"  {feed.feed}: {_figures(feed)}" + (
        f"; {feed.reason}" if any(one not in told for one in feed.reason.split("; ")) else ""
    )
    for name in feed.shared[:_MOST_FOREIGN]:
        command = f"policyctl adopt {entry_argument(feed.place, name)} --by {leg}"
        yield (
            f"  {feed.feed}: {show_path(name)} lay at the destination before this leg: what else "
            f"is in it stays; to see it: `{command}`"
        )
    for name in feed.left_out[:_MOST_FOREIGN]:
        yield f"  {feed.feed}: {show_path(name)} belongs to none of its legs: not carried further"
    if len(feed.left_out) > _MOST_FOREIGN:
        yield f"  {feed.feed}: … and {len(feed.left_out) - _MOST_FOREIGN} more not carried further"
    for name in feed.foreign[:_MOST_FOREIGN]:
        yield f"  {feed.feed}: {show_path(name)} at the destination is not this leg's: left alone"
    if len(feed.foreign) > _MOST_FOREIGN:
        yield f"  {feed.feed}: … and {len(feed.foreign) - _MOST_FOREIGN} more that are not its own"
    if any(moment_of(name) is not None for name in feed.foreign):
        adopting = (
            "the next job takes them over, once nobody else may write in their directory and they "
            "belong to the job's user (`chmod go-w`, `chown` on the server that has it)"
            if in_pod
            else f"`policyctl adopt {shlex.quote(feed.place)} --by {leg}`"
        )
        yield f"  {feed.feed}: if they are generations whose state was lost: {adopting}"


def _figures(feed: FeedReport) -> str:
    entries = feed.entries
    if not feed.why and feed.size is not None:  # a database, which is a part of its feed
        rows = f", {counted(entries, 'row')}" if entries is not None else ""
        return f"a dump of {human_bytes(feed.size)}{rows}"
    seen = f"{counted(entries, 'entry', 'entries')} seen, " if entries is not None else ""
    sent = f"{counted(feed.files, 'file')} sent ({human_bytes(feed.bytes_sent)})"
    return f"{_mode(feed)}{seen}{sent}, {feed.deleted:,} deleted"


def _mode(feed: FeedReport) -> str:
    """What the pass looked at, and why; nothing where it never began."""
    return f"{feed.mode} pass ({feed.why}), " if feed.why else ""


def report_json(report: RunReport) -> dict[str, Json]:
    """The same for programs."""
    return {
        "leg": report.leg,
        "run_id": report.run_id,
        "status": report.status.value,
        "reason": report.reason,
        "started": report.started.isoformat(),
        "ended": report.ended.isoformat(),
        "not_told": report.untold or None,
        "preflight": [
            {
                "feed": row.feed,
                "looked_at": row.looked_at,
                "found": row.found,
                "verdict": row.verdict.value,
            }
            for row in report.findings
        ],
        "feeds": [
            {
                "reads": feed.feed,
                "status": feed.status.value,
                "reason": feed.reason,
                "mode": feed.mode,
                "mode_reason": feed.why,
                "pending": feed.pending,
                "entries": feed.entries,
                "files": feed.files,
                "bytes": feed.bytes_sent,
                "deleted": feed.deleted,
                "deletions_wanted": feed.deletions_wanted,
                "foreign": [path_json(name, "name") for name in feed.foreign],
                "shared": [path_json(name, "name") for name in feed.shared],
                "left_out": [path_json(path) for path in feed.left_out],
            }
            for feed in report.feeds
        ],
    }
