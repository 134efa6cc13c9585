"""The entries at the top of each source: what there is, and what the last apply saw."""

from __future__ import annotations

import os

from engine.plan.model import Plan
from engine.routing.coverage import Entry, Known, Seen, counts_as_seen, watched_sources
from engine.system.host.places import Places
from engine.system.state.known_entries import KnownEntries


def known_of(plan: Plan, entries: KnownEntries) -> Known:
    """What the last apply saw at each source's path; of a renamed source under its old name."""
    found = {}
    for one in watched_sources(plan):
        names = entries.of(one.name, one.path.text)
        if names is None and one.was is not None:
            names = entries.of(one.was, one.path.text)
        found[one.name] = names
    return found


def see_sources(plan: Plan, places: Places) -> Seen:
    """List the top of each source that is there."""
    return {one.name: _list(places.below_root(one.path)) for one in watched_sources(plan)}


def _list(path: bytes) -> frozenset[Entry] | None:
    try:
        with os.scandir(path) as entries:
            found = frozenset(
                Entry(name=one.name, directory=one.is_dir(follow_symlinks=False)) for one in entries
            )
    except OSError:
        return None
    return found if counts_as_seen(found) else None
