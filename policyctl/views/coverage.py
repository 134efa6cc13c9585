"""Entries that came or went at the top of the sources since the last apply."""

from __future__ import annotations

from collections.abc import Iterator

from engine.routing.coverage import Coverage, CoveredEntry
from policyctl.views.console import Json
from policyctl.views.paths import path_json, show_path

_MOST = 20


def coverage_lines(found: Coverage) -> Iterator[str]:
    """One line an entry; of very many the first ones, and how many there are."""
    lines = [
        *(f"new since the last apply: {_entry(one)}" for one in found.new),
        *(f"gone since the last apply: {_entry(one)}" for one in found.gone),
    ]
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        more_new = len(found.new) - min(len(found.new), _MOST)
        more_gone = len(lines) - _MOST - more_new
        yield f"… and {more_new:,} more new, {more_gone:,} more gone since the last apply"


def _entry(one: CoveredEntry) -> str:
    what = one.leg or f"none: {one.reason}"
    return f"{show_path(one.path)} ({what} by `{one.route}`)"


def coverage_json(found: Coverage) -> dict[str, Json]:
    """The same for programs, all of them."""
    return {
        "new_entries": [_entry_json(one) for one in found.new],
        "vanished_entries": [_entry_json(one) for one in found.gone],
    }


def _entry_json(one: CoveredEntry) -> dict[str, Json]:
    return {
        **path_json(one.path),
        "source": one.source,
        "leg": one.leg or "none",
        "route": one.route,
        "reason": one.reason,
    }
