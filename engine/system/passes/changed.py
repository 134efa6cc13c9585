"""From the journal's names to what there is to send and to delete, looked at below the root.

The lists that come out are files of names that end in NUL: there may be a million, and none is
held in memory. Nothing here touches the destination.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from engine.plan.selection import Selection, Verdict
from engine.records.journal import Change, Written, written_file
from engine.routing.sieve import Sieve
from engine.system.host.descent import Descent, NotThere, descending, list_inside

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
Names = tuple[bytes, ...]
Inode = tuple[int, int]


class Spool:
    """A list of paths in a file, in the order in which they were added."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.count = 0

    def add(self, path: bytes) -> None:
        """Put a path at the end."""
        if self._file is None:
            self._file = open(self._path, "ab")  # noqa: PTH123, SIM115 - bytes; closed by `close`
        self._file.write(path + b"\0")
        self.count += 1

    def close(self) -> None:
        """Write out what is buffered."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __iter__(self) -> Iterator[bytes]:
        if not self.count:
            return
        with open(self._path, "rb") as file:  # noqa: PTH123 - bytes
            rest = b""
            while chunk := file.read(1 << 20):
                *paths, rest = (rest + chunk).split(b"\0")
                yield from paths


@dataclass(slots=True)
class Changed:
    """What a feed's journal comes to now."""

    send: Spool
    """What is there."""
    gone: Spool
    """Paths that are no more, or whose directory something else has replaced."""
    replaced: Spool
    """What lies now where a directory was: sent once that has been deleted."""
    deep: Spool
    """Directories to be compared whole: what they lost is to be deleted."""
    size: int = 0
    """Bytes of the files to send."""
    unreadable: list[bytes] = field(default_factory=list)
    """Paths that this user may not look at: neither sent nor deleted."""
    linked: dict[Inode, dict[bytes, None]] = field(default_factory=dict)
    """Names of files that have several: they are sent together, so that they stay one file."""
    late: set[Inode] = field(default_factory=set)
    """Those of them that are sent only once a directory has made way."""
    missing: dict[Inode, int] = field(default_factory=dict)
    """How many names of such a file are still to be found."""

    @classmethod
    def in_directory(cls, directory: bytes, feed: str) -> Changed:
        """Empty lists in the run's own directory."""
        base = directory + b"/changed-" + feed.encode() + b"."
        return cls(
            send=Spool(base + b"send"),
            gone=Spool(base + b"gone"),
            replaced=Spool(base + b"replaced"),
            deep=Spool(base + b"deep"),
        )

    def make_way(self, paths: Iterable[bytes]) -> None:
        """Delete what lies at these places, and only then send what is there, all names of it."""
        for path in paths:
            self.gone.add(path)
            alone = {path: None}
            together = next((names for names in self.linked.values() if path in names), alone)
            for name in together:
                self.replaced.add(name)
        self.gone.close()
        self.replaced.close()

    @property
    def spools(self) -> tuple[Spool, ...]:
        """All lists."""
        return (self.send, self.gone, self.replaced, self.deep)

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not any(one.count for one in self.spools)

    def changes(self) -> Iterator[Change]:
        """All of it as the next reader has to know it."""
        for spool in (self.gone, self.deep):
            for path in spool:
                yield Change(path, deep=True)
        for spool in (self.send, self.replaced):
            for path in spool:
                yield Change(path)


def select_changes(
    rows: Iterable[Change],
    root: int,
    selection: Selection,
    excluded: frozenset[bytes],
    lists: Changed,
) -> None:
    """Look at each path that the journal names, and put it where it belongs."""
    with descending(root) as descent:
        _Selecting(descent, Sieve(selection), excluded, lists).run(rows)
    for spool in lists.spools:
        spool.close()


