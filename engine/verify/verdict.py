"""What comparing one feed's copies has shown, and what follows from it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from engine.records.measurement import human_bytes
from engine.verify.comparison import Difference, Found
from engine.verify.sample import may_still_differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One comparison of one feed's copies."""

    leg: str
    reads: str
    """What the feed reads."""
    generation: str = ""
    """Which generation was compared; empty where there are none. It is told, and not noted."""
    began: datetime
    ended: datetime
    seed: int | None
    """Of the sample; None: everything was compared."""
    compared: int = 0
    """Files."""
    compared_bytes: int = 0
    files: int = 0
    """Files that should be there and could have been chosen."""
    bytes: int = 0
    changed: int = 0
    """Files that changed since the run that made the copy: they say nothing of it."""
    found: tuple[Found, ...] = ()
    counts: tuple[tuple[Difference, int], ...] = ()
    """How many of each, those that are not listed among them."""
    unreadable: int = 0
    """Files that could not be read on one of the two sides."""
    refused: str = ""
    """Why it could not be compared; empty where it was."""

    @property
    def sound(self) -> bool:
        """Whether everything that was compared is as it should be."""
        return not self.refused and not self.unreadable and not self.differing

    @property
    def differing(self) -> int:
        """How many paths differ."""
        return sum(number for _, number in self.counts)

    def count(self, difference: Difference) -> int:
        """How many differ in this way."""
        return dict(self.counts).get(difference, 0)


def counted(found: tuple[Found, ...], unlisted: int) -> tuple[tuple[Difference, int], ...]:
    """How many there are of each; what is not listed counts as differing."""
    numbers = Counter(one.difference for one in found)
    if unlisted:
        numbers[Difference.DIFFERENT] += unlisted
    return tuple((one, numbers[one]) for one in Difference if numbers[one])


def said(one: Verified) -> str:
    """The result in a sentence."""
    if one.refused:
        return f"not compared: {one.refused}"
    if not one.files and one.sound:
        return "nothing could be compared" + (
            ": every file has changed since the run that made the copy" if one.changed else ""
        )
    amount = f"{one.compared:,} of {one.files:,} files, {human_bytes(one.compared_bytes)}"
    if one.differing or one.unreadable:
        kinds = [f"{number:,} {what.value}" for what, number in one.counts]
        kinds += [f"{one.unreadable:,} unreadable"] if one.unreadable else []
        return f"{amount} verified: {', '.join(kinds)}"
    return f"{amount} verified: all as they should be{_confidence(one)}"


def _confidence(one: Verified) -> str:
    share = may_still_differ(one.compared, one.files)
    if not one.files or share == 0.0:
        return ""
    if share >= 1.0:
        return "; that says nothing of the others"
    return f"; so, in 95 of 100 such samples, fewer than {share:.2%} of all files differ"
