"""Somebody who keeps changing a tree: creates, appends, renames, deletes, swaps, links, at random.

The names come from a small set, so that they meet again and again; some are hostile.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.integration.lab import HOSTILE

NAMES = (*(b"n%d" % number for number in range(12)), *HOSTILE)
PLENTY = 350
"""Entries beyond which more is deleted than made."""
ROOM = 30 * 2**20
"""Bytes beyond which it is the same: the disk is a small one."""
CALM = b"calm"
"""A directory that nobody touches: a tree that loses half of itself is refused, rightly."""


class Writer:
    """Changes everything below a directory, and nothing beside it."""

    def __init__(self, root: Path, outside: Path, seed: int) -> None:
        self._root = os.fsencode(root)
        self._outside = os.fsencode(outside)
        self._tops = (self._root, self._root + b"/images")
        self._random = random.Random(seed)
        self._operations: tuple[tuple[int, Callable[[], None]], ...] = (
            (10, self._create),
            (6, self._append),
            (5, self._rename_file),
            (5, self._delete_file),
            (3, self._make_directory),
            (3, self._move_directory),
            (1, self._delete_directory),
            (2, self._exchange),
            (3, self._link),
            (2, self._swap_for_symlink),
            (2, self._change_type),
            (2, self._change_mode),
        )

    def step(self) -> None:
        """Do one thing; what is not possible just now is left."""
        chosen = self._random.choices(
            [one for _, one in self._operations], [weight for weight, _ in self._operations]
        )
        with suppress(OSError):
            chosen[0]()

    def trim(self) -> None:
        """Delete until the tree has its usual size: it would grow for ever."""
        while len(self._all(files=True, directories=True)) > PLENTY or self._size() > ROOM:
            with suppress(OSError):
                self._delete_file()
                self._delete_directory()

    def _size(self) -> int:
        return sum(os.lstat(one).st_size for one in self._all(files=True, directories=False))

    # ── Choosing ─────────────────────────────────────────────────────────────────────────────

    def _all(self, *, files: bool, directories: bool) -> list[bytes]:
        found: list[bytes] = []
        for top, inner, plain in os.walk(self._root):
            if CALM in inner:
                inner.remove(CALM)
            links = {name for name in inner if os.path.islink(os.path.join(top, name))}  # noqa: PTH114, PTH118 - bytes
            if files:
                found += [os.path.join(top, name) for name in (*plain, *sorted(links))]  # noqa: PTH118 - bytes
            if directories:
                found += [os.path.join(top, name) for name in inner if name not in links]  # noqa: PTH118 - bytes
        return sorted(one for one in found if one not in self._tops)

    def _file(self) -> bytes:
        return self._pick(self._all(files=True, directories=False))

    def _directory(self) -> bytes:
        return self._pick(self._all(files=False, directories=True))

    def _pick(self, paths: list[bytes]) -> bytes:
        if not paths:
            raise FileNotFoundError
        return self._random.choice(paths)

    def _place(self) -> bytes:
        """A name in some directory, taken or not."""
        places = [*self._tops, *self._all(files=False, directories=True)]
        return self._pick(places) + b"/" + self._name()

    def _name(self) -> bytes:
        return self._random.choice(NAMES)

    def _content(self) -> bytes:
        size = self._random.choice((0, 10, 1_000, 1_000, 50_000, 50_000, 600_000))
        return self._random.randbytes(min(size, 4096)) * max(1, size // 4096)

    # ── Operations ───────────────────────────────────────────────────────────────────────────

    def _create(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(self._place(), flags, 0o644), "wb") as file:
            file.write(self._content())

    def _append(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW
        with os.fdopen(os.open(self._file(), flags), "ab") as file:
            file.write(self._content())

    def _rename_file(self) -> None:
        os.rename(self._file(), self._place())  # noqa: PTH104 - bytes

    def _delete_file(self) -> None:
        os.unlink(self._file())  # noqa: PTH108 - bytes

    def _make_directory(self) -> None:
        place = self._place()
        os.mkdir(place)  # noqa: PTH102 - bytes
        for _ in range(self._random.randrange(4)):
            with open(place + b"/" + self._name(), "wb") as file:  # noqa: PTH123 - bytes
                file.write(self._content())

    def _move_directory(self) -> None:
        os.rename(self._directory(), self._place())  # noqa: PTH104 - bytes

    def _delete_directory(self) -> None:
        shutil.rmtree(self._directory(), ignore_errors=True)

    def _exchange(self) -> None:
        """Two names change places, as an editor does that writes beside and renames."""
        one, other = self._file(), self._file()
        aside = one + b"~"
        os.rename(one, aside)  # noqa: PTH104 - bytes
        with suppress(OSError):
            os.rename(other, one)  # noqa: PTH104 - bytes
        os.rename(aside, other)  # noqa: PTH104 - bytes

    def _link(self) -> None:
        """One more name for a file."""
        os.link(self._file(), self._place(), follow_symlinks=False)

    def _swap_for_symlink(self) -> None:
        """A directory makes way for a symlink to one outside that holds the same names."""
        directory = self._directory()
        away = directory + b"~real"
        os.rename(directory, away)  # noqa: PTH104 - bytes
        os.symlink(self._outside, directory)  # noqa: PTH211 - bytes
        if self._random.random() < 0.5:
            os.unlink(directory)  # noqa: PTH108 - bytes
            os.rename(away, directory)  # noqa: PTH104 - bytes

    def _change_type(self) -> None:
        path = self._file()
        os.unlink(path)  # noqa: PTH108 - bytes
        if self._random.random() < 0.5:
            os.mkdir(path)  # noqa: PTH102 - bytes
            self._create()
        else:
            os.symlink(self._name(), path)  # noqa: PTH211 - bytes

    def _change_mode(self) -> None:
        os.chmod(self._directory(), self._random.choice((0o700, 0o755, 0o750)))  # noqa: PTH101 - bytes
