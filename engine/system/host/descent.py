"""Going down a tree from its root's descriptor, name by name, never through a symlink.

A path is a claim; a descriptor is the thing. Whatever somebody does to the names meanwhile, what
is reached this way lies below the root (law 41).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_NAMES = frozenset({b"", b".", b".."})
"""What leads somewhere else than down."""
_PATH_ONLY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HELD = 64
"""Levels held open: a user may nest directories as deep as they like, descriptors are few."""


class NotThere(Exception):
    """A directory on the way is missing, or is none."""

    def __init__(self, depth: int, *, other: bool) -> None:
        super().__init__(depth)
        self.depth = depth
        """How many names of the path led up to what is missing, itself included."""
        self.other = other
        """Whether something else than a directory lies there."""


@dataclass(slots=True)
class Descent:
    """Descriptors of the directories down to the last one asked for.

    Paths that come in order share most of their way.
    """

    root: int
    _names: list[bytes] = field(default_factory=list)
    _descriptors: list[int] = field(default_factory=list)
    """One a level; those far above the last one are closed again, and -1."""

    def enter(self, names: tuple[bytes, ...]) -> int:
        """A descriptor of that directory, valid until the next call. Raises `NotThere`."""
        shared = 0
        for mine, wanted in zip(self._names, names, strict=False):
            if mine != wanted:
                break
            shared += 1
        self._leave(shared)
        while self._descriptors and self._descriptors[-1] < 0:
            self._leave(len(self._descriptors) - 1)
        for name in names[len(self._names) :]:
            depth = len(self._names) + 1
            if name in _NO_NAMES or b"/" in name:
                raise NotThere(depth, other=True)
            try:
                inner = os.open(name, _PATH_ONLY, dir_fd=self.here)
            except NotADirectoryError:
                raise NotThere(depth, other=True) from None
            except FileNotFoundError:
                raise NotThere(depth, other=False) from None
            self._names.append(name)
            self._descriptors.append(inner)
            self._close_above()
        return self.here

    @property
    def here(self) -> int:
        """The descriptor of the last directory asked for."""
        return self._descriptors[-1] if self._descriptors else self.root

    def close(self) -> None:
        """Close all but the root, which is the caller's."""
        self._leave(0)

    def _close_above(self) -> None:
        far = len(self._descriptors) - _HELD - 1
        if far >= 0 and self._descriptors[far] >= 0:
            os.close(self._descriptors[far])
            self._descriptors[far] = -1

    def _leave(self, depth: int) -> None:
        while len(self._descriptors) > depth:
            descriptor = self._descriptors.pop()
            self._names.pop()
            if descriptor >= 0:
                os.close(descriptor)


@contextmanager
def descending(root: int) -> Iterator[Descent]:
    """A way down from a root that the caller holds open."""
    descent = Descent(root)
    try:
        yield descent
    finally:
        descent.close()


@contextmanager
def opened_root(path: bytes) -> Iterator[int]:
    """Hold a directory open; its path may be a symlink, as an administrator may have made it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def list_inside(parent: int) -> list[tuple[bytes, bool]]:
    """Names in a directory and whether each is one itself; none where it has gone."""
    try:
        # A descriptor that was opened for its path alone cannot be read.
        inner = os.open(b".", _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        return []
    try:
        with os.scandir(inner) as entries:
            return sorted(
                (os.fsencode(one.name), one.is_dir(follow_symlinks=False)) for one in entries
            )
    finally:
        os.close(inner)


def remove_tree(path: bytes) -> None:
    """Remove a tree that this process has made, however deep it is; nothing where none is there.

    shutil's own way calls itself for each level, and a thousand levels end it.
    """
    try:
        root = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        with descending(root) as descent:
            for names in reversed(_emptied(descent)):
                os.rmdir(names[-1], dir_fd=descent.enter(names[:-1]))
    finally:
        os.close(root)
    os.rmdir(path)  # noqa: PTH106 - bytes


def _emptied(descent: Descent) -> list[tuple[bytes, ...]]:
    """All directories of a tree from the top downwards, with nothing left but directories."""
    found: list[tuple[bytes, ...]] = []
    waiting: list[tuple[bytes, ...]] = [()]
    while waiting:
        names = waiting.pop()
        here = descent.enter(names)
        # They have the modes of their originals, which may keep this very user out.
        os.chmod(b"/proc/self/fd/%d" % here, 0o700)  # noqa: PTH101 - bytes
        for name, directory in list_inside(here):
            if directory:
                waiting.append((*names, name))
                found.append((*names, name))
            else:
                os.unlink(name, dir_fd=here)
    return found
