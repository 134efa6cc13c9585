"""How far a run is, on a terminal: bytes, files, rate, and the time that is left."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from engine.progress import Progress, ProgressSink
from engine.records.measurement import human_bytes
from policyctl.views.console import tell

_WIDTH = 78


@contextmanager
def progress_of(
    *, verbose: bool
) -> Iterator[tuple[Callable[[str], None] | None, ProgressSink | None]]:
    """Who is told of steps and of progress; nobody where nobody watches."""
    if verbose or not sys.stderr.isatty():
        yield (tell if verbose else None), None
        return
    line = _Line()
    try:
        yield None, line
    finally:
        line.clear()


@contextmanager
def told_of(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """Who is told how many files and bytes were counted so far; nobody where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    line = _Line()
    try:
        yield lambda files, size: line.show(f"{name}: {files:,} files, {human_bytes(size)}")
    finally:
        line.clear()


class _Line:
    """One line that is written over again and again."""

    def __init__(self) -> None:
        self._expected: dict[str, tuple[int | None, int | None]] = {}
        """Entries and bytes of each feed: several may be under way."""
        self._shown = False

    def expect(self, feed: str, *, entries: int | None, size: int | None) -> None:
        """A pass begins."""
        self._expected[feed] = entries, size

    def advance(self, feed: str, progress: Progress) -> None:
        """A pass has come so far."""
        entries, size = self._expected.get(feed, (None, None))
        self.show(progress_line(feed, progress, entries=entries, size=size))

    def show(self, text: str) -> None:
        """Write over what stands there."""
        width = _width()
        _write("\r" + text[:width].ljust(width))
        self._shown = True

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            _write("\r" + " " * _width() + "\r")


def _width() -> int:
    """Columns that may be written: in the last one a terminal would begin another line."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = 0
    return min(_WIDTH, columns - 1) if columns > 1 else _WIDTH


def _write(text: str) -> None:
    """A terminal that has gone away must not end the transfer that nobody watches any more."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def progress_line(feed: str, progress: Progress, *, entries: int | None, size: int | None) -> str:
    """One line: what is sent, how quickly, and how long it may still take where that is known."""
    of = f" of {human_bytes(size)}" if size else ""
    parts = [
        f"{feed}: {human_bytes(progress.bytes)}{of}",
        f"{progress.files:,} files",
        f"{human_bytes(int(progress.rate))}/s",
    ]
    left = _left(progress, entries=entries, size=size)
    return ", ".join((*parts, left) if left else parts)


def _left(progress: Progress, *, entries: int | None, size: int | None) -> str:
    if size and progress.rate:
        seconds = int(max(0, size - progress.bytes) / progress.rate)
        return f"{seconds // 60} min {seconds % 60:02} s left"
    known = max(entries or 0, progress.known or 0)
    if progress.left is not None and known:
        return f"{1 - min(progress.left, known) / known:.0%} looked at"
    return ""
