"""What a run tells: its status, its reason in a sentence, and figures for each feed."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


class RunStatus(enum.Enum):
    """How a run ended, from the best to the worst."""

    OK = "ok"
    NOTED = "noted"
    """Done; something is worth knowing, such as files that vanished while they were read."""
    DEGRADED = "degraded"
    """Not everything could be copied: where that is so nothing was deleted, and the leg as a whole
    counts no success."""
    GUARD = "guard"
    """More would be deleted than may be: nothing was."""
    WAITED_TOO_LONG = "waited too long"
    """Another leg kept writing to the destination."""
    LOCKED = "locked"
    """The leg is already running; this run touched nothing."""
    REFUSED = "refused"
    """Preflight found something wrong before anything was touched."""
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def succeeded(self) -> bool:
        """Whether the copies are now what the leg promises: only then success is counted."""
        return self in {RunStatus.OK, RunStatus.NOTED}

    def worse(self, other: RunStatus) -> RunStatus:
        """The worse of two."""
        order = list(RunStatus)
        return max(self, other, key=order.index)


class Verdict(enum.Enum):
    """What preflight makes of one thing that it looked at."""

    FINE = "fine"
    NOTED = "noted"
    """Worth telling; the run goes on."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A row of the preflight table: what was looked at, and what was found."""

    feed: str | None
    """Name of what the feed reads; None where the whole leg is meant."""
    looked_at: str
    found: str
    verdict: Verdict = Verdict.FINE


_OF_ONE_PART = frozenset({RunStatus.REFUSED, RunStatus.TIMED_OUT, RunStatus.FAILED})
"""How one source or item may end without a word on the others."""


def judged_together(feeds: Iterable[FeedReport]) -> tuple[RunStatus, str]:
    """How a leg ended whose sources and items ended so, and every reason.

    It is as bad as the worst of them. Where others have succeeded, one that failed makes it
    degraded: not everything could be copied, while the rest is what the leg promises.
    """
    parts = tuple(feeds)
    whole = not any(one.status.succeeded for one in parts)
    status, reasons = RunStatus.OK, []
    for one in parts:
        part = one.status in _OF_ONE_PART and not whole
        status = status.worse(RunStatus.DEGRADED if part else one.status)
        if one.reason:
            reasons.append(f"{one.feed}: {one.reason}")
    return status, "; ".join(reasons)


def refusal_sentence(findings: Iterable[Finding]) -> str:
    """What was refused, in one line."""
    rows = [row for row in findings if row.verdict is Verdict.REFUSED]
    return "; ".join(
        f"{row.feed + ': ' if row.feed else ''}{row.looked_at}: {row.found}" for row in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """What became of one feed."""

    feed: str
    status: RunStatus
    reason: str = ""
    mode: str = "full"
    why: str = ""
    """Why the pass looked at everything, or at what changed only."""
    pending: int = 0
    """Changes that wait in the journal for the next run."""
    data_as_of: datetime | None = None
    """The live data as they were then are in the copies; None: not known."""
    entries: int | None = None
    """Files, directories and all else that the pass saw in its source; None: not known."""
    size: int | None = None
    """Bytes of all files that a full pass saw in its source; None: not known."""
    files: int = 0
    """Files whose content was sent."""
    bytes_sent: int = 0
    deleted: int = 0
    deletions_wanted: int = 0
    foreign: tuple[bytes, ...] = ()
    """Entries at the top of the copies that this leg never wrote: protected."""
    place: str = ""
    """Where the copies lie, as a manifest names it."""
    left_out: tuple[bytes, ...] = ()
    """Paths in a destination that is read, which none of its legs owns: not carried."""
    shared: tuple[bytes, ...] = ()
    """What else lay there before this leg, and the source has a name for: of a directory what else
    is in it stays, and anything else as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How one run of one leg ended."""

    leg: str
    run_id: str
    started: datetime
    ended: datetime
    status: RunStatus
    reason: str
    feeds: tuple[FeedReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    signal: int | None = None
    """The signal that interrupted it."""
    untold: str = ""
    """Why its figures could not be told; empty where they were."""
