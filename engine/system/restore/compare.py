"""Two trees compared, directory by directory, without following a symlink."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.plan.selection import is_reserved
from engine.system.host.descent import Descent, NotThere, descending, list_inside

Names = tuple[bytes, ...]
MOST_READ = 1 << 30
"""Bytes up to which contents are compared as well: what is larger would take as long again."""
_CHUNK = 1 << 20
_SECOND = 1_000_000_000
_COARSEST = 10_000_000
"""Nanoseconds: exFAT keeps hundredths of a second; what is coarser keeps whole seconds."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One path that is not in both trees as it should be."""

    path: Names
    """Below the top; empty: the top itself."""
    what: str
    rotten: bool = False
    """Whether it is known that what came is wrong, and no other copy."""


@dataclass(slots=True)
class Compared:
    """What a comparison has come to."""

    entries: int = 0
    """Of the first tree, its top included."""
    bytes: int = 0
    """Of its files; each name of a hard link counts."""
    differences: list[Difference] = field(default_factory=list)
    read: int = 0
    """Bytes of contents that were compared."""
    unread: int = 0
    """Files that are alike by size and time, and were not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree, by a directory that is held open and the names down to its top."""

    root: int
    top: Names


def count(tree: Tree) -> Compared:
    """What a tree holds."""
    found = Compared()
    with descending(tree.root) as descent:
        for names in _walk(descent, tree.top, found):
            del names
    return found


def nothing_skipped(_: Names) -> bool:
    """Skips nothing."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What two copies of one path must have in common.

    Of the same moment both must hold the same. Of another one, files may be others, missing or new;
    but a file of the same time has the same size and content, or one of the two is damaged.
    """

    same_moment: bool
    times: bool = True
    """Whether both keep the files' times."""
    skipped: Callable[[Names], bool] = nothing_skipped
    """What is no part of one of them."""
    entered: Callable[[Names], bool] = nothing_skipped
    """What is no part of them itself, and may hold what is."""
    most_read: int = MOST_READ


def compare(mine: Tree, other: Tree, rules: Rules) -> Compared:
    """Compare what came with another copy; of what is no file or directory only the type."""
    found = Compared()
    with descending(mine.root) as here, descending(other.root) as there:
        pair = _Pair(here=here, there=there, mine=mine, other=other, rules=rules, found=found)
        for names in _walk(here, mine.top, found):
            below = names[len(mine.top) :]
            passed = rules.skipped(below) or rules.entered(below)
            what = "" if passed else pair.differs(names, (*other.top, *below))
            if what:
                found.differences.append(Difference(path=below, what=what))
        if rules.same_moment:
            found.differences += pair.missing()
        elif pair.lost():
            what = "it is empty, and the other copy, of another moment, is not"
            found.differences.append(Difference(path=(), what=what))
    return found


def _walk(descent: Descent, top: Names, found: Compared) -> Iterator[Names]:
    """Every path of a tree, counted."""
    waiting = [top]
    while waiting:
        names = waiting.pop()
        status = _status(descent, names)
        if status is None:
            continue
        found.entries += 1
        if stat.S_ISREG(status.st_mode):
            found.bytes += status.st_size
        yield names
        if stat.S_ISDIR(status.st_mode):
            inside = list_inside(descent.enter(names))
            waiting += [(*names, name) for name, _ in reversed(inside)]


def _status(descent: Descent, names: Names) -> os.stat_result | None:
    try:
        parent = descent.enter(names[:-1])
        return os.stat(names[-1] if names else b".", dir_fd=parent, follow_symlinks=False)
    except (NotThere, FileNotFoundError):
        return None


