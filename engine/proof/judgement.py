"""Classes of paths laid out as trees, and what a filter must take of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.plan.selection import Selection, Verdict

Member = tuple[bytes, bool]
"""A path relative to the tree's root, and whether it is a directory."""


@dataclass(slots=True)
class Tree:
    """Members that can stand side by side on one file system."""

    files: set[bytes] = field(default_factory=set)
    directories: set[bytes] = field(default_factory=set)

    def takes(self, member: Member) -> bool:
        """Add a member unless its type, or that of a directory above it, is already another."""
        path, directory = member
        above = _above(path)
        if above & self.files or (directory and path in self.files):
            return False
        if not directory and path in self.directories:
            return False
        self.directories |= above
        (self.directories if directory else self.files).add(path)
        return True

    @property
    def members(self) -> tuple[Member, ...]:
        """Everything that has to be made, parents first."""
        made = [(path, True) for path in self.directories]
        return tuple(sorted([*made, *((path, False) for path in self.files)]))


def _above(path: bytes) -> set[bytes]:
    names = path.split(b"/")
    return {b"/".join(names[:depth]) for depth in range(1, len(names))}


def trees_for(members: Iterable[Member]) -> tuple[Tree, ...]:
    """Lay members out over as few trees as need be: a name cannot be a file and a directory."""
    trees: list[Tree] = []
    for member in members:
        if not any(tree.takes(member) for tree in trees):
            tree = Tree()
            tree.takes(member)
            trees.append(tree)
    return tuple(trees)


def arrives(selection: Selection, path: bytes, *, directory: bool) -> bool:
    """Whether a run must bring this path to the destination."""
    verdict = selection.decide(tuple(path.split(b"/")), directory=directory)
    return verdict is Verdict.TAKEN or (directory and verdict is Verdict.ENTERED)
