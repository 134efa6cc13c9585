"""Circles in small graphs of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_circle(edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Give the names along one circle, beginning with the smallest; empty where there is none."""
    done: set[str] = set()
    for start in sorted(edges):
        path: list[str] = []
        pending = [(start, iter(sorted(edges.get(start, ()))))] if start not in done else []
        if pending:
            path.append(start)
        while pending:
            _, rest = pending[-1]
            following = next(rest, None)
            if following is None:
                done.add(path.pop())
                pending.pop()
            elif following in path:
                return _rotated(path[path.index(following) :])
            elif following not in done and following in edges:
                path.append(following)
                pending.append((following, iter(sorted(edges[following]))))
    return ()


def _rotated(circle: list[str]) -> tuple[str, ...]:
    at = circle.index(min(circle))
    return tuple(circle[at:] + circle[:at])
