"""What lies in an orphan: as what it was compared, and whether a copy is the orphan itself.

An orphan is compared for hours. Before it goes it must be what was compared, entry by entry.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from engine.orphans.clean_up import Listing, Names, Scope
from engine.system.host.file_systems import position_of, read_mounts
from engine.system.measure.inodes import Inodes
from engine.system.orphans.reach import Reached
from engine.system.state.orphans import OrphanRecord

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An orphan as it lies there now."""

    record: OrphanRecord
    scope: Scope
    files: int | None
    """None: the account may not list it."""
    size: int | None
    why_not: str = ""
    """Why it could not be looked at."""
    absent: bool = False
    """Whether it is certain that nothing lies at its place, whoever wrote it."""

    @property
    def gone(self) -> bool:
        """Whether there is nothing to remove: nothing lies there that is the orphan's."""
        return not self.why_not and (not self.scope.paths or self.files == 0 == self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That all of an orphan was found equal elsewhere."""

    places: tuple[str, ...]
    """Where it stands."""
    marks: tuple[tuple[Scope, int], ...]
    """The mark of each part as it was compared; `Contents.mark` says what that is."""


@dataclass(slots=True)
class Contents:
    """Reads a listing of an orphan, and looks at each entry where it lies on this machine."""

    scope: Scope
    here: bytes | None = None
    """The directory that is listed; None: it lies on another machine."""
    copies: tuple[bytes, ...] = ()
    """Directories of this machine with its copies of today."""
    shared: dict[bytes, bytes] = field(default_factory=dict)
    """By such a directory: an entry there that is the orphan's own, and no copy of it."""
    mark: int = 0
    """Of names, sizes and times of all entries; on this machine also of inodes and of the times at
    which those changed. Of directories only names count: what is in them is listed itself."""

    _inodes: Inodes = field(default_factory=Inodes)

    def listing(self) -> Listing:
        """A reader of what `look_command` prints."""
        parents = frozenset(b"/".join(one) for one in self.scope.parents)
        return Listing(parents=parents, visit=self._take)

    def _take(self, line: bytes, name: bytes) -> bool:
        """Whether its bytes count: on this machine only by the first name of a file."""
        directory = line.startswith(b"d")
        seen = b"directory " + name if directory else line
        mine = _status(self.here, name)
        if mine is not None and not directory:
            moments = (mine.st_mtime_ns, mine.st_ctime_ns)
            seen += b" %d %d %d %d %d" % (mine.st_dev, mine.st_ino, mine.st_size, *moments)
        digest = hashlib.blake2b(seen, digest_size=_BYTES).digest()
        self.mark = (self.mark + int.from_bytes(digest)) % _MODULUS  # in whatever order they come
        for copy in self.copies if mine is not None else ():
            theirs = _status(copy, name)
            if mine and theirs and (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino):
                self.shared.setdefault(copy, name)
        return mine is None or directory or self._inodes.is_new(mine)


def _status(directory: bytes | None, name: bytes) -> os.stat_result | None:
    if directory is not None:
        with suppress(OSError):
            return os.lstat(directory.rstrip(b"/") + b"/" + name)
    return None


def is_one_place(mine: Reached, here: Names, theirs: Reached, there: Names, scope: Scope) -> bool:
    """Whether two places are one by the identity of their file system and where in it they lie.

    One share that is mounted twice has device and inode numbers of its own each time.
    """
    known = mine.seen.recorded
    if known is None or known != theirs.seen.recorded:
        return False
    mounts = read_mounts()
    tops = [
        position_of(reached.target(names).path, mounts)
        for reached, names in ((mine, here), (theirs, there))
    ]
    return any(_overlap(*pair) for pair in _pairs(tops, scope))


def _pairs(tops: list[bytes], scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    for names in scope.paths:
        one, other = (b"/".join((top.rstrip(b"/"), *names)) + b"/" for top in tops)
        yield one, other


def _overlap(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)
