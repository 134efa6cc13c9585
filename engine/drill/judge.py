"""Whether two files ought to be equal, and what it means where they are not. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

_COARSE = 0.05
"""Seconds by which the kernel's own times of a change may lag behind its clock."""
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at a file has shown."""

    size: int
    modified: int
    """Nanoseconds; whoever writes the file may set it."""
    changed: int
    """Nanoseconds; the kernel keeps it of each change, and nobody can set it."""


class Claim(enum.Enum):
    """Why two files ought to be equal."""

    UNCHANGED = "nothing has changed it since"
    """One is live, and the other a copy that was made after its last change."""
    SAME_MOMENT = "both are of the same moment"
    SAME_TIME = "both have the same time"


def unchanged_since(live: Seen, moment: datetime | None) -> bool:
    """Whether live data are as they were at a moment."""
    return moment is not None and live.changed / _SECOND < moment.timestamp() - _COARSE


def same_time(one: Seen, two: Seen) -> bool:
    """Whether two files have the same time, as far as both places keep it."""
    if one.modified % _SECOND and two.modified % _SECOND:
        return one.modified == two.modified
    return one.modified // _SECOND == two.modified // _SECOND


def claim_of_copies(
    one: Seen, two: Seen, *, moments: tuple[datetime | None, datetime | None], times: bool
) -> Claim | None:
    """Why two copies of a file ought to be equal; None: nothing says so.

    `times`: whether both keep the files' times.
    """
    if moments[0] is not None and moments[0] == moments[1]:
        return Claim.SAME_MOMENT
    return Claim.SAME_TIME if times and same_time(one, two) else None


def fault_words(claim: Claim, place: str, sizes: tuple[int, int] | None) -> str:
    """What is wrong with a file that differs from another one, of that place.

    `sizes` are those of both, where they differ.
    """
    what = f"it has {sizes[0]:,} bytes, and {sizes[1]:,}" if sizes else "its content is not that"
    return f"{what} in {place}, though {claim.value}: one of the two is damaged"
