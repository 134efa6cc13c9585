"""A selection asked about very many paths: the same verdicts, with what a directory shares kept.

Most paths lie in directories below which no routing line begins; there, only a name's ignores are
left to ask.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from engine.plan.selection import RESERVED, Selection, Verdict
from policy.patterns import PathPattern

_KEPT = 4_096
Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Inside:
    """What all entries of one directory share."""

    verdict: Verdict | None
    """Of every entry whose name no ignore hits; None: each has to be asked for itself."""


class Sieve:
    """A selection with a memory."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._files = [one for one in selection.ignores if not one.directory and not one.anchored]
        self._directories = [one for one in selection.ignores if one.directory and not one.anchored]
        self._known: OrderedDict[Names, _Inside] = OrderedDict()

    def decide(self, names: Names, *, directory: bool) -> Verdict:
        """The verdict on a path, as `Selection.decide` gives it."""
        inside = self._inside(names[:-1])
        if inside.verdict is None or RESERVED.matches(names[-1]):
            return self._selection.decide(names, directory=directory)
        for one in self._directories if directory else self._files:
            if one.pattern.components[0].matches(names[-1]):
                return self._selection.decide(names, directory=directory)
        return inside.verdict

    def _inside(self, parent: Names) -> _Inside:
        found = self._known.get(parent)
        if found is None:
            found = _Inside(self._shared(parent))
            self._known[parent] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found

    def _shared(self, parent: Names) -> Verdict | None:
        if not parent:
            return None  # the root has names of its own
        above = self._selection.decide(parent, directory=True)
        if above in {Verdict.RESERVED, Verdict.IGNORED, Verdict.BLOCKED}:
            return None  # rare: nobody should ask
        patterns = [line.pattern for line in self._selection.lines]
        patterns += [one.pattern for one in self._selection.ignores if one.anchored]
        if any(_goes_on(pattern, parent) for pattern in patterns):
            return None
        if any(owner[: len(parent)] == parent for owner in self._selection.blocked):
            return None
        return Verdict.TAKEN if above is Verdict.TAKEN else Verdict.LEFT


def _goes_on(pattern: PathPattern, parent: Names) -> bool:
    """Whether the pattern names something strictly below the directory."""
    return len(pattern.components) > len(parent) and PathPattern(
        pattern.components[: len(parent)]
    ).matches_prefix(parent)
