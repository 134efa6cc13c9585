"""What lies in the folders of a dump: each file read to its end, its sum written into a list.

What is linked to the dump before was read for that one: its sum is taken from there, so that a run
costs what changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from engine.dumps.artefact import Nature
from engine.dumps.figures import NotWhole, Part
from engine.dumps.record import FileRecord
from engine.dumps.sums import LONGEST, NAME, Names, NoLine, line_of, parse_line
from engine.system.dumps.record_file import record_below
from engine.system.dumps.streams import sha256_of
from engine.system.host.descent import Descent, NotThere, descending, list_inside, opened_root

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NoSums(Exception):
    """There is no list of sums that can be believed."""


@dataclass(slots=True)
class Folders:
    """Reading the folders of one dump, while its list is written, if it gets one."""

    here: Descent
    """Down from the folder of the dump."""
    sums: _Summing | None
    check_time: Callable[[], None]

    @property
    def digest(self) -> str:
        """The sum of the list itself, as far as it is written; empty: there is none."""
        return self.sums.digest.hexdigest() if self.sums is not None else ""

    def record(self, name: bytes, nature: Nature) -> FileRecord:
        """That of a file, or of all files in a folder. Raises `NotWhole` where there is none."""
        parent = self.here.enter(())
        folder = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        count, size, digest = 0, 0, ""
        for names in _below(self.here, name) if folder else [(name,)]:
            one, digest = self._read(names)
            count, size = count + 1, size + one
        if nature is Nature.DIRECTORY:
            _must_hold(size, count if folder else 0)
        return FileRecord(
            name=name,
            size=size,
            sha256="" if folder else digest,
            nature=nature.value,
            parts=(Part(database="", size=size),),
            files=count if folder else None,
        )

    def _read(self, names: Names) -> tuple[int, str]:
        """The bytes of a file, and its sum if it gets one."""
        self.check_time()
        parent = self.here.enter(names[:-1])
        found = os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
        if self.sums is None or not stat.S_ISREG(found.st_mode):
            return found.st_size, ""
        digest = self.sums.known(names, found)
        if not digest:
            with os.fdopen(os.open(names[-1], _FILE, dir_fd=parent), "rb") as file:
                digest = sha256_of(file, between=self.check_time)
        self.sums.write(names, digest)
        return found.st_size, digest


def _must_hold(size: int, count: int) -> None:
    if not count:
        raise NotWhole("no file is in it")
    if not size:
        raise NotWhole("every file in it is empty")


@dataclass(slots=True)
class _Summing:
    """A list while it is written, file by file, in the order of their names."""

    list: IO[bytes]
    former: Iterator[tuple[Names, str]]
    """Lines of the dump before, in the same order."""
    there: Descent | None
    """Down from the folder of that one."""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    _next: tuple[Names, str] | None = None

    def write(self, names: Names, digest: str) -> None:
        line = line_of(names, digest)
        if len(line) > LONGEST:
            raise NotWhole("a path in it is longer than any list of sums takes")
        self.list.write(line)
        self.digest.update(line)

    def known(self, names: Names, found: os.stat_result) -> str:
        """The sum of the same file in the dump before; empty where it is another one."""
        if found.st_nlink < 2:
            return ""
        while self.there is not None and (self._next is None or self._next[0] < names):
            self._next = next(self.former, None)
            if self._next is None:
                self.there = None
        if self.there is None or self._next is None or self._next[0] != names:
            return ""
        try:
            parent = self.there.enter(names[:-1])
            old = os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
        except (NotThere, OSError):
            return ""
        return self._next[1] if os.path.samestat(old, found) else ""


@contextmanager
def reading_folders(
    staging: bytes, former: bytes | None, check_time: Callable[[], None], *, listed: bool
) -> Iterator[Folders]:
    """Read folders of a dump; where that does not come to its end, there is no list of sums.

    `former`: the folder of the dump before. `listed`: whether there is to be a list. Raises
    `NotWhole`, `OSError` and whatever `check_time` does.
    """
    with ExitStack() as stack:
        root = stack.enter_context(opened_root(staging))
        here = stack.enter_context(descending(root))
        if not listed:
            yield Folders(here, None, check_time)
            return
        lines, there = _former(former, stack)
        file = stack.enter_context(os.fdopen(os.open(NAME, _NEW, 0o600, dir_fd=root), "wb"))
        try:
            yield Folders(here, _Summing(file, lines, there), check_time)
            file.flush()
        except BaseException as error:
            with suppress(OSError):
                os.unlink(NAME, dir_fd=root)
            if isinstance(error, NotThere):
                raise NotWhole("a folder in it has gone while it was read") from None
            raise


def _former(
    former: bytes | None, stack: ExitStack
) -> tuple[Iterator[tuple[Names, str]], Descent | None]:
    if former is None:
        return iter(()), None
    try:
        descent = stack.enter_context(descending(stack.enter_context(opened_root(former))))
        record = record_below(descent, ())
        if record is None or not record.sums:
            return iter(()), None
        return _until_no_line(stack.enter_context(believed_sums(descent, (), record.sums))), descent
    except (OSError, NoSums):
        return iter(()), None


def _until_no_line(file: IO[bytes]) -> Iterator[tuple[Names, str]]:
    with suppress(NoLine):
        yield from lines_of(file)


@contextmanager
def believed_sums(descent: Descent, names: Names, digest: str) -> Iterator[IO[bytes]]:
    """The list in a folder, if it is the one whose sum is named. Raises `NoSums`."""
    try:
        file = os.fdopen(os.open(NAME, _FILE, dir_fd=descent.enter(names)), "rb")
    except (NotThere, OSError):
        raise NoSums("is not there") from None
    with file:
        try:
            same = sha256_of(file) == digest
        except OSError:
            same = False
        if not same:
            raise NoSums("is not what the record says")
        file.seek(0)
        yield file


def lines_of(file: IO[bytes]) -> Iterator[tuple[Names, str]]:
    """What stands in a list. Raises `NoLine`."""
    while line := file.readline(LONGEST):
        yield parse_line(line)


def _below(descent: Descent, top: bytes) -> Iterator[Names]:
    """Everything below a folder that is no folder itself, in the order of its names."""
    waiting: list[tuple[Names, bool]] = [((top,), True)]
    while waiting:
        names, inside = waiting.pop()
        if not inside:
            yield names
            continue
        there = list_inside(descent.enter(names))
        waiting += [((*names, name), is_folder) for name, is_folder in reversed(there)]
