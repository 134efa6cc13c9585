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
_PATH_ONLY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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

    def enter(self, names: tuple[bytes, ...]) -> int:
        """A descriptor of that directory, valid until the next call. Raises `NotThere`."""
        shared = 0
        for mine, wanted in zip(self._names, names, strict=False):
            if mine != wanted:
                break
            shared += 1
        self._leave(shared)
        for name in names[shared:]:
            depth = len(self._names) + 1
            try:
                inner = os.open(name, _PATH_ONLY, dir_fd=self.here)
            except NotADirectoryError:
                raise NotThere(depth, other=True) from None
            except FileNotFoundError:
                raise NotThere(depth, other=False) from None
            self._names.append(name)
            self._descriptors.append(inner)
        return self.here

    @property
    def here(self) -> int:
        """The descriptor of the last directory asked for."""
        return self._descriptors[-1] if self._descriptors else self.root

    def close(self) -> None:
        """Close all but the root, which is the caller's."""
        self._leave(0)

    def _leave(self, depth: int) -> None:
        while len(self._descriptors) > depth:
            os.close(self._descriptors.pop())
            self._names.pop()


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
