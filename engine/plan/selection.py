"""What one leg takes out of one tree: the typed form that filters, proof and explain share.

A selection is the routing table of a tree seen by one leg. It decides single paths; the filter
renderer turns the same table into rsync rules, and the proof shows that the two agree on all
paths. Nothing else decides what a leg carries.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from policy.patterns import Component, PathPattern, literal_component, parse_component

RESERVED = parse_component(b".policyctl-*")
"""Names of partial, staging and state files, at any depth, of any type."""
RECOVERED = literal_component(b"lost+found")
"""The directory that fsck fills, at a tree's root: never live data, and never to be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """A name that is never worth a copy where live data are read; beats every route.

    Where a later hop reads a copy, the anchored ones hold as well: no leg carries it now.
    """

    pattern: PathPattern
    anchored: bool
    """Counted from the source's root; else the pattern has one component, at any depth."""
    directory: bool
    """Directories of that name and all below; else non-directories only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One routing line: that path and all below."""

    pattern: PathPattern
    taken: bool
    """Whether this leg takes what the line decides."""


class Verdict(enum.Enum):
    """What becomes of a path in one leg's run."""

    TAKEN = "taken"
    LEFT = "left"
    """Another leg's, or nobody's by decision."""
    ENTERED = "entered"
    """A directory on the way to something taken; owned by none."""
    IGNORED = "ignored"
    BLOCKED = "blocked"
    """Its place at the destination belongs to another owner."""
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The table of one tree as one leg sees it."""

    lines: tuple[Line, ...]
    """Most specific first: the first line that matches decides. None matching: not taken."""
    ignores: tuple[Ignore, ...] = ()
    blocked: tuple[tuple[bytes, ...], ...] = ()
    """Subtrees of other owners inside this leg's destination, relative to it, as names."""

    def decide(self, names: tuple[bytes, ...], *, directory: bool) -> Verdict:
        """Say what becomes of a path, given as its names below the root (at least one)."""
        if is_reserved(names, directory=directory):
            return Verdict.RESERVED
        if any(ignore_hits(ignore, names, directory=directory) for ignore in self.ignores):
            return Verdict.IGNORED
        if any(is_blocked(owner, names, directory=directory) for owner in self.blocked):
            return Verdict.BLOCKED
        line = self.deciding_line(names)
        if line is not None and line.taken:
            return Verdict.TAKEN
        if directory and any(_leads_to(line, names) for line in self.lines if line.taken):
            return Verdict.ENTERED
        return Verdict.LEFT

    def deciding_line(self, names: tuple[bytes, ...]) -> Line | None:
        """The routing line that decides, ignores and blocks aside."""
        return next((line for line in self.lines if line.pattern.matches_prefix(names)), None)


def is_reserved(names: tuple[bytes, ...], *, directory: bool) -> bool:
    """Whether the engine or the file system keeps this name for itself."""
    if any(RESERVED.matches(name) for name in names):
        return True
    return RECOVERED.matches(names[0]) and (directory or len(names) > 1)


def ignore_hits(ignore: Ignore, names: tuple[bytes, ...], *, directory: bool) -> bool:
    """Whether the path, or a directory above it, is ignored."""
    depth = len(ignore.pattern.components)
    if ignore.directory:
        last = len(names) if directory else len(names) - 1
        ends = (depth,) if ignore.anchored else range(1, last + 1)
        return any(end <= last and _fits(ignore, names[:end]) for end in ends)
    if directory or (ignore.anchored and len(names) != depth):
        return False
    return _fits(ignore, names)


def _fits(ignore: Ignore, names: tuple[bytes, ...]) -> bool:
    """Whether the pattern matches these names as a whole (anchored) or the last (else)."""
    components: tuple[Component, ...] = ignore.pattern.components
    part = names if ignore.anchored else names[-1:]
    return len(part) == len(components) and ignore.pattern.matches_prefix(part)


def is_blocked(owner: tuple[bytes, ...], names: tuple[bytes, ...], *, directory: bool) -> bool:
    """Whether the path lies in the owner's subtree, or would stand in its way.

    A non-directory on the way to the subtree would replace the directory that holds it.
    """
    if names[: len(owner)] == owner:
        return True
    return not directory and owner[: len(names)] == names


def _leads_to(line: Line, names: tuple[bytes, ...]) -> bool:
    """Whether the directory lies strictly above what the line names."""
    components = line.pattern.components
    return len(names) < len(components) and all(
        component.matches(name) for component, name in zip(components, names, strict=False)
    )
