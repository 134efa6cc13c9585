"""Telling what a leg's last run left untold, once its service has ended.

A run tells its own end on every way out but two: it was killed, or systemd never came to start it.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from engine.plan.model import LegPlan, Plan
from engine.records.reports import RunStatus
from engine.system.host.lock import LAST_BREATH, Locked, hold
from engine.system.host.places import Places
from engine.system.journal.journal import Journal, open_journal
from engine.system.runs.killed import close_killed
from engine.system.state.reading import read_state
from engine.system.state.records import RunRecord, new_run_id
from engine.system.state.state import State, StateUnusable, open_state
from engine.system.telling.tell import tell_leg


def tell_end(
    plan: Plan, leg: LegPlan, places: Places, now: datetime, *, never_began: str = ""
) -> str:
    """Record and tell what is untold; why somebody could not be told, or "".

    `never_began`: why the service ended before its run began. A run that told its end is left as
    it is, and so is one that somebody else makes just now. Raises `StateUnusable` and
    `JournalUnusable`.
    """
    if not never_began and not _has_no_end(leg, places):
        return ""
    with open_state(places.state_file) as state, open_journal(places.journal_file) as journal:
        try:
            with hold(places.leg_lock(leg.name), wait=LAST_BREATH):
                ended = _record(leg, state, journal, now, never_began)
        except Locked:
            return ""
        except (OSError, sqlite3.Error) as error:
            raise StateUnusable(f"the end of {leg.name} could not be recorded: {error}") from error
        if not ended:
            return ""
        why_not = tell_leg(plan, leg, state, places)
        for run_id in ended:
            state.note_told(run_id, why_not)
        return why_not


def _has_no_end(leg: LegPlan, places: Places) -> bool:
    with read_state(places.state_file) as state:
        last = state.last_begun(leg.name) if state is not None else None
    return last is not None and last.ended is None


def _record(
    leg: LegPlan, state: State, journal: Journal, now: datetime, never_began: str
) -> tuple[str, ...]:
    ended = close_killed(leg, state, journal, now)
    if not never_began:
        return ended
    record = RunRecord(
        run_id=new_run_id(now),
        leg=leg.name,
        started=now,
        ended=now,
        status=RunStatus.FAILED,
        reason=never_began,
    )
    state.finish(record)
    return (*ended, record.run_id)
