"""What `apply` does about series: those that left the plan go, renamed ones move (law 36)."""

from __future__ import annotations

from engine.changes import ChangeSet
from engine.plan import Plan
from engine.system.forget import forget, note_leaving
from engine.system.places import Places
from engine.system.state import open_state
from engine.system.tell import tell_renamed
from policyctl.views.console import tell


def note_what_leaves(applied: Plan | None, plan: Plan, changes: ChangeSet, places: Places) -> None:
    """Note before the plan is replaced what must go: an interrupted apply forgets nothing."""
    if not changes.refused:
        note_leaving(applied, plan, places)


def tell_what_moved(applied: Plan | None, plan: Plan, places: Places) -> None:
    """Take back what left, and tell renamed legs under their new names.

    Whom that does not reach now, the next run or apply asks again; so the apply is no failure.
    """
    with open_state(places.state_file) as state:
        sentences = (*forget(plan, places), *tell_renamed(applied, plan, state, places))
    for sentence in sentences:
        tell(f"policyctl: {sentence}; the next run or apply tries again")
