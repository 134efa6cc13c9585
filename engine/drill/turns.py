"""Which place a drill restores from: each in turn, so that all get rehearsed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.drill.outcome import Drilled


def next_place(
    places: Collection[str], earlier: Iterable[Drilled], away: Collection[str] = ()
) -> str | None:
    """The place whose last drill is the longest ago; one that never had any comes first.

    `away`: those whose disk comes and goes, and is not there. None: there is no other. A drill
    that somebody ended, or that goes on, says nothing of its place and counts for no turn.
    """
    last: dict[str, str] = {}
    for one in earlier:
        if one.told:
            last[one.place] = max(last.get(one.place, ""), one.began.isoformat())
    there = sorted(set(places) - set(away))
    return min(there, key=lambda place: (last.get(place, ""), place), default=None)
