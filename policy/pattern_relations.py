"""Questions about two components: do they meet, does one lie inside the other?

Answered by walking both automata at once. A walk that would grow too large is refused: a manifest
must never make the program think for minutes.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

from policy.patterns import (
    ANY,
    SLASH,
    STAR,
    Component,
    PatternTooComplex,
    machine_of,
)


def _representatives(*components: Component) -> tuple[int, ...]:
    """One byte of each class that the components cannot tell apart."""
    sets = {token for component in components for token in component.tokens} - {STAR, ANY}
    chosen: dict[tuple[bool, ...], int] = {}
    order = (*range(ord("a"), ord("z") + 1), *range(1, 256))
    for value in order:
        if value != SLASH:
            chosen.setdefault(tuple(bool(one >> value & 1) for one in sets), value)
    return tuple(chosen.values())


STATES_MAX = 4_096
"""How many states the automaton of one component may have; of n `?` behind a `*` it has 2ⁿ."""
_SEARCH_MAX = 20_000
"""How many pairs of states a question about two components may visit."""

_NO_NAMES = frozenset({b"", b".", b".."})


def _search(a: Component, b: Component, *, want_b: bool) -> bytes | None:
    """Shortest name that `a` matches and `b` does (`want_b`) or does not.

    Raises `PatternTooComplex`.
    """
    machine_a, machine_b = machine_of(a), machine_of(b)
    start = (machine_a.start(), machine_b.start())
    # What is no name may lead to the same states as a name: the two must not be confused.
    seen: set[tuple[int, int, bytes | None]] = {(*start, b"")}
    queue: deque[tuple[int, int, bytes]] = deque([(*start, b"")])
    values = _representatives(a, b)
    while queue:
        state_a, state_b, name = queue.popleft()
        ends_a, ends_b = bool(state_a & machine_a.final), bool(state_b & machine_b.final)
        if name not in _NO_NAMES and ends_a and ends_b == want_b:
            return name
        for value in values:
            following = (machine_a.step(state_a, value), machine_b.step(state_b, value))
            longer = name + bytes([value])
            key = (*following, longer if longer in _NO_NAMES else None)
            if following[0] and (following[1] or not want_b) and key not in seen:
                if len(seen) >= _SEARCH_MAX:
                    raise PatternTooComplex(
                        f"`{a}` and `{b}` are too complex together to tell which names both match",
                        (a, b),
                    )
                seen.add(key)
                queue.append((*following, longer))
    return None


@lru_cache(maxsize=16384)
def check_complexity(component: Component) -> None:
    """Raise `PatternTooComplex` where the component's automaton has too many states."""
    if component.literal is not None or component.tokens.count(STAR) == 0:
        return
    machine, values = machine_of(component), _representatives(component)
    seen = {machine.start()}
    waiting = [machine.start()]
    while waiting:
        states = waiting.pop()
        fresh = {machine.step(states, value) for value in values} - seen
        seen |= fresh
        waiting.extend(fresh)
        if len(seen) > STATES_MAX:
            raise PatternTooComplex(
                f"`{component}` is too complex: it has more than {STATES_MAX:,} states",
                (component,),
            )


@lru_cache(maxsize=65536)
def meeting(a: Component, b: Component) -> bytes | None:
    """Shortest name that both match, or None where they have none in common.

    Raises `PatternTooComplex`, as `lies_inside` does.
    """
    if a.literal is not None:
        return a.literal if b.matches(a.literal) else None
    if b.literal is not None:
        return b.literal if a.matches(b.literal) else None
    if _ends_apart(a, b):
        return None
    return _search(a, b, want_b=True)


def _ends_apart(a: Component, b: Component) -> bool:
    """Whether the literal beginnings or endings already exclude each other: the common case."""
    for tokens_a, tokens_b in ((a.tokens, b.tokens), (a.tokens[::-1], b.tokens[::-1])):
        for token_a, token_b in zip(tokens_a, tokens_b, strict=False):
            if STAR in {token_a, token_b}:
                break
            if not token_a & token_b:
                return True
    return False


@lru_cache(maxsize=65536)
def lies_inside(inner: Component, outer: Component) -> bool:
    """Whether every name that `inner` matches is one that `outer` matches."""
    if inner == outer:
        return True
    if inner.literal is not None:
        return outer.matches(inner.literal)
    if outer.literal is not None or not outer.matches(inner.example()):
        return False
    return _search(inner, outer, want_b=False) is None
