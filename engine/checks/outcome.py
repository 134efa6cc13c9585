"""What a check has found, and what the records hold of those before. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Status(enum.Enum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    """What it looks at is not as it should be."""
    REFUSED = "refused"
    """It could not look: a secret or a program is missing."""
    INTERRUPTED = "interrupted"
    """Somebody ended it; it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one look has shown."""

    status: Status
    reason: str = ""
    """Why it is not well, in a sentence; of a good one what was seen."""
    looked: int = 0
    """How many things were looked at: databases, directories, or snapshots."""
    newest: datetime | None = None
    """When the newest file was last written, of the directory where that is the longest ago."""
    bytes: int | None = None
    """How large that file is."""
    oldest: datetime | None = None
    """Of snapshots, when the oldest was taken, as `newest` says of the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One look, as it is remembered."""

    check: str
    began: datetime
    ended: datetime | None = None
    """None: it goes on, or was killed."""
    verdict: Verdict | None = None

    @property
    def told(self) -> bool:
        """Whether it says something of what is looked at."""
        return self.verdict is not None and self.verdict.status is not Status.INTERRUPTED

    @property
    def good(self) -> bool:
        """Whether all was well."""
        return self.verdict is not None and self.verdict.status is Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFacts:
    """What the records hold of the looks of one check."""

    expected_since: datetime | None = None
    """When a plan that has it was first applied; None: not known."""
    looks: tuple[Checked, ...] = ()
    """The newest first."""

    @property
    def last(self) -> Checked | None:
        """The newest that says something."""
        return next((one for one in self.looks if one.told), None)

    @property
    def success(self) -> Checked | None:
        """The newest that found all well."""
        return next((one for one in self.looks if one.good), None)

    @property
    def unfinished(self) -> Checked | None:
        """The newest of all, where it has not ended: it goes on, or was killed."""
        newest = self.looks[0] if self.looks else None
        return newest if newest is not None and newest.ended is None else None
