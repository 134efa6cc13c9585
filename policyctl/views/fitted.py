"""A table that fits the terminal: columns that say nothing go, then those least needed."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence

from policyctl.views.console import table

WIDTH = 100
"""Where no terminal says how wide it is."""


def fitted(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    least_needed: Sequence[str],
    may_be_empty: Collection[str],
) -> list[str]:
    """The lines of the table; `least_needed` is what a narrow one goes without, in this order."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    columns = [
        name
        for at, name in enumerate(header)
        if name not in may_be_empty or any(row[at] != "-" for row in rows)
    ]
    lines: list[str] = []
    for without in (None, *least_needed):
        columns = [name for name in columns if name != without]
        picked = [header.index(name) for name in columns]
        lines = table([[row[at] for at in picked] for row in rows], header=columns)
        if max(map(len, lines)) <= width:
            break
    return lines
