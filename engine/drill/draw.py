"""Which files of a copy come back in a drill. Pure.

Each file has a key: the SHA-256 of the seed, of the piece of the copy that it lies in, and of its
path there. Files come back in the order of their keys, until the next one no longer fits into the
sample. So each file is as likely as any other, the same seed draws the same files of the same copy
in whatever order they were listed, and a larger sample holds the smaller one. A file that is larger
than the whole sample is passed over.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_FILES = 2_000
"""Files of a sample: rsync asks each entry that it meets about each of them."""
SIDECARS = (b"-wal", b"-journal")
"""Ends of the names of files that belong to a database: without them it is not what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One file of a copy."""

    piece: int
    """Which piece of the copy it lies in."""
    path: bytes
    """Below the piece."""
    size: int


@dataclass(slots=True, kw_only=True)
class Draw:
    """Draws files out of those that are offered, without keeping more than may be drawn."""

    most: int | None
    """Bytes that come back; None: everything."""
    seed: int
    files: int = 0
    """Files that were offered."""
    size: int = 0
    """Bytes that they have together; each name of a hard link counts."""
    passed_over: int = 0
    """Files that are larger than the whole sample."""
    _kept: list[tuple[int, bytes, int, int]] = field(default_factory=list)
    """Those with the smallest keys: (minus the key, path, piece, size), the largest key first."""
    _kept_size: int = 0
    _sidecars: dict[tuple[int, bytes], int] = field(default_factory=dict)

    def offer(self, piece: int, path: bytes, size: int) -> None:
        """Take a file into account."""
        self.files += 1
        self.size += size
        if path.endswith(SIDECARS):
            self._sidecars[piece, path] = size
        if self.most is not None and size > self.most:
            self.passed_over += 1
            return
        heapq.heappush(self._kept, (-_key(self.seed, piece, path), path, piece, size))
        self._kept_size += size
        while self.most is not None and self._one_too_many(self.most):
            self._kept_size -= heapq.heappop(self._kept)[3]

    def _one_too_many(self, most: int) -> bool:
        """Whether the last one cannot be drawn any more: even an earlier one does not fit."""
        last = self._kept[0][3]
        return len(self._kept) > MOST_FILES or self._kept_size - last > most

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """What comes back: the files in the order of their keys, each with its sidecars."""
        found = dict.fromkeys(
            one for file in self._fitting() for one in (file, *self._beside(file))
        )
        return tuple(found)

    def _fitting(self) -> Iterator[Drawn]:
        total = 0
        for _, path, piece, size in sorted(self._kept, reverse=True):
            total += size
            if self.most is not None and total > self.most:
                return
            yield Drawn(piece=piece, path=path, size=size)

    def _beside(self, file: Drawn) -> Iterator[Drawn]:
        for end in SIDECARS:
            size = self._sidecars.get((file.piece, file.path + end))
            if size is not None:
                yield Drawn(piece=file.piece, path=file.path + end, size=size)


def _key(seed: int, piece: int, path: bytes) -> int:
    text = b"%d\0%d\0%s" % (seed, piece, path)
    return int.from_bytes(hashlib.sha256(text).digest(), "big")