class _Selecting:
    def __init__(
        self, descent: Descent, sieve: Sieve, excluded: frozenset[bytes], lists: Changed
    ) -> None:
        self._descent = descent
        self._sieve = sieve
        self._excluded = excluded
        self._lists = lists
        self._inside: set[bytes] = set()
        """Directories of which everything is listed already."""
        self._gone: set[bytes] = set()
        self._written: set[int] = set()
        """Inodes with several names that were written by some name."""
        self._since: int | None = None
        """A file that was written by a name that has gone has its ctime from here on."""

    def run(self, rows: Iterable[Change]) -> None:
        for row in rows:
            written = written_file(row.path)
            if written is not None:
                self._note_written(written)
                continue
            try:
                self._row(row)
            except PermissionError:
                self._lists.unreadable.append(row.path)
        self._written -= {number for (_, number), left in self._lists.missing.items() if not left}
        if not self._all_found:
            self._find_names()
        for inode, names in self._lists.linked.items():
            for path in names:
                (self._lists.replaced if inode in self._lists.late else self._lists.send).add(path)

    def _note_written(self, file: Written) -> None:
        if file.inode is not None:
            self._written.add(file.inode)
        if file.since is not None:
            self._since = min(file.since, self._since or file.since)

    def _row(self, row: Change) -> None:
        names = tuple(row.path.split(b"/"))
        if self._below(names, self._inside) or self._is_excluded(names):
            return
        status = self._look(names)
        if status is None:
            return
        directory = stat.S_ISDIR(status.st_mode)
        if self._sieve.decide(names, directory=directory) not in _CARRIED:
            # It may have been of another type, and carried as such.
            self._put_gone(names)
            return
        if directory and row.deep:
            self._whole(names)
        elif row.deep and not directory:
            self._replaced(names, status)
        else:
            self._put(row.path, status)

    def _look(self, names: Names) -> os.stat_result | None:
        """What lies there now; None where nothing does, or not below directories."""
        try:
            parent = self._descent.enter(names[:-1])
            return os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
        except NotThere as error:
            self._in_the_way(names[: error.depth], other=error.other)
            return None
        except FileNotFoundError:
            self._put_gone(names)
            return None

    def _in_the_way(self, names: Names, *, other: bool) -> None:
        """A directory on the way has gone, or is something else by now."""
        if not other:
            self._put_gone(names)
        elif b"/".join(names) not in self._gone:
            status = self._look(names)
            if status is not None and not stat.S_ISDIR(status.st_mode):
                self._replaced(names, status)

    def _replaced(self, names: Names, status: os.stat_result) -> None:
        """Something else lies where a directory was: that goes first, then this is sent."""
        self._put_gone(names)
        if self._sieve.decide(names, directory=False) is not Verdict.TAKEN:
            return
        self._lists.replaced.add(b"/".join(names))
        if status.st_nlink > 1:
            self._put(b"/".join(names), status)
            self._lists.late.add((status.st_dev, status.st_ino))

    def _put_gone(self, names: Names) -> None:
        """Only the topmost name that is gone counts: what was below it goes with it."""
        path = b"/".join(names)
        if path in self._gone or self._below(names, self._gone) or not self._carried(names):
            return
        self._gone.add(path)
        self._lists.gone.add(path)

    def _put(self, path: bytes, status: os.stat_result) -> None:
        if stat.S_ISDIR(status.st_mode):
            self._lists.send.add(path)
            return
        self._lists.size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        if status.st_nlink == 1:
            self._lists.send.add(path)
            return
        inode = (status.st_dev, status.st_ino)
        names = self._lists.linked.setdefault(inode, {})
        if path not in names:
            names[path] = None
            self._lists.missing[inode] = max(0, status.st_nlink - len(names))

    def _whole(self, top: Names) -> None:
        """A directory with everything in it that the leg takes."""
        self._inside.add(b"/".join(top))
        self._lists.deep.add(b"/".join(top))
        self._lists.send.add(b"/".join(top))
        for names, status in self._walk(top):
            self._put(b"/".join(names), status)

    def _walk(self, top: Names) -> Iterator[tuple[Names, os.stat_result]]:
        """What the leg carries below a directory, each with its status."""
        waiting = [top]
        while waiting:
            here = waiting.pop()
            try:
                found = list(self._listed(here))
            except NotThere:
                continue
            except PermissionError:
                self._lists.unreadable.append(b"/".join(here))
                continue
            waiting.extend(names for names, status in found if stat.S_ISDIR(status.st_mode))
            yield from found

    def _listed(self, here: Names) -> Iterator[tuple[Names, os.stat_result]]:
        """What the leg carries of the entries of one directory."""
        parent = self._descent.enter(here)
        for name, directory in list_inside(parent):
            names = (*here, name)
            if self._sieve.decide(names, directory=directory) not in _CARRIED:
                continue
            if self._is_excluded(names):
                continue
            with suppress(FileNotFoundError):
                yield names, os.stat(name, dir_fd=parent, follow_symlinks=False)

    @property
    def _all_found(self) -> bool:
        """Whether no name of a file has to be looked for."""
        return not (self._written or self._since or any(self._lists.missing.values()))

    def _find_names(self) -> None:
        """Bring all names of a changed file: the kernel tells of the one that was written by."""
        for names, status in self._walk(()):
            if not stat.S_ISDIR(status.st_mode) and self._is_looked_for(status):
                self._put(b"/".join(names), status)
                if self._all_found:
                    return

    def _is_looked_for(self, status: os.stat_result) -> bool:
        return (
            status.st_ino in self._written
            or bool(self._lists.missing.get((status.st_dev, status.st_ino)))
            or (self._since is not None and status.st_ctime >= self._since)
        )

    def _carried(self, names: Names) -> bool:
        """Whether the leg would carry this, were it there: of whatever type it was."""
        return any(self._sieve.decide(names, directory=kind) in _CARRIED for kind in (False, True))

    def _is_excluded(self, names: Names) -> bool:
        return b"/".join(names) in self._excluded or self._below(names, self._excluded)

    @staticmethod
    def _below(names: Names, tops: AbstractSet[bytes]) -> bool:
        """Whether a path lies below one of some directories."""
        if not tops:
            return False
        return any(b"/".join(names[:depth]) in tops for depth in range(1, len(names)))
