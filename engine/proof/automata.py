"""Many patterns over bytes as one automaton, made deterministic only where it is walked.

An `Automaton` walks a `PatternSet` with all patterns at once; its states are small integers, and
each state has edges for the bytes that matter to it and one default edge for all others.

What keeps it small: a pattern that has begun to match everything from here on (`/K/**`) silences
all patterns that it outranks, and of two such patterns with the same answer nobody asks which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.proof.pattern_set import NEVER, PatternSet, Ranks, bounds
from engine.rsync.wildmatch import CROSS
from policy.patterns import ANY, STAR, ByteSet, members

SLASH = 0x2F
_WIDE = 128
"""A set with more members than this is walked by the bytes that it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Which ranks of a channel give the same answer: `answers[rank]`, ascending within a run."""

    answers: Sequence[int]

    def last_alike(self) -> list[int]:
        """For each rank the highest rank with the same answer."""
        last = {answer: rank for rank, answer in enumerate(self.answers)}
        return [last[answer] for answer in self.answers]


class Automaton:
    """A pattern set made deterministic, state by state, as it is walked."""

    def __init__(self, patterns: PatternSet, scales: Sequence[Scale]) -> None:
        self._patterns = patterns
        self._answers = [scale.answers for scale in scales]
        self._alike = [scale.last_alike() for scale in scales]
        self._closures: dict[int, tuple[int, ...]] = {}
        self._bounds, self._bound_of = bounds(patterns)
        self._forever: list[Ranks] = []
        """Ranks that hold from here on, whatever follows; a state names one of these."""
        self._forever_ids: dict[Ranks, int] = {}
        self._known: dict[tuple[tuple[int, ...], int], int] = {}
        self._states: list[tuple[tuple[int, ...], int]] = []
        self._state_ids: dict[tuple[tuple[int, ...], int], int] = {}
        self._kept: dict[tuple[int, int], bool] = {}
        self._value_ids: dict[Ranks, int] = {}
        self.values: list[Ranks] = []
        """The distinct answers that states give, one number a channel."""
        self.value: list[int] = []
        """For each state its entry in `values`."""
        self.edges: list[dict[int, int] | None] = []
        """For each state that was expanded the bytes that matter to it."""
        self.default: list[int] = []
        """For each state that was expanded where all other bytes lead."""
        self._plain: dict[int, int] = {}
        nothing = self._forever_id((NEVER,) * patterns.channels)
        self.start = self._state(self._closure(0), nothing)

    def expand(self, state: int) -> dict[int, int]:
        """Give the edges of a state, working them out at the first visit."""
        found = self.edges[state]
        if found is None:
            nodes, forever = self._states[state]
            found, default = self._successors(nodes, forever)
            self.edges[state] = found
            self.default[state] = default
        return found

    def step(self, state: int, value: int) -> int:
        """Follow one byte."""
        found = self.expand(state).get(value)
        return self.default[state] if found is None else found

    def ranks(self, text: bytes) -> Ranks:
        """Give what all channels answer for a whole text."""
        state = self.start
        for value in text:
            state = self.step(state, value)
        return self.values[self.value[state]]

    # ── Successors ───────────────────────────────────────────────────────────────────────────

    def _successors(self, nodes: tuple[int, ...], forever: int) -> tuple[dict[int, int], int]:
        patterns = self._patterns
        if len(nodes) == 1 and not patterns.sets[nodes[0]] and patterns.loop[nodes[0]] is None:
            return self._within_literal(nodes[0], forever), self._state((), forever)
        if not any(patterns.sets[node] for node in nodes):
            return self._beside_runs(nodes, forever)
        interesting = self._interesting(nodes)
        edges = {value: self._union(nodes, value, forever) for value in interesting}
        # -1 stands for every byte that no literal and no short set names.
        return edges, self._union(nodes, -1, forever)

    def _within_literal(self, node: int, forever: int) -> dict[int, int]:
        """Follow a node inside literal paths: by far the most common."""
        patterns = self._patterns
        bound = self._bound_of[node]
        plain = self._plain.get(forever)
        edges = {}
        for value, target in patterns.literal[node].items():
            if (
                self._bound_of[target] == bound
                and patterns.marks[target] is None
                and not patterns.runs[target]
            ):
                # What lies below is what lay below before, so there is nothing to settle.
                settled = ((target,), forever)
                found = self._state_ids.get(settled)
                edges[value] = self._new_state(settled, plain) if found is None else found
            else:
                edges[value] = self._state(self._closure(target), forever)
        return edges

    def _beside_runs(self, nodes: tuple[int, ...], forever: int) -> tuple[dict[int, int], int]:
        """Follow literal paths and runs at once; the runs go on with every byte but a slash."""
        patterns = self._patterns
        runs: set[int] = set()
        across: set[int] = set()
        for node in nodes:
            if patterns.loop[node] is not None:
                runs.update(self._closure(node))
                if patterns.loop[node] == CROSS:
                    across.update(self._closure(node))
        targets = {SLASH: across} if runs != across else {}
        for node in nodes:
            for value, target in patterns.literal[node].items():
                base = across if value == SLASH else runs
                targets[value] = targets.get(value, base).union(self._closure(target))
        edges = {
            value: self._state(tuple(sorted(reached)), forever)
            for value, reached in targets.items()
        }
        return edges, self._state(tuple(sorted(runs)), forever)

    def _interesting(self, nodes: tuple[int, ...]) -> set[int]:
        found: set[int] = {SLASH} if nodes else set()
        for node in nodes:
            found.update(self._patterns.literal[node])
            for mask, _ in self._patterns.sets[node]:
                wide = mask.bit_count() > _WIDE
                found.update(members(ByteSet(ANY & ~mask if wide else mask)))
        return found

    def _union(self, nodes: tuple[int, ...], value: int, forever: int) -> int:
        patterns = self._patterns
        targets: set[int] = set()
        for node in nodes:
            following = patterns.literal[node].get(value)
            if following is not None:
                targets.update(self._closure(following))
            for mask, target in patterns.sets[node]:
                if mask.bit_count() > _WIDE if value < 0 else mask >> value & 1:
                    targets.update(self._closure(target))
            loop = patterns.loop[node]
            if loop == CROSS or (loop == STAR and value != SLASH):
                targets.update(self._closure(node))
        return self._state(tuple(sorted(targets)), forever)

    def _closure(self, node: int) -> tuple[int, ...]:
        found = self._closures.get(node)
        if found is None:
            reached = {node}
            waiting = [node]
            while waiting:
                fresh = [run for run in self._patterns.runs[waiting.pop()] if run not in reached]
                reached.update(fresh)
                waiting.extend(fresh)
            found = tuple(sorted(reached))
            self._closures[node] = found
        return found

    # ── States ───────────────────────────────────────────────────────────────────────────────

    def _state(self, nodes: tuple[int, ...], forever: int) -> int:
        found = self._known.get((nodes, forever))
        if found is None:
            settled = self._settle(nodes, forever)
            found = self._state_ids.get(settled)
            if found is None:
                found = self._new_state(settled)
            self._known[nodes, forever] = found
        return found

    def _new_state(self, settled: tuple[tuple[int, ...], int], value: int | None = None) -> int:
        number = len(self._states)
        self._state_ids[settled] = number
        self._states.append(settled)
        self.edges.append(None)
        self.default.append(-1)
        self.value.append(self._value(*settled) if value is None else value)
        return number

    def _settle(self, nodes: tuple[int, ...], forever: int) -> tuple[tuple[int, ...], int]:
        """Take in what now holds forever, and leave out what it silences."""
        patterns = self._patterns
        ranks = self._forever[forever]
        for node in nodes:
            marks = patterns.marks[node]
            if marks is not None and patterns.loop[node] == CROSS:
                ranks = _better(ranks, marks)
        if ranks is not self._forever[forever]:
            forever = self._forever_id(ranks)
        kept = tuple([node for node in nodes if self._keeps(node, forever)])
        return kept, self._simplified(kept, forever)

    def _keeps(self, node: int, forever: int) -> bool:
        """Whether the node can still lead to an answer that is not given already."""
        key = (self._bound_of[node], forever)
        found = self._kept.get(key)
        if found is None:
            best = self._bounds[key[0]][0]
            found = any(
                rank < held for rank, held in zip(best, self._forever[forever], strict=True)
            )
            self._kept[key] = found
        return found

    def _simplified(self, nodes: tuple[int, ...], forever: int) -> int:
        """Forget which of the ranks with one answer holds, where no live pattern can ask."""
        ranks = self._forever[forever]
        alike = [
            rank if rank == NEVER else self._alike[channel][rank]
            for channel, rank in enumerate(ranks)
        ]
        if tuple(alike) == ranks:
            return forever
        live = [self._bounds[self._bound_of[node]] for node in nodes]
        for channel, (rank, last) in enumerate(zip(ranks, alike, strict=True)):
            if any(best[channel] <= last and rank < worst[channel] for best, worst in live):
                alike[channel] = rank
        return self._forever_id(tuple(alike))

    def _forever_id(self, ranks: Ranks) -> int:
        found = self._forever_ids.setdefault(ranks, len(self._forever))
        if found == len(self._forever):
            self._forever.append(ranks)
        return found

    def _value(self, nodes: tuple[int, ...], forever: int) -> int:
        marked = [marks for marks in map(self._patterns.marks.__getitem__, nodes) if marks]
        if not marked:
            known = self._plain.get(forever)
            if known is not None:
                return known
        ranks = self._forever[forever]
        for marks in marked:
            ranks = _better(ranks, marks)
        answers = tuple(
            NEVER if rank == NEVER else self._answers[channel][rank]
            for channel, rank in enumerate(ranks)
        )
        found = self._value_ids.setdefault(answers, len(self.values))
        if found == len(self.values):
            self.values.append(answers)
        if not marked:
            self._plain[forever] = found
        return found


def _better(ranks: Ranks, marks: dict[int, int]) -> Ranks:
    """Lower the ranks that the marks beat; the same object where they beat none."""
    if all(ranks[channel] <= rank for channel, rank in marks.items()):
        return ranks
    return tuple(min(rank, marks.get(channel, NEVER)) for channel, rank in enumerate(ranks))
