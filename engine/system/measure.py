"""Walking source trees to learn how much data each routing line decides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.feeds import ignores_for
from engine.plan import Plan, RouteLine, RoutingTable
from engine.selection import Ignore, ignore_hits, is_reserved
from engine.system.look import below
from engine.volumes import SourceVolumes, Volume
from policy.sources import TreeSource


@dataclass(slots=True)
class _Tally:
    by_line: dict[str, Volume]
    ignored: Volume = field(default_factory=Volume)
    unreadable: int = 0
    inodes: set[tuple[int, int]] = field(default_factory=set)

    def count(self, entry: os.DirEntry[bytes], line: RouteLine | None) -> None:
        status = entry.stat(follow_symlinks=False)
        size = status.st_size
        if status.st_nlink > 1:
            inode = (status.st_dev, status.st_ino)
            size = 0 if inode in self.inodes else size
            self.inodes.add(inode)
        if line is None:
            self.ignored = self.ignored.plus(size)
        else:
            self.by_line[line.text] = self.by_line[line.text].plus(size)


def measure_source(plan: Plan, source: TreeSource, root: Path) -> SourceVolumes | None:
    """Count what each line of a tree decides; None where the tree is not there."""
    table = plan.table(source.name)
    start = below(root, source.path.text)
    if table is None or not os.path.isdir(start):  # noqa: PTH112 - the path is bytes
        return None
    ignores = ignores_for(source.name, plan.ignores)
    tally = _Tally(by_line={line.text: Volume() for line in table.lines})
    pending: list[tuple[bytes, tuple[bytes, ...]]] = [(start, ())]
    while pending:
        path, names = pending.pop()
        try:
            with os.scandir(path) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            tally.unreadable += 1
            continue
        for entry in listing:
            _visit(entry, (*names, entry.name), table, ignores, tally, pending)
    return SourceVolumes(
        source=source.name,
        by_line=tally.by_line,
        ignored=tally.ignored,
        unreadable=tally.unreadable,
    )


def _visit(
    entry: os.DirEntry[bytes],
    names: tuple[bytes, ...],
    table: RoutingTable,
    ignores: Sequence[Ignore],
    tally: _Tally,
    pending: list[tuple[bytes, tuple[bytes, ...]]],
) -> None:
    directory = entry.is_dir(follow_symlinks=False)
    dropped = is_reserved(names, directory=directory) or any(
        ignore_hits(ignore, names, directory=directory) for ignore in ignores
    )
    if directory:
        if not dropped:
            pending.append((entry.path, names))
        return
    try:
        tally.count(entry, None if dropped else table.line_for(names))
    except FileNotFoundError:
        return  # it vanished while the tree was being walked: nothing to count
