"""Which files are compared, and what it says of all others that these are right. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

_CONFIDENCE = 0.95


@dataclass(slots=True)
class Sample:
    """So many files, each as likely as any other, of a tree whose size nobody knows beforehand.

    Algorithm R (Vitter 1985): a later file takes the place of one that was chosen, by chance. The
    same files in the same order with the same seed give the same sample.
    """

    most: int | None
    """Files that are compared; None: all."""
    seed: int
    known: frozenset[bytes] = frozenset()
    """Paths that differed the last time: compared whatever chance says."""
    files: int = 0
    """Files that were offered."""
    size: int = 0
    """Bytes that they have together."""
    chosen: list[tuple[bytes, int]] = field(default_factory=list)
    """Paths below the root, and sizes."""
    _again: list[tuple[bytes, int]] = field(default_factory=list)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - a sample, no secret

    def offer(self, path: bytes, size: int) -> None:
        """Take a file into account."""
        self.files += 1
        self.size += size
        if path in self.known:
            self._again.append((path, size))
        if self.most is None or len(self.chosen) < self.most:
            self.chosen.append((path, size))
            return
        place = self._random.randrange(self.files)
        if place < self.most:
            self.chosen[place] = (path, size)

    @property
    def paths(self) -> tuple[bytes, ...]:
        """What was chosen, in order."""
        return tuple(sorted(self._all))

    @property
    def chosen_bytes(self) -> int:
        """How much that is."""
        return sum(self._all.values())

    @property
    def compared(self) -> int:
        """How many files that are."""
        return len(self._all)

    @property
    def _all(self) -> dict[bytes, int]:
        return {**dict(self.chosen), **dict(self._again)}


def may_still_differ(compared: int, files: int) -> float:
    """Return the share of files that may differ though none of the compared ones does.

    With 95 % confidence: were a larger share wrong, so many files drawn by chance would have shown
    one in more than 95 of 100 samples. That is the exact bound 1 - 0.05^(1/n) for n files without
    a hit; the "rule of three", 3/n, is its usual approximation. 0 where all were compared.
    """
    if compared >= files:
        return 0.0
    return 1.0 - (1.0 - _CONFIDENCE) ** (1.0 / compared) if compared else 1.0
