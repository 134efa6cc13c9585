"""Generations: their names, and what is known of each. Pure.

A generation has the name of the start of its run. Its age is what this name says, never a file's
time (law 17). Whatever has another name is none of ours, however it may look.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from policy.calendar import FIRST_YEAR, LAST_YEAR

_NAME: Final = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})-([0-9]{2})-([0-9]{2})Z")


def name_of(moment: datetime) -> bytes:
    """Return the name of the generation of a run that started then: `2026-11-28T03-00-00Z`.

    In UTC and in whole seconds, so that names sort as the runs do. No colon, which SMB and exFAT
    refuse, and nothing that LVM does not take in a name (`a-zA-Z0-9+_.-`, lvm(8)). The lock of a
    leg makes two starts in one second rare; a run whose name is taken waits for the next second.
    Raises `ValueError` for a moment without a zone, or one that no schedule can have.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone")
    utc = moment.astimezone(UTC)
    if not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise ValueError(f"{utc} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return f"{utc:%Y-%m-%dT%H-%M-%SZ}".encode("ascii")


def moment_of(name: bytes) -> datetime | None:
    """Return when the run of a generation started, in UTC; None: no name that `name_of` gives."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


class Standing(enum.Enum):
    """What is known of a generation's content."""

    INCOMPLETE = "incomplete"
    """A run has left it unfinished. It is no generation: what becomes of it is not decided here."""
    COMPLETE = "complete"
    """Completed by its run, and not verified."""
    VERIFIED = "verified"
    DAMAGED = "damaged"
    """Completed once, and found wrong since. It may hold the last good copy of most of its files:
    it stands for no period, and only a person removes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One retained version, by the start of the run that made it."""

    moment: datetime
    """With a zone, in whole seconds; it is unique in its place."""
    standing: Standing

    @property
    def counts(self) -> bool:
        """Whether rules may choose it: only what is complete is kept for a period (law 15)."""
        return self.standing in (Standing.COMPLETE, Standing.VERIFIED)
