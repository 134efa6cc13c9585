"""What appeared or vanished at the top of the sources since the last apply: read, and noted."""

from __future__ import annotations

import sqlite3

from engine.plan.model import Plan
from engine.routing.coverage import Coverage, coverage, watched_sources
from engine.system.host.places import Places
from engine.system.measure.top_entries import known_of, see_sources
from engine.system.state.reading import read_state
from engine.system.state.state import State, StateUnusable, open_state


def read_coverage(plan: Plan, places: Places) -> Coverage:
    """Compare what is there with what the last apply saw; without a state nothing is known."""
    try:
        with read_state(places.state_file) as state:
            return coverage_by(plan, state, places)
    except (OSError, sqlite3.Error, StateUnusable):
        return coverage_by(plan, None, places)


def coverage_by(plan: Plan, state: State | None, places: Places) -> Coverage:
    """The same where the state is open already."""
    known = known_of(plan, state.known_entries) if state is not None else {}
    return coverage(plan, known, see_sources(plan, places))


def note_entries(plan: Plan, found: Coverage, places: Places) -> None:
    """Keep in mind what was shown; what is known of a source that is away stays as it was."""
    with open_state(places.state_file) as state:
        for source in watched_sources(plan):
            seen = found.seen.get(source.name)
            if seen is not None:
                names = (one.name for one in seen)
                state.known_entries.replace(source.name, source.path.text, names)
