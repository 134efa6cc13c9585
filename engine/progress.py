"""How far a transfer is, read from what rsync prints with --info=progress2: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

OPTION = b"--info=stats2,progress2"
_LINE = re.compile(
    rb"^ *([0-9,]+) +([0-9]+)% +([0-9.]+)([kMGT]?)B/s +[0-9:?]+"
    rb"(?: +\(xfr#([0-9]+), (?:ir|to)-chk=([0-9]+)/([0-9]+)\))?"
)
_END = re.compile(rb"[\r\n]")
_UNITS = {b"": 1, b"k": 1000, b"M": 1000**2, b"G": 1000**3, b"T": 1000**4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One line of rsync's progress."""

    bytes: int
    rate: float
    """Bytes a second."""
    files: int
    left: int | None
    """Entries that rsync knows of and has still to look at."""
    known: int | None


class ProgressSink(Protocol):
    """Who is told how far a run is."""

    def expect(self, feed: str, *, entries: int | None, size: int | None) -> None:
        """A pass begins: so many entries and bytes are expected, where that is known."""

    def advance(self, feed: str, progress: Progress) -> None:
        """A pass has come so far."""


class ProgressReader:
    """Takes rsync's output in chunks, and takes the progress out of it.

    rsync writes its progress over and over into one line that ends with the pass, and does so for
    each file: kept, it would be all that is kept.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> tuple[Progress | None, bytes]:
        """Read a chunk: the newest progress that it completes, and all else that it completes."""
        *lines, self._rest = _END.split(self._rest + chunk)
        found, others = None, []
        for line in lines:
            progress = parse_progress(line)
            found = progress or found
            other = _LINE.sub(b"", line).lstrip(b" ") if progress else line
            if other:
                others.append(other + b"\n")
        return found, b"".join(others)


def parse_progress(line: bytes) -> Progress | None:
    """Read one line; None for every other line that rsync prints."""
    found = _LINE.match(line)
    if not found:
        return None
    return Progress(
        bytes=int(found[1].replace(b",", b"")),
        rate=float(found[3]) * _UNITS[found[4]],
        files=int(found[5] or 0),
        left=int(found[6]) if found[6] else None,
        known=int(found[7]) if found[7] else None,
    )
