"""Routes in order: which line decides a path, and proof that no two lines fight over one.

Keys are compared component by component from the left: at the first that differs a literal beats
a wildcard; of two wildcards the one whose names lie inside the other's wins; where one key ends,
the longer wins. Keys hang in a trie, and walking it literals first, then wildcards from the
inside out, then the key itself gives an order in which the first match is the most specific.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from policy.pattern_relations import lies_inside, meeting
from policy.patterns import (
    Component,
    PathPattern,
    canonical,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict(Generic[T]):
    """Two lines of which neither is more specific, and a path that both match."""

    first: T
    second: T
    path: bytes


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[Component, _Node[T]] = field(default_factory=dict)
    wildcards: dict[Component, _Node[T]] = field(default_factory=dict)
    value: T | None = None

    def child(self, component: Component) -> _Node[T]:
        table = self.literals if component.literal is not None else self.wildcards
        return table.setdefault(component, _Node())

    def any_value(self) -> tuple[T, tuple[Component, ...]]:
        """Some line at or below this node, with the components that lead to it."""
        path: list[Component] = []
        node = self
        while node.value is None:
            component, node = next(iter((node.literals or node.wildcards).items()))
            path.append(component)
        return node.value, tuple(path)


class RouteTrie(Generic[T]):
    """Lines by their patterns; each pattern at most once."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: PathPattern, value: T) -> T | None:
        """Hang a line in; gives the line that already has this very pattern, if any."""
        node = self._root
        for component in pattern.components:
            node = node.child(canonical(component))
        if node.value is not None:
            return node.value
        node.value = value
        return None

    def ordered(self) -> tuple[T, ...]:
        """All lines, most specific first; independent of the order of adding."""
        return tuple(_walk(self._root))

    def conflicts(self) -> tuple[Conflict[T], ...]:
        """Pairs that no rule orders, each with a path that both match."""
        return tuple(_conflicts_below(self._root, ()))


def _sort_key(component: Component) -> tuple[int, ...]:
    literal = component.literal
    return tuple(literal) if literal is not None else tuple(component.tokens)


def _inside_out(components: list[Component]) -> list[Component]:
    """Order wildcards so that one that lies inside another comes first."""
    rest = sorted(components, key=_sort_key)
    ordered: list[Component] = []
    for one in rest:
        at = next((i for i, other in enumerate(ordered) if lies_inside(one, other)), len(ordered))
        ordered.insert(at, one)
    return ordered


def _walk(root: _Node[T]) -> Iterator[T]:
    """Depth first without recursion: a key may have thousands of components."""
    stack: list[_Node[T] | T] = [root]
    while stack:
        item = stack.pop()
        if not isinstance(item, _Node):
            yield item
            continue
        if item.value is not None:
            stack.append(item.value)
        stack.extend(item.wildcards[one] for one in reversed(_inside_out([*item.wildcards])))
        literals = sorted(item.literals, key=_sort_key, reverse=True)
        stack.extend(item.literals[one] for one in literals)


def _conflicts_below(root: _Node[T], prefix: tuple[Component, ...]) -> Iterator[Conflict[T]]:
    stack = [(root, prefix)]
    while stack:
        node, path = stack.pop()
        wild = sorted(node.wildcards, key=_sort_key)
        for index, one in enumerate(wild):
            for other in wild[index + 1 :]:
                name = _unordered(one, other)
                if name is not None:
                    yield from _fight(
                        node.wildcards[one], node.wildcards[other], (*_examples(path), name)
                    )
        children = {**node.literals, **node.wildcards}
        stack.extend((child, (*path, component)) for component, child in children.items())


def _unordered(one: Component, other: Component) -> bytes | None:
    """A name that both match where neither lies inside the other (or both are the same set)."""
    name = meeting(one, other)
    if name is None or lies_inside(one, other) != lies_inside(other, one):
        return None
    return name


def _examples(path: tuple[Component, ...]) -> tuple[bytes, ...]:
    return tuple(component.example() for component in path)


def _fight(one: _Node[T], other: _Node[T], path: tuple[bytes, ...]) -> Iterator[Conflict[T]]:
    """Lines below two branches that meet: any two whose remaining components meet as well."""
    stack = [(one, other, path)]
    while stack:
        left, right, names = stack.pop()
        if left.value is not None or right.value is not None:
            first, tail_left = left.any_value()
            second, tail_right = right.any_value()
            tail = _examples(tail_left or tail_right)
            yield Conflict(first=first, second=second, path=b"/".join((*names, *tail)))
            continue
        for a, below_a in {**left.literals, **left.wildcards}.items():
            for b, below_b in {**right.literals, **right.wildcards}.items():
                name = meeting(a, b)
                if name is not None:
                    stack.append((below_a, below_b, (*names, name)))
