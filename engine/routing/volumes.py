"""How much data lies where: as measured by directory, and as routing lines decide it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.plan.model import RouteLine, RoutingTable
from engine.records.measurement import DirectoryVolume, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVolumes:
    """How much each line of one source decides."""

    source: str
    by_line: Mapping[str, Volume]
    """Routing line as written → what it decides."""
    ignored: Volume
    unreadable: int
    """Directories that could not be read: the figures are short by what is in them."""
    measured: datetime | None = None
    """When the figures were taken; None: just now."""

    def age_words(self, now: datetime) -> str:
        """`as measured 3 d ago`, to stand beside the figures; nothing of the last day's."""
        days = (now - self.measured).days if self.measured is not None else 0
        return f"as measured {days} d ago" if days >= 1 else ""

    @property
    def total(self) -> Volume:
        """What all lines decide together."""
        every = self.by_line.values()
        return Volume(files=sum(one.files for one in every), bytes=sum(one.bytes for one in every))


Listing = Callable[[bytes], Iterable[tuple[bytes, int]] | None]
"""Asks for the files directly in a directory now: names and bytes; None where it has gone."""
_Alive = tuple[tuple[int, RouteLine], ...]


@dataclass(frozen=True, slots=True)
class _Inside:
    """What decides in one directory."""

    best: int
    """Place of the line that decides what no longer line takes."""
    longer: _Alive
    """Lines that begin somewhere below, each with its place in the table."""


def volumes_by_line(
    table: RoutingTable, rows: Iterable[DirectoryVolume], listing: Listing
) -> dict[str, Volume]:
    """Share out a measurement among the lines of a table.

    Where a line names entries of a directory, the directory's sum cannot be shared out: it is
    listed again. Where that fails, its files count for the line that decides the directory.
    """
    lines = table.lines
    sums = [[0, 0] for _ in lines]
    known = _Directories(lines)
    for path, files, size in rows:
        inside = known.inside(path)
        depth = path.count(b"/") + 1 if path else 0
        splitting = [
            one
            for one in inside.longer
            if one[0] < inside.best and len(one[1].pattern.components) == depth + 1
        ]
        found = listing(path) if splitting else None
        if found is None:
            _add(sums, inside.best, files, size)
            continue
        for name, one_size in found:
            hit = (at for at, line in splitting if line.pattern.components[depth].matches(name))
            _add(sums, next(hit, inside.best), 1, one_size)
    return {
        line.text: Volume(files=files, bytes=size)
        for line, (files, size) in zip(lines, sums, strict=True)
    }


def _add(sums: list[list[int]], at: int, files: int, size: int) -> None:
    if at < len(sums):  # else no line decides it: a table that is not complete
        sums[at][0] += files
        sums[at][1] += size


class _Directories:
    """Which lines matter in each directory; most lie where only one does."""

    def __init__(self, lines: Sequence[RouteLine]) -> None:
        none = len(lines)
        roots = (at for at, line in enumerate(lines) if not line.pattern.components)
        best = next(roots, none)
        longer = tuple((at, line) for at, line in enumerate(lines) if line.pattern.components)
        self._known = {b"": _Inside(best, longer)}

    def inside(self, path: bytes) -> _Inside:
        """What decides in that directory."""
        known, ways = self._known, []
        at = path
        while at not in known:
            ways.append(at)
            at = at.rpartition(b"/")[0]
        found = known[at]
        for way in reversed(ways):
            found = self._step(found, way) if found.longer else found
            known[way] = found
        return found

    @staticmethod
    def _step(above: _Inside, path: bytes) -> _Inside:
        depth, name = path.count(b"/"), path.rpartition(b"/")[2]
        alive = [one for one in above.longer if one[1].pattern.components[depth].matches(name)]
        ended = [at for at, line in alive if len(line.pattern.components) == depth + 1]
        longer = tuple(one for one in alive if len(one[1].pattern.components) > depth + 1)
        return _Inside(min((above.best, *ended)), longer)