def _told(status: os.stat_result) -> bool:
    """Whether it is missed: not every place can keep symlinks and devices."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two trees that are being compared."""

    here: Descent
    there: Descent
    mine: Tree
    other: Tree
    rules: Rules
    found: Compared

    def differs(self, names: Names, theirs: Names) -> str:
        """What speaks against one path; empty where nothing does."""
        one, two = _status(self.here, names), _status(self.there, theirs)
        same = self.rules.same_moment
        if one is None or two is None:
            lacks = one is not None and _told(one) and same
            return "it is not in the other copy" if lacks else ""
        if stat.S_IFMT(one.st_mode) != stat.S_IFMT(two.st_mode):
            return "it is of another type in the other copy" if same else ""
        return self._files(one, two, names, theirs) if stat.S_ISREG(one.st_mode) else ""

    def _files(self, one: os.stat_result, two: os.stat_result, names: Names, theirs: Names) -> str:
        same_time = self.rules.times and self._is_same_time(one.st_mtime_ns, two.st_mtime_ns)
        if one.st_size != two.st_size:
            said = f"it has {one.st_size:,} bytes, and {two.st_size:,} in the other copy"
            return said if self.rules.same_moment or same_time else ""
        if self.rules.times and not same_time:
            return "it has another time in the other copy" if self.rules.same_moment else ""
        if not same_time and not self.rules.same_moment:
            return ""
        if self.found.read + one.st_size > self.rules.most_read:
            self.found.unread += 1
            return ""
        self.found.read += one.st_size
        parents = self.here.enter(names[:-1]), self.there.enter(theirs[:-1])
        same = alike(parents[0], names[-1], parents[1], theirs[-1])
        return "" if same else "its content is another one in the other copy, of the same size"

    def _is_same_time(self, one: int, two: int) -> bool:
        """In nanoseconds, as far as both places can keep it.

        Of different moments, a file that was written twice within a second is two states of it, and
        not one that is damaged.
        """
        if self.rules.same_moment or not one % _SECOND or not two % _SECOND:
            return one // _SECOND == two // _SECOND
        return abs(one - two) < _COARSEST

    def missing(self) -> Iterator[Difference]:
        """What only the other tree holds; not what is in a directory that is missing whole."""
        waiting = [self.other.top]
        while waiting:
            names = waiting.pop()
            below = names[len(self.other.top) :]
            status = _status(self.there, names)
            if status is None or self._passed_over(below, status):
                continue
            gone = _status(self.here, (*self.mine.top, *below)) is None
            if gone and not self.rules.entered(below):
                if _told(status):
                    yield Difference(path=below, what="it did not come, and is in the other copy")
            elif stat.S_ISDIR(status.st_mode):
                inside = list_inside(self.there.enter(names))
                waiting += [(*names, name) for name, _ in reversed(inside)]

    def lost(self) -> bool:
        """Whether nothing at all has come of what the other tree holds something of."""
        if self.rules.entered(()):
            return False
        theirs = _status(self.there, self.other.top)
        there = theirs is not None and not _is_empty(self.there, self.other.top)
        return there and _is_empty(self.here, self.mine.top)

    def _passed_over(self, below: Names, status: os.stat_result) -> bool:
        reserved = below and is_reserved(below, directory=stat.S_ISDIR(status.st_mode))
        return bool(reserved) or self.rules.skipped(below)


def _is_empty(descent: Descent, names: Names) -> bool:
    """Whether a file or a directory holds nothing; what is missing, or no such, counts as full."""
    status = _status(descent, names)
    if status is None:
        return False
    if stat.S_ISDIR(status.st_mode):
        return not list_inside(descent.enter(names))
    return stat.S_ISREG(status.st_mode) and not status.st_size


def alike(one: int, name: bytes, two: int, other: bytes) -> bool:
    """Whether two files hold the same, each by its directory and its name. Raises `OSError`."""
    with (
        os.fdopen(os.open(name, _FILE, dir_fd=one), "rb", buffering=0) as first,
        os.fdopen(os.open(other, _FILE, dir_fd=two), "rb", buffering=0) as second,
    ):
        while True:
            chunk = first.read(_CHUNK)
            if chunk != second.read(_CHUNK):
                return False
            if not chunk:
                return True
