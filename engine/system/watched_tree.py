"""The watches of one source's tree: set from its root's descriptor, kept in step with its names."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from engine.system.descent import NotThere, descending, list_inside
from engine.system.watcher import Watcher
from engine.tracking import Judge

Names = tuple[bytes, ...]
_BREATH = 500
"""Directories between two times that the tracker may see to other things."""


class Node:
    """A watched directory: its name, and where it hangs."""

    __slots__ = ("children", "name", "parent", "watch")

    def __init__(self, name: bytes, parent: Node | None, watch: int) -> None:
        self.name = name
        self.parent = parent
        self.watch = watch
        self.children: dict[bytes, Node] | None = None

    def names(self) -> Names:
        """The way from the root."""
        found: list[bytes] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            found.append(node.name)
            node = node.parent
        return tuple(reversed(found))


@dataclass(slots=True)
class WatchedTree:
    """All watches of one tree."""

    judge: Judge
    watcher: Watcher
    owner: dict[int, tuple[WatchedTree, Node]]
    """Whose each watch is; shared by all trees of a watcher."""
    breathe: Callable[[], None]
    root: int = -1
    """Descriptor of the root; -1: nothing is watched."""
    top: Node | None = None
    count: int = 0

    def set_up(self, path: bytes) -> None:
        """Watch everything that somebody carries. Raises `OSError` and `NoMoreWatches`."""
        self.root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.top = self._watch(self.root, b"", None)
        self._descend(self.top)

    def identity(self) -> tuple[int, int]:
        """Device and inode of the root that is watched."""
        status = os.fstat(self.root)
        return status.st_dev, status.st_ino

    def came(self, parent: Node, name: bytes) -> None:
        """A directory appeared: watch it, and all that is in it by now."""
        self.went(parent, name)
        if not self.judge.is_watched((*parent.names(), name)):
            return
        with descending(self.root) as descent, suppress(NotThere, PermissionError):
            inner = descent.enter((*parent.names(), name))
            with suppress(FileNotFoundError):
                self._descend(self._watch(inner, name, parent))

    def went(self, parent: Node, name: bytes) -> None:
        """A directory left: nothing in it is ours any more."""
        node = (parent.children or {}).pop(name, None)
        waiting = [node] if node else []
        while waiting:
            one = waiting.pop()
            waiting.extend((one.children or {}).values())
            self._forget(one)

    def drop(self) -> None:
        """Give up all watches."""
        if self.top is not None:
            waiting = [self.top]
            while waiting:
                one = waiting.pop()
                waiting.extend((one.children or {}).values())
                self._forget(one)
        if self.root >= 0:
            os.close(self.root)
        self.root, self.top, self.count = -1, None, 0

    def _forget(self, node: Node) -> None:
        self.count -= 1
        # The directory may be watched already under the name that it was moved to.
        mine = self.owner.get(node.watch)
        if mine is not None and mine[1] is node:
            del self.owner[node.watch]
            self.watcher.remove(node.watch)

    def _watch(self, descriptor: int, name: bytes, parent: Node | None) -> Node:
        node = Node(name, parent, self.watcher.add(descriptor))
        self.owner[node.watch] = (self, node)
        self.count += 1
        if parent is not None:
            if parent.children is None:
                parent.children = {}
            parent.children[name] = node
        return node

    def _descend(self, top: Node) -> None:
        """Watch first, then list: what appears in between is told as an event."""
        waiting, done = [top], 0
        with descending(self.root) as descent:
            while waiting:
                node = waiting.pop()
                here = node.names()
                try:
                    listing = list_inside(descent.enter(here))
                except (NotThere, PermissionError):
                    continue
                for name, directory in listing:
                    if not directory or not self.judge.is_watched((*here, name)):
                        continue
                    with suppress(NotThere, FileNotFoundError, PermissionError):
                        waiting.append(self._watch(descent.enter((*here, name)), name, node))
                done += 1
                if done % _BREATH == 0:
                    self.breathe()


def count_directories(path: bytes, judge: Judge) -> int:
    """How many watches a tree needs."""
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    waiting: list[Names] = [()]
    count = 0
    try:
        with descending(root) as descent:
            while waiting:
                here = waiting.pop()
                count += 1
                try:
                    listing = list_inside(descent.enter(here))
                except (NotThere, PermissionError):
                    continue
                waiting.extend(
                    (*here, name)
                    for name, directory in listing
                    if directory and judge.is_watched((*here, name))
                )
    finally:
        os.close(root)
    return count
