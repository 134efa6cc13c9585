"""Telling what a drill could not tell itself: it was killed, or systemd never came to start it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.drill.outcome import Drilled, Status
from engine.drill.turns import next_place
from engine.plan.model import DrillPlan, Plan
from engine.system.host.lock import LAST_BREATH, Locked, hold
from engine.system.host.places import Places
from engine.system.state.drills import Drills
from engine.system.state.state import open_state
from engine.system.telling.tell import tell_drill

_KILLED = "it was killed before it had ended; the next one removes what it left"


def tell_drill_end(
    plan: Plan, drill: DrillPlan, places: Places, now: datetime, *, never_began: str = ""
) -> str:
    """Record and tell what is untold; why somebody could not be told, or "".

    A drill that told its end is left as it is, and so is one that goes on. Raises `StateUnusable`.
    """
    with open_state(places.state_file) as state:
        records = Drills(state.connection)
        try:
            with hold(places.drill_lock(drill.name), wait=LAST_BREATH):
                ended = _ended(records, drill, now, never_began)
        except Locked:
            return ""
        return tell_drill(plan, drill, state, places) if ended else ""


def _ended(records: Drills, drill: DrillPlan, now: datetime, never_began: str) -> bool:
    earlier = records.of(drill.name)
    killed = earlier[0] if earlier and earlier[0].ended is None else None
    if killed is not None:
        records.note(replace(killed, ended=now, status=Status.FAILED, reason=_KILLED))
    if never_began:
        # It would have been this one's turn, so it is told of it, and its turn comes again.
        place = next_place(drill.places, earlier) or ""
        refused = Drilled(
            drill=drill.name,
            source=drill.drill.source,
            place=place,
            began=now,
            ended=now,
            status=Status.REFUSED,
            reason=never_began,
            seed=0,
        )
        records.note(refused)
    return killed is not None or bool(never_began)
