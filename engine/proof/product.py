"""A walk through all paths at once: two automata side by side, breadth first.

What is judged at each state, and whether the walk goes on below a directory, the caller says.
The first state that the judge objects to ends the walk; because it is breadth first, no shorter
path shows the same fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.proof.automata import SLASH
from engine.proof.nearest import READABLE, Nearest, byte_beside
from engine.proof.pattern_set import Ranks
from engine.proof.questions import Questions
from policy.patterns import NAME_MAX, PATH_MAX

# A state is one integer: path state, name state, length of the name, and whether a leap ends here.
_LANDED = 1
_NAME_SHIFT = 1
_NAMES_SHIFT = _NAME_SHIFT + 8
_PATHS_SHIFT = _NAMES_SHIFT + 28
_NAMES_MASK = (1 << _PATHS_SHIFT) - (1 << _NAMES_SHIFT)
_OTHER = -1
"""Stands for every byte that neither automaton tells apart."""
_MOST_NAME_STATES = 50_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of the paths that end in one state."""

    fault: int
    """0 where all is well, else a number that the caller knows."""
    below: bool
    """Whether the walk goes on below it as a directory."""


NOTHING = Judgement(0, below=False)
"""Nothing to object to, and nothing below: no path ends here."""

_BYTES = [bytes([value]) for value in range(256)]

Judge = Callable[[Ranks], Judgement]
"""Judges the answers of all channels."""


@dataclass(frozen=True, slots=True)
class Found:
    """How a walk ended."""

    states: int
    complete: bool
    """False where the limit on states ended it."""
    fault: int
    path: bytes
    """The shortest path with that fault; empty where there is none."""


