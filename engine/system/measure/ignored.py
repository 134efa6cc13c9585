"""Walking a tree to count what single ignores hit, each as if there were no other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.moves.pattern_hits import IgnoreHits
from engine.records.measurement import Volume
from engine.routing.dropped import Dropping, Names, dropping
from engine.routing.feeds import ignores_for
from engine.system.host.descent import Descent, NotThere, descending, opened_root
from engine.system.host.places import Places
from policy.routes import IgnoreRule
from policy.sources import TreeSource

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RESERVED = dropping(())
"""Drops only what nothing ever takes."""


def ignore_hits_in(
    source: TreeSource, ignores: Sequence[IgnoreRule], places: Places
) -> tuple[IgnoreHits, ...]:
    """What each of these hits in a tree; nothing where it is not there, or cannot be read.

    Hard links count once for each name: how much a pattern hits is asked, not how much it frees.
    """
    mine = [one for one in ignores if not one.only or source.name in one.only]
    if not mine:
        return ()
    walk = _Walk(tuple(Dropping(ignores_for(source.name, (one,))) for one in mine))
    try:
        with opened_root(places.below_root(source.path)) as root, descending(root) as descent:
            walk.run(descent)
    except OSError:
        return ()
    total = Volume(files=walk.files, bytes=walk.bytes)
    return tuple(
        IgnoreHits(
            text=one.text,
            source=source.name,
            volume=Volume(files=walk.hits[at][0], bytes=walk.hits[at][1]),
            total=total,
        )
        for at, one in enumerate(mine)
    )


@dataclass(slots=True)
class _Walk:
    drops: tuple[Dropping, ...]
    files: int = 0
    bytes: int = 0
    hits: list[list[int]] = field(default_factory=list)
    """Files and bytes, in the order of the ignores."""

    def run(self, descent: Descent) -> None:
        self.hits = [[0, 0] for _ in self.drops]
        waiting: list[tuple[Names, frozenset[int]]] = [((), frozenset())]
        while waiting:
            names, hit = waiting.pop()
            try:
                waiting += self._look(descent, names, hit)
            except (NotThere, OSError):
                if not names:
                    raise
                continue  # what cannot be read is not counted, neither here nor in the total

    def _look(
        self, descent: Descent, names: Names, above: frozenset[int]
    ) -> list[tuple[Names, frozenset[int]]]:
        inside, reserved = [one.inside(names) for one in self.drops], _RESERVED.inside(names)
        below = []
        for name, size in _entries(descent.enter(names)):
            if name in (reserved.directories if size is None else reserved.files):
                continue
            hits = above | {
                at
                for at, one in enumerate(inside)
                if name in (one.directories if size is None else one.files)
            }
            if size is None:
                below.append(((*names, name), hits))
            else:
                self._count(size, hits)
        return below

    def _count(self, size: int, hits: frozenset[int]) -> None:
        self.files += 1
        self.bytes += size
        for at in hits:
            self.hits[at][0] += 1
            self.hits[at][1] += size


def _entries(directory: int) -> list[tuple[bytes, int | None]]:
    """Names in a directory, each with its bytes; None for a directory."""
    found: list[tuple[bytes, int | None]] = []
    # A descriptor that was opened for its path alone cannot be read.
    inner = os.open(b".", _DIRECTORY, dir_fd=directory)
    try:
        with os.scandir(inner) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    found.append((name, None))
                    continue
                try:
                    found.append((name, entry.stat(follow_symlinks=False).st_size))
                except FileNotFoundError:
                    continue  # it vanished meanwhile
    finally:
        os.close(inner)
    return found
