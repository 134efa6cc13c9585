"""For one automaton: from each state, the shortest way to a state of each kind."""

from __future__ import annotations

from collections.abc import Iterator

from engine.proof.automata import SLASH, Automaton

READABLE = (
    *b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
    *(
        value
        for value in range(1, 128)
        if value != SLASH and chr(value) not in "_-." and not chr(value).isalnum()
    ),
    *range(128, 256),
)
"""Bytes of names, those that are easy to read first."""


def byte_beside(*edges: dict[int, int]) -> int | None:
    """Give a byte that takes the default edge, readable where there is one."""
    return next((one for one in READABLE if not any(one in each for each in edges)), None)


class Nearest:
    """All states of an automaton within one name, seen from where a name may end."""

    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._towards: list[dict[int, tuple[int, int, int]]] = []
        """For each value and state: how far, by which byte, over which state."""

    def prepare(self, *, most: int) -> bool:
        """Expand all states; False, and nothing prepared, where there are more than `most`."""
        automaton = self._automaton
        before: dict[int, list[tuple[int, int]]] = {}
        state = 0
        # Expanding adds states at the end, so this reaches every one that a name can reach.
        while state < len(automaton.value):
            if state > most:
                return False
            for value, target in self._edges(state):
                before.setdefault(target, []).append((state, value))
            state += 1
        self._towards = [self._search(before, wanted) for wanted in range(len(automaton.values))]
        return True

    def _edges(self, state: int) -> Iterator[tuple[int, int]]:
        edges = self._automaton.expand(state)
        other = byte_beside(edges)
        if other is not None:
            yield other, self._automaton.default[state]
        for value, target in edges.items():
            if value != SLASH:
                yield value, target

    def _search(
        self, before: dict[int, list[tuple[int, int]]], wanted: int
    ) -> dict[int, tuple[int, int, int]]:
        level = [state for state, value in enumerate(self._automaton.value) if value == wanted]
        found = dict.fromkeys(level, (0, 0, 0))
        distance = 0
        while level:
            distance += 1
            following = []
            for target in level:
                for state, value in before.get(target, ()):
                    if state not in found:
                        found[state] = (distance, value, target)
                        following.append(state)
            level = following
        return found

    def ways(self, state: int) -> Iterator[tuple[int, int]]:
        """Yield each value that can be reached from a state, and after how many bytes."""
        for wanted, found in enumerate(self._towards):
            if state in found:
                yield wanted, found[state][0]

    def way(self, state: int, wanted: int) -> bytes:
        """Give the bytes that lead from a state to the nearest one of that value."""
        found = self._towards[wanted]
        values = bytearray()
        distance, value, following = found[state]
        while distance:
            values.append(value)
            distance, value, following = found[following]
        return bytes(values)