class Walk:
    """One walk; `measured` keeps the length of the name in the state as well.

    Without it names may grow longer than a file system allows. A walk that finds no fault then
    has shown more than was asked; one whose witness is too long is to be repeated with it.
    """

    def __init__(
        self, questions: Questions, judge: Judge, *, limit: int, measured: bool = False
    ) -> None:
        self._paths = questions.paths
        self._names = questions.names
        self._judge = judge
        self._limit = limit
        self._grow = (1 << _NAME_SHIFT) if measured else 0
        self._nearest = Nearest(questions.names)
        self._leaps = not measured and self._nearest.prepare(most=_MOST_NAME_STATES)
        self._landing: dict[int, int] = {}
        """For each value of a name any state with it: it stands for all where a leap ends."""
        for state, value in enumerate(questions.names.value):
            self._landing.setdefault(value, state)
        self._judged: dict[tuple[int, int], Judgement] = {}
        self._parents: dict[int, tuple[int, bytes]] = {}
        self._pending: dict[int, list[int]] = {}
        self._levels: dict[int, list[int]] = {}
        """States to visit, by the length of the path that leads to them."""
        self._due: dict[int, int] = {}
        """For each landing the length at which it is to be visited."""
        self._length = 0
        self.samples: dict[tuple[int, int], int] = {}
        """For each judgement ever asked for the first state that asked."""

    def run(self) -> Found:
        """Walk until a fault, the limit, or the end."""
        start = self._key(self._paths.start, self._names.start)
        self._parents[start] = (_OTHER, b"")
        self._levels[0] = [start]
        while self._levels and self._length <= PATH_MAX:
            # A leap of no bytes adds to the level that is being visited.
            for key in self._levels.setdefault(self._length, []):
                judgement = self._visit(key)
                states = len(self._parents)
                if judgement.fault:
                    return Found(states, complete=True, fault=judgement.fault, path=self.path(key))
                if states > self._limit:
                    return Found(states, complete=False, fault=0, path=b"")
            del self._levels[self._length]
            self._length += 1
        return Found(len(self._parents), complete=True, fault=0, path=b"")

    def path(self, key: int) -> bytes:
        """Give the path by which a state was reached first."""
        pieces = []
        while key != _OTHER:
            key, piece = self._parents[key]
            pieces.append(piece)
        return b"".join(reversed(pieces))

    def _key(self, path: int, name: int) -> int:
        return path << _PATHS_SHIFT | name << _NAMES_SHIFT

    def _visit(self, key: int) -> Judgement:
        path = key >> _PATHS_SHIFT
        name = (key & _NAMES_MASK) >> _NAMES_SHIFT
        landed = key & _LANDED
        if self._leaps and not landed and self._is_still(path):
            self._leap(key, path, name)
            return NOTHING
        if landed and self._due[key] != self._length:
            return NOTHING
        judgement = self._judgement(key, path, name)
        if judgement.fault:
            return judgement
        if judgement.below:
            self._reach(self._key(self._paths.step(path, SLASH), self._names.start), key, b"/")
        low = key & ((1 << _NAMES_SHIFT) - 1)
        if not landed and low >> _NAME_SHIFT < NAME_MAX:
            self._extend(key, path, name, low + self._grow)
        return judgement

    def _judgement(self, key: int, path: int, name: int) -> Judgement:
        question = (self._paths.value[path], self._names.value[name])
        judgement = self._judged.get(question)
        if judgement is None:
            ranks = map(min, self._paths.values[question[0]], self._names.values[question[1]])
            judgement = self._judged[question] = self._judge(tuple(ranks))
            self.samples[question] = key
        return judgement

    # ── Leaps: where the path's state stays the same to the end of the name ──────────────────

    def _is_still(self, path: int) -> bool:
        edges = self._paths.expand(path)
        return self._paths.default[path] == path and (not edges or edges.keys() == {SLASH})

    def _leap(self, key: int, path: int, name: int) -> None:
        """Go to the nearest state of each kind at once: only the name's kind can still change."""
        for value, distance in self._nearest.ways(name):
            landing = self._key(path, self._landing[value]) | _LANDED
            length = self._length + distance
            if self._due.get(landing, PATH_MAX + 1) > length:
                self._due[landing] = length
                self._parents[landing] = (key, self._nearest.way(name, value))
                self._levels.setdefault(length, []).append(landing)

    # ── Steps ────────────────────────────────────────────────────────────────────────────────

    def _extend(self, key: int, path: int, name: int, low: int) -> None:
        """Follow every byte that a name can go on with."""
        by_path = self._paths.expand(path)
        by_name = self._names.expand(name)
        elsewhere = self._names.default[name]
        for value, target in by_path.items():
            if value != SLASH:
                following = by_name.get(value, elsewhere)
                reached = target << _PATHS_SHIFT | following << _NAMES_SHIFT | low
                self._reach(reached, key, _BYTES[value])
        # Where the paths' automaton takes its default edge, the states that follow are the same
        # for each path state with that default, so each byte is followed there only once.
        place = self._paths.default[path] << _PATHS_SHIFT | name << _NAMES_SHIFT | low
        pending = self._pending.get(place)
        if pending is None:
            pending = [_OTHER, *sorted(by_name.keys() - {SLASH}, key=READABLE.index)]
        if pending:
            self._pending[place] = self._follow_default(key, place, pending, by_path)

    def _follow_default(
        self, key: int, place: int, pending: list[int], by_path: dict[int, int]
    ) -> list[int]:
        """Follow the bytes that are not the path's own; give those that remain to be followed."""
        name = (place & _NAMES_MASK) >> _NAMES_SHIFT
        by_name = self._names.expand(name)
        base = place & ~_NAMES_MASK
        left = []
        for value in pending:
            if value == _OTHER:
                shown = byte_beside(by_path, by_name)
                following = self._names.default[name]
            else:
                shown = None if value in by_path else value
                following = by_name[value]
            if shown is None:
                left.append(value)
            else:
                self._reach(base | following << _NAMES_SHIFT, key, _BYTES[shown])
        return left

    def _reach(self, reached: int, key: int, piece: bytes) -> None:
        if reached not in self._parents:
            self._parents[reached] = (key, piece)
            self._levels.setdefault(self._length + 1, []).append(reached)
