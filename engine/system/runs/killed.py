"""Runs that ended without telling: closed by the next run, or by systemd's ExecStopPost=.

Whoever closes them holds the leg's lock: until then somebody may still be writing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from engine.plan.model import LegPlan
from engine.system.journal.journal import Journal
from engine.system.state.state import State

_REASON = "a run was killed, and may have left parts of files among the copies"


def close_killed(leg: LegPlan, state: State, journal: Journal, now: datetime) -> tuple[str, ...]:
    """Record the end of a leg's runs that have none; their ids.

    Their receivers may have been killed with them, so the next pass looks at everything. That is
    noted first: cut short in between, it is noted once more.
    """
    last = state.last_begun(leg.name)
    if last is not None and last.ended is None:
        look_at_all(leg, (one.reads for one in leg.feeds), journal, now)
    return state.end_killed(leg.name, now)


def look_at_all(leg: LegPlan, feeds: Iterable[str], journal: Journal, now: datetime) -> None:
    """Have the next pass look at everything: parts of files may lie among the copies."""
    for reads in feeds:
        if journal.knows(leg.name, reads):
            journal.add_reader_gap(leg.name, reads, _REASON, now)
