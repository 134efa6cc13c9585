"""Many patterns over bytes as one tree that shares their common beginnings.

Each pattern carries *marks*: a channel (one question about a path) and a rank (the lowest rank
that matches answers it). The tree is what an automaton walks; it decides nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.rsync.wildmatch import CROSS, Part, Parts
from policy.patterns import STAR

NEVER = 1 << 60
"""The rank of a channel that nothing answers."""

_PIECE = re.compile(rb"[^/]*/|[^/]+")

Ranks = tuple[int, ...]
"""One rank a channel."""


class PatternSet:
    """A tree of patterns; node 0 is where a path (or a name) begins."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.literal: list[dict[int, int]] = [{}]
        self.sets: list[tuple[tuple[int, int], ...]] = [()]
        """Edges by a set of bytes, as its mask and the node that follows."""
        self.runs: list[tuple[int, ...]] = [()]
        """Nodes entered without a byte: the `STAR` and the `CROSS` that may follow here."""
        self.loop: list[Part | None] = [None]
        """`STAR` or `CROSS` where the node returns to itself, else None."""
        self.marks: list[dict[int, int] | None] = [None]
        self._placed: dict[tuple[int, Part], int] = {}

    def place(self, parts: Parts, start: int = 0) -> int:
        """Give the node where a pattern that goes on from `start` ends, growing the tree."""
        node = start
        for part in parts:
            if isinstance(part, bytes):
                # Piece by piece, because sibling paths share all directories above them.
                for piece in _PIECE.findall(part):
                    node = self._follow(node, piece)
            else:
                node = self._follow(node, part)
        return node

    def mark(self, node: int, channel: int, rank: int) -> None:
        """Let a match that ends at the node answer a channel."""
        marks = self.marks[node]
        if marks is None:
            self.marks[node] = {channel: rank}
        else:
            marks[channel] = min(rank, marks.get(channel, NEVER))

    def _follow(self, node: int, part: Part) -> int:
        found = self._placed.get((node, part))
        if found is None:
            found = self._grow(node, part)
            self._placed[node, part] = found
        return found

    def _grow(self, node: int, part: Part) -> int:
        if isinstance(part, bytes):
            for value in part:
                following = self.literal[node].get(value)
                if following is None:
                    following = self._new()
                    self.literal[node][value] = following
                node = following
            return node
        loops = part in (STAR, CROSS)
        fresh = self._new(part if loops else None)
        if loops:
            self.runs[node] += (fresh,)
        else:
            self.sets[node] += ((int(part), fresh),)
        return fresh

    def _new(self, loop: Part | None = None) -> int:
        self.literal.append({})
        self.sets.append(())
        self.runs.append(())
        self.loop.append(loop)
        self.marks.append(None)
        return len(self.loop) - 1

    def is_plain(self, node: int) -> bool:
        """Whether nothing is special at the node: no mark, and only literal bytes follow."""
        return self.marks[node] is None and not self.sets[node] and not self.runs[node]

    def children(self, node: int) -> list[int]:
        """Give the nodes that follow; each has a higher number than its parent."""
        found = [*self.literal[node].values(), *self.runs[node]]
        if self.sets[node]:
            found.extend(target for _, target in self.sets[node])
        return found


def bounds(patterns: PatternSet) -> tuple[list[tuple[Ranks, Ranks]], list[int]]:
    """Find for each node the best and the worst rank that lie in the tree below it.

    Nodes with the same bounds share one entry: along a literal path they all do.
    """
    entries: list[tuple[Ranks, Ranks]] = []
    ids: dict[tuple[Ranks, Ranks], int] = {}
    of_node = [0] * len(patterns.loop)
    for node in range(len(of_node) - 1, -1, -1):
        if patterns.is_plain(node) and len(patterns.literal[node]) == 1:
            (following,) = patterns.literal[node].values()
            of_node[node] = of_node[following]
            continue
        below = [entries[entry] for entry in {of_node[each] for each in patterns.children(node)}]
        found = _merged(patterns.channels, patterns.marks[node] or {}, below)
        of_node[node] = ids.setdefault(found, len(entries))
        if of_node[node] == len(entries):
            entries.append(found)
    return entries, of_node


def _merged(
    channels: int, marks: dict[int, int], below: Iterable[tuple[Ranks, Ranks]]
) -> tuple[Ranks, Ranks]:
    best = [marks.get(channel, NEVER) for channel in range(channels)]
    worst = [marks.get(channel, -1) for channel in range(channels)]
    for low, high in below:
        best = list(map(min, best, low))
        worst = list(map(max, worst, high))
    return tuple(best), tuple(worst)
