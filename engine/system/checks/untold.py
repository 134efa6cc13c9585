"""Telling what a check could not tell itself: it was killed, or systemd never came to start it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.checks.outcome import Checked, Status, Verdict
from engine.plan.model import CheckPlan, Plan
from engine.system.host.lock import LAST_BREATH, Locked, hold
from engine.system.host.places import Places
from engine.system.state.looks import Looks
from engine.system.state.state import open_state
from engine.system.telling.tell import tell_check

_KILLED = "it was killed before it had ended"


def tell_check_end(
    plan: Plan, check: CheckPlan, places: Places, now: datetime, *, never_began: str = ""
) -> str:
    """Record and tell what is untold; why somebody could not be told, or "".

    A look that told its end is left as it is, and so is one that somebody else makes just now.
    Raises `StateUnusable`.
    """
    with open_state(places.state_file) as state:
        looks = Looks(state.connection)
        try:
            with hold(places.check_lock(check.name), wait=LAST_BREATH):
                ended = _ended(looks, check.name, now, never_began)
        except Locked:
            return ""
        return tell_check(plan, check, state, places) if ended else ""


def _ended(looks: Looks, name: str, now: datetime, never_began: str) -> bool:
    killed = looks.facts(name).unfinished
    if killed is not None:
        verdict = Verdict(status=Status.REFUSED, reason=_KILLED)
        looks.note(replace(killed, ended=now, verdict=verdict))
    if never_began:
        verdict = Verdict(status=Status.REFUSED, reason=never_began)
        looks.note(Checked(check=name, began=now, ended=now, verdict=verdict))
    return killed is not None or bool(never_began)
