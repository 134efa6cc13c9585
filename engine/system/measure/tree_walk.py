"""Walking a tree to say how much of it goes where, without following a symlink."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.explain import find_subject
from engine.plan.model import Plan, tree_root
from engine.routing.tree_shares import (
    OUTSIDE,
    Decider,
    Decision,
    DirectoryShares,
    TreeShares,
    shares_of,
)
from engine.system.host.look import below
from engine.system.measure.inodes import Inodes
from policy.model import Policy

Counts = dict[Decision, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """A directory that is walked."""

    path: bytes
    """As the final system has it."""
    names: tuple[bytes, ...]
    """Below its source's root."""
    decider: Decider | None
    """None: no source holds it."""
    decision: Decision
    rows: tuple[int, ...]
    """The lines of the answer that count what is in it."""


@dataclass(slots=True)
class _Walk:
    policy: Policy
    plan: Plan
    root: Path
    depth: int
    deciders: dict[str, Decider] = field(default_factory=dict)
    rows: list[tuple[bytes, int, Counts]] = field(default_factory=list)
    inodes: Inodes = field(default_factory=Inodes)
    unreadable: int = 0
    roots: frozenset[bytes] = frozenset()

    def begin(self, path: bytes) -> None:
        """Walk all below a directory."""
        found = (tree_root(source) for source in self.policy.sources)
        self.roots = frozenset(one.text for one in found if one is not None)
        self.rows.append((path, 0, {}))
        pending = [self._at(path, (0,))]
        while pending:
            here = pending.pop()
            pending += self._entries(here)

    def _at(self, path: bytes, rows: tuple[int, ...]) -> _Here:
        """A directory whose source is not known yet."""
        subject = find_subject(self.policy, path)
        if subject is None:
            return _Here(path=path, names=(), decider=None, decision=OUTSIDE, rows=rows)
        decider = self._decider(subject.source.name)
        decision = decider.root()
        for end in range(1, len(subject.names) + 1):
            decision = decider.decide(subject.names[:end], directory=True, above=decision)
        return _Here(path=path, names=subject.names, decider=decider, decision=decision, rows=rows)

    def _decider(self, source: str) -> Decider:
        if source not in self.deciders:
            self.deciders[source] = Decider(self.plan, source)
        return self.deciders[source]

    def _entries(self, here: _Here) -> Iterator[_Here]:
        try:
            with os.scandir(below(self.root, here.path)) as entries:
                listing = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError:
            self.unreadable += 1
            return
        for entry in listing:
            if entry.is_dir(follow_symlinks=False):
                yield self._inside(here, entry.name)
            else:
                self._count(here, entry)

    def _inside(self, here: _Here, name: bytes) -> _Here:
        path = here.path.rstrip(b"/") + b"/" + name
        rows = here.rows
        if len(rows) <= self.depth:
            rows = (*rows, len(self.rows))
            self.rows.append((path, len(rows) - 1, {}))
        if here.decider is None or path in self.roots:
            return self._at(path, rows)
        names = (*here.names, name)
        decision = here.decider.decide(names, directory=True, above=here.decision)
        return _Here(path=path, names=names, decider=here.decider, decision=decision, rows=rows)

    def _count(self, here: _Here, entry: os.DirEntry[bytes]) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # it vanished while the tree was being walked: nothing to count
        size = status.st_size if self.inodes.is_new(status) else 0
        decision = self._of_file(here, entry.name)
        for row in here.rows:
            files, total = self.rows[row][2].get(decision, (0, 0))
            self.rows[row][2][decision] = files + 1, total + size

    def _of_file(self, here: _Here, name: bytes) -> Decision:
        if here.decider is not None:
            names = (*here.names, name)
            return here.decider.decide(names, directory=False, above=here.decision)
        subject = find_subject(self.policy, here.path.rstrip(b"/") + b"/" + name)
        if subject is None:
            return OUTSIDE
        decider = self._decider(subject.source.name)
        return decider.decide(subject.names, directory=False, above=OUTSIDE)


def walk_shares(policy: Policy, plan: Plan, path: bytes, root: Path, depth: int) -> TreeShares:
    """Count the files below a directory by what becomes of them."""
    walk = _Walk(policy=policy, plan=plan, root=root, depth=depth)
    walk.begin(path)
    rows = (
        DirectoryShares(path=path, depth=level, shares=shares_of(counts))
        for path, level, counts in walk.rows
    )
    first, *others = rows
    return TreeShares(
        directories=(first, *sorted(others, key=lambda one: one.path.split(b"/"))),
        unreadable=walk.unreadable,
    )
