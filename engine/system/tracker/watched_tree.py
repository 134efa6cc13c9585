"""The watches of one source's tree: set from its root's descriptor, kept in step with its names.

The root is held open only while something is looked up: an open directory could not be unmounted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from engine.records.journal import linked_file, unknown_file
from engine.runs.tracking import Judge
from engine.system.host.descent import Descent, NotThere, descending, list_inside, opened_root
from engine.system.tracker.watcher import Watcher

Names = tuple[bytes, ...]
_BREATH = 500
"""Directories between two times that the tracker may see to other things."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What says something about this process, and nothing about a directory."""


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

    def all(self) -> Iterator[Node]:
        """This one and all below it, as they are while it is asked."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            waiting.extend((one.children or {}).values())
            yield one


@dataclass(slots=True, eq=False)
class WatchedTree:
    """All watches of one tree."""

    judge: Judge
    watcher: Watcher
    owner: Owners
    breathe: Callable[[], None]
    path: bytes = b""
    identity: tuple[int, int] | None = None
    """Device and inode of the root that is watched."""
    top: Node | None = None
    count: int = 0
    refused: set[Names] = field(default_factory=set)
    """Directories that could not be looked into: their rights, or their file system."""
    looked: dict[tuple[Node, bytes], bool] = field(default_factory=dict)
    """Files that `several_names` has looked at, and whether they had just come."""

    def set_up(self, path: bytes) -> None:
        """Watch everything that somebody carries. Raises `OSError` and `NoMoreWatches`."""
        self.path = path
        with opened_root(path) as root, descending(root) as descent:
            status = os.fstat(root)
            self.identity = (status.st_dev, status.st_ino)
            self.top = self._watch(root, b"", None)
            self._descend(descent, self.top)

    @property
    def stands_where_it_was(self) -> bool:
        """Whether the root's path still leads to what is watched."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - bytes
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    def came(self, parent: Node, name: bytes) -> None:
        """Something happened to a directory's name: watch what lies there, and all that is in it.

        Also after it left: two directories that were exchanged each come before the other leaves.
        """
        self.went(parent, name)
        names = (*parent.names(), name)
        if not self.judge.is_watched(names):
            return
        gone = (NotThere, FileNotFoundError, NotADirectoryError)
        with suppress(*gone), self._way() as descent:
            node = self._enter(descent, names, parent)
            if node is not None:
                self._descend(descent, node)

    def went(self, parent: Node, name: bytes) -> None:
        """A directory left: nothing in it is ours any more."""
        node = (parent.children or {}).pop(name, None)
        if node is not None:
            self._forget(node)

    def retry(self, below: Names = ()) -> list[Names]:
        """Watch what could not be looked into before; what can be now comes back."""
        again = sorted(one for one in self.refused if one[: len(below)] == below)
        self.refused.difference_update(again)
        found = []
        for names in again:
            parent = self._node(names[:-1])
            if parent is not None:
                self.came(parent, names[-1])
                if names not in self.refused:
                    found.append(names)
        return found

    def lost(self, node: Node) -> None:
        """The kernel has given a watch up."""
        self._disown(node)

    def several_names(self, parent: Node, name: bytes, *, came: bool, since: float) -> bytes | None:
        """What to note for the other names of a file, after something happened to this one.

        None of a file that has no other. What was written by a name that is not there any more may
        live on under another, unless the name had just come: then it is taken for a passing file,
        of which most programs make some. It is looked at once until `looked` is cleared: a file is
        written by many small steps. `since`: nothing is older than this that is told of now.
        """
        key = (parent, name)
        before = self.looked.get(key)
        if before is not None and not came:
            return None
        self.looked[key] = came
        if came and before is False:
            return unknown_file(since)  # what was looked at before may have been the newcomer
        try:
            with opened_root(self.path) as root, descending(root) as descent:
                place = descent.enter(parent.names())
                status = os.stat(name, dir_fd=place, follow_symlinks=False)
        except (NotThere, OSError):
            return None if came else unknown_file(since)
        return linked_file(status.st_ino) if status.st_nlink > 1 else None

    def drop(self) -> None:
        """Give up all watches."""
        if self.top is not None:
            self._forget(self.top)
        self.top, self.count, self.identity = None, 0, None
        self.refused.clear()

    def _node(self, names: Names) -> Node | None:
        node = self.top
        for name in names:
            node = (node.children or {}).get(name) if node is not None else None
        return node

    def _forget(self, top: Node) -> None:
        for node in top.all():
            self.count -= 1
            # The directory may be watched already under the name that it was moved to, or under
            # another that a bind mount gives it.
            if self._disown(node) and node.watch not in self.owner:
                self.watcher.remove(node.watch)

    def _disown(self, node: Node) -> bool:
        """Take the watch from one of its owners; False where it was not that one's any more."""
        owners = self.owner.get(node.watch, ())
        left = tuple(one for one in owners if one[1] is not node)
        if left:
            self.owner[node.watch] = left
        else:
            self.owner.pop(node.watch, None)
        return len(left) < len(owners)

    def _watch(self, descriptor: int, name: bytes, parent: Node | None) -> Node:
        node = Node(name, parent, self.watcher.add(descriptor))
        self.owner[node.watch] = (*self.owner.get(node.watch, ()), (self, node))
        self.count += 1
        if parent is not None:
            if parent.children is None:
                parent.children = {}
            parent.children[name] = node
        return node

    def _enter(self, descent: Descent, names: Names, parent: Node) -> Node | None:
        """Watch one directory; None where it has gone again or may not be looked into."""
        try:
            return self._watch(descent.enter(names), names[-1], parent)
        except NotThere:
            return None
        except OSError as error:
            self._refuse(names, error)
            return None

    def _descend(self, descent: Descent, top: Node) -> None:
        """Watch first, then list: what appears in between is told as an event."""
        waiting, done = [top], 0
        while waiting:
            node = waiting.pop()
            here = node.names()
            for name in self._directories(descent, here):
                inner = self._enter(descent, (*here, name), node)
                if inner is not None:
                    waiting.append(inner)
            done += 1
            if done % _BREATH == 0:
                self.breathe()

    def _directories(self, descent: Descent, here: Names) -> list[bytes]:
        """Names of the directories that are worth a watch."""
        try:
            listing = list_inside(descent.enter(here))
        except NotThere:
            return []
        except OSError as error:
            self._refuse(here, error)
            return []
        return [
            name
            for name, directory in listing
            if directory and self.judge.is_watched((*here, name))
        ]

    def _refuse(self, names: Names, error: OSError) -> None:
        """Nobody can read it now, so nothing is missed until it is tried again."""
        if not names or error.errno in _EXHAUSTED:
            raise error
        self.refused.add(names)

    @contextmanager
    def _way(self) -> Iterator[Descent]:
        """A way down from the root. Raises `NotThere` where another lies in its place by now."""
        with opened_root(self.path) as root:
            status = os.fstat(root)
            if (status.st_dev, status.st_ino) != self.identity:
                raise NotThere(0, other=True)
            with descending(root) as descent:
                yield descent


Owners = dict[int, tuple[tuple[WatchedTree, Node], ...]]
"""Whose each watch is; shared by all trees of a watcher. The kernel has one watch an inode: two
names of one directory (a bind mount, or one that is just being moved) share it."""


def count_directories(path: bytes, judge: Judge, breathe: Callable[[], None]) -> int:
    """How many watches a tree needs. Raises `OSError`."""
    waiting: list[Names] = [()]
    count = 0
    with opened_root(path) as root, descending(root) as descent:
        while waiting:
            here = waiting.pop()
            count += 1
            if count % _BREATH == 0:
                breathe()
            try:
                listing = list_inside(descent.enter(here))
            except (NotThere, OSError):
                continue
            waiting.extend(
                (*here, name)
                for name, directory in listing
                if directory and judge.is_watched((*here, name))
            )
    return count
