"""What of a directory rides another leg than it does, and so is in other copies. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import RouteLine, RoutingTable


def parts_elsewhere(table: RoutingTable | None, names: tuple[bytes, ...]) -> tuple[RouteLine, ...]:
    """The routing lines that decide something below a path, and not as the path itself is decided.

    In the order of their text. A line with a wildcard counts where it may match something there.
    """
    own = table.line_for(names) if table is not None else None
    if table is None or own is None:
        return ()
    found = (
        one
        for one in table.lines
        if one.leg != own.leg
        and len(one.pattern.components) > len(names)
        and all(
            part.matches(name) for part, name in zip(one.pattern.components, names, strict=False)
        )
    )
    return tuple(sorted(found, key=lambda one: one.text))


def left_there(parts: tuple[RouteLine, ...], depth: int) -> Iterator[tuple[bytes, ...]]:
    """The paths, below one of so many names, of parts that are named without a wildcard.

    What lies of them among the copies of the directory is of a time when they rode its leg.
    """
    for one in parts:
        names = one.pattern.literal
        if names is not None:
            yield names[depth:]
