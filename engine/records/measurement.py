"""How much data lies where, as a walk has found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Files and bytes; a file with several hard links counts its bytes once."""

    files: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Volume:
        """With one more file of this size."""
        return Volume(files=self.files + 1, bytes=self.bytes + size)

    def __str__(self) -> str:
        return f"{human_bytes(self.bytes)}, {self.files:,} file{'' if self.files == 1 else 's'}"


class DirectoryVolume(NamedTuple):
    """What lies directly in one directory, without what ignores drop."""

    path: bytes
    """Names below the source's root, joined by `/`; empty for the root itself."""
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a walk through one source has found: it says nothing of routes, so it outlives them."""

    at: datetime
    """When the walk began."""
    seconds: float
    ignores: str
    """Digest of the ignores that it went by: under others it says nothing."""
    rows: Sequence[DirectoryVolume]
    """Directories that hold files."""
    ignored: Volume
    unreadable: int
    """Directories that could not be read: the figures are short by what is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRoom:
    """How much room the generations of a leg take at one place, each file counted once."""

    leg: str
    place: str
    """Where they lie, as the manifest says it."""
    generations: int
    volume: Volume
    unreadable: int
    """Directories that could not be read: the figures are short by what is in them."""
    at: datetime
    """When they were counted."""

    def words(self, now: datetime) -> str:
        """`generations of files at disk:/x: 1.5 TiB, 812,004 files in 9, counted 3 d ago`."""
        days = (now - self.at).days
        when = f"{days} d ago" if days > 0 else "today"
        more = " or more" if self.unreadable else ""
        return (
            f"generations of {self.leg} at {self.place}: {self.volume}{more} in "
            f"{self.generations:,}, counted {when}"
        )


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def human_bytes(number: int) -> str:
    """Bytes as a person says them: `1.5 TiB`."""
    size = float(number)
    for unit in _UNITS:
        if abs(size) < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def length_words(seconds: float) -> str:
    """A length of time as people say it: `0.4 s`, `40 s`, `12 m`, `7.5 h`, `3.2 d`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} m"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.1f} d"
