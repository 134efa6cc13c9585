"""The feeds of one run: what each reports, how its rsyncs ended, and what that means for it.

A step that fails stops its feed; the other feeds go on (law 35).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.exit_codes import Outcome, cut_off, meaning_of, outcome_of, told_all
from engine.reach.targets import Identity, Target
from engine.records.reports import FeedReport, RunStatus
from engine.rsync.output import (
    Figures,
    complaints,
    deletions_stopped,
    only_lacks_room_for_types,
    only_unreadable,
    parse_figures,
)
from engine.runs.deletions import Counted
from engine.system.host.directories import still_there
from engine.system.host.process import CommandNotStarted, Completed
from engine.system.passes.transfers import Started, Transfers
from policy.values import display

STATUS = {
    Outcome.OK: RunStatus.OK,
    Outcome.OK_NOTED: RunStatus.NOTED,
    Outcome.DEGRADED: RunStatus.DEGRADED,
    Outcome.GUARD: RunStatus.GUARD,
    Outcome.TIMED_OUT: RunStatus.TIMED_OUT,
    Outcome.FAILED: RunStatus.FAILED,
}
_FINE = frozenset({Outcome.OK, Outcome.OK_NOTED, Outcome.GUARD})


NO_ROOM = ("no space left on device", "disk quota exceeded", "disk is full")
"""How rsync, the system (errno(3)) and SQLite say it, in small letters."""
_COMPLAINTS = 3
"""Lines of rsync's own that a reason quotes: the first ones, since later ones follow from them."""


class FeedStopped(Exception):
    """This feed does nothing more in this run."""

    def __init__(self, status: RunStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class FeedRuns:
    """What becomes of each feed while a run lasts."""

    transfers: Transfers
    tolerates_unreadable: bool
    reports: dict[str, FeedReport]
    counted: dict[str, Counted] = field(default_factory=dict)
    allowed: Mapping[str, int] = field(default_factory=dict)
    """Deletions that the guard has let pass."""
    stopped: set[str] = field(default_factory=set)
    grown: dict[str, int] = field(default_factory=dict)
    """By how many entries each feed's copies grew."""
    untold: set[str] = field(default_factory=set)
    """Feeds of which some rsync ended without saying all that it changed."""
    littered: set[str] = field(default_factory=set)
    """Feeds of which some rsync may have left parts of files at the destination."""
    overdue: set[str] = field(default_factory=set)
    """Feeds in which more was to be deleted than was counted: nobody knows what is left."""

    # ── Reports ──────────────────────────────────────────────────────────────────────────────

    def report(self, feed: str) -> FeedReport:
        """What a feed has to tell so far."""
        return self.reports.get(feed, FeedReport(feed=feed, status=RunStatus.OK))

    def put(self, report: FeedReport) -> None:
        """Keep a feed's newer report."""
        self.reports[report.feed] = report

    def note(self, feed: str, status: RunStatus, reason: str) -> None:
        """Add a reason that was not given yet; a status never gets better."""
        report = self.report(feed)
        known = tuple(filter(None, report.reason.split("; ")))
        joined = report.reason if reason in known else "; ".join((*known, reason))
        self.put(replace(report, status=report.status.worse(status), reason=joined))

    def stop(self, feed: str, status: RunStatus, reason: str) -> None:
        """Let a feed do nothing more."""
        self.note(feed, status, reason)
        self.stopped.add(feed)

    def add_figures(self, feed: str, figures: Figures) -> None:
        """Add what one rsync has sent and deleted."""
        report = self.report(feed)
        grown = (figures.created or 0) - (figures.deleted or 0)
        self.grown[feed] = self.grown.get(feed, 0) + grown
        self.put(
            replace(
                report,
                files=report.files + (figures.files or 0),
                bytes_sent=report.bytes_sent + (figures.bytes_sent or 0),
                deleted=report.deleted + (figures.deleted or 0),
            )
        )

    # ── Commands ─────────────────────────────────────────────────────────────────────────────

    def rsync(self, feed: str, argv: tuple[bytes, ...], target: Target) -> Completed:
        """Run a command for a feed. Raises `FeedStopped` where it cannot even start."""
        self.untold.add(feed)  # until it has come to its end
        before = self.transfers.retried.get(feed, 0)
        try:
            told = self.transfers.rsync(feed, argv, target)
        except CommandNotStarted as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None
        if self.transfers.retried.get(feed, 0) > before and told_all(told.code):
            self.note(feed, RunStatus.NOTED, "the connection broke, and it was tried again")
        # What a try that broke has changed, the next one finds done and does not tell.
        if told_all(told.code) and not self.transfers.retried.get(feed):
            self.untold.discard(feed)
        if target.ssh is None and cut_off(told.code):
            self.littered.add(feed)
        return told

    def start(self, feed: str, argv: tuple[bytes, ...], *, silence: float | None = None) -> Started:
        """Start a command that writes where nobody reads. Raises `FeedStopped`."""
        try:
            return self.transfers.start(feed, argv, silence=silence)
        except CommandNotStarted as error:
            raise FeedStopped(RunStatus.FAILED, str(error)) from None

    def judge_transfer(self, feed: str, told: Completed) -> bool:
        """Stop the feed, or say whether the source was seen whole, so that it may delete."""
        outcome = outcome_of(told.code)
        if outcome is Outcome.DEGRADED and told.whole:
            if only_lacks_room_for_types(told.stderr):
                outcome = Outcome.GUARD
            elif self.tolerates_unreadable and only_unreadable(told.stderr):
                tolerated = "some of it cannot be read, which is tolerated"
                self.note(feed, RunStatus.NOTED, tolerated)
                return False
        if outcome is Outcome.OK_NOTED:
            self.note(feed, RunStatus.NOTED, meaning_of(told.code))
        # Here the guard only counts: whether so much may go is judged for all feeds together.
        if outcome not in _FINE:
            raise FeedStopped(STATUS[outcome], sentence(told))
        return True

    def judge_deleted(self, feed: str, told: Completed) -> None:
        """Note what one deleting rsync did, or stop the feed."""
        self.add_figures(feed, Figures(deleted=parse_figures(told.stdout).deleted))
        outcome = outcome_of(told.code)
        if outcome is Outcome.GUARD or deletions_stopped(told.stderr):
            waits = "more became due for deletion while it ran; the next pass looks at everything"
            self.note(feed, RunStatus.NOTED, waits)
            self.overdue.add(feed)
        if outcome is Outcome.OK_NOTED:
            self.note(feed, RunStatus.NOTED, meaning_of(told.code))
        elif outcome not in _FINE:
            raise FeedStopped(STATUS[outcome], f"while deleting: {sentence(told)}")


def check_still_there(expected: tuple[Identity, ...]) -> None:
    """An unmounted source is an empty one, and must never be mirrored. Raises `FeedStopped`."""
    for one in expected:
        if not still_there(one):
            reason = f"{display(one.path)} is not what it was when the run began"
            raise FeedStopped(RunStatus.FAILED, f"{reason}: was it unmounted?")


def sentence(told: Completed) -> str:
    """How a command ended, in a sentence."""
    lines = [line.decode("utf-8", "backslashreplace") for line in complaints(told.stderr)]
    more = (f"and {len(lines) - _COMPLAINTS:,} more",) if len(lines) > _COMPLAINTS else ()
    words = "; ".join((*lines[:_COMPLAINTS], *more)) or told.last_words
    return f"{meaning_of(told.code)}{': ' if words else ''}{words}"
