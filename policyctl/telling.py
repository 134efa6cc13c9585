"""What `apply` does about series: those that left the plan go, renamed ones move (law 36).

And it tells that what runs is what should (law 10).
"""

from __future__ import annotations

from pathlib import Path

from engine.changes.changes import ChangeSet
from engine.check import CheckReport
from engine.plan.model import Plan
from engine.system.host.lock import Locked
from engine.system.host.places import Places
from engine.system.state.state import open_state
from engine.system.telling.drift import note_applied
from engine.system.telling.forget import forget, note_leaving
from engine.system.telling.tell import tell_policy, tell_renamed
from policyctl.views.console import tell


def note_what_leaves(applied: Plan | None, plan: Plan, changes: ChangeSet, places: Places) -> None:
    """Note before the plan is replaced what must go: an interrupted apply forgets nothing."""
    if not changes.refused:
        note_leaving(applied, plan, places)


def note_manifest(report: CheckReport | None, plan_digest: str, places: Places) -> None:
    """Note from which manifest this plan was applied, so that runs see when it is edited.

    A plan that comes from no manifest changes nothing of that.
    """
    if report is None:
        return
    try:
        note_applied(Path(report.file), report.sha256, plan_digest, places)
    except (OSError, Locked) as error:
        tell(f"policyctl: where the manifest lies could not be noted: {error}; apply once more")


def tell_what_moved(applied: Plan | None, plan: Plan, places: Places) -> None:
    """Take back what left, and tell renamed legs under their new names.

    Whom that does not reach now, the next run or apply asks again; so the apply is no failure.
    """
    with open_state(places.state_file) as state:
        sentences = (*forget(plan, places), *tell_renamed(applied, plan, state, places))
    why_not = tell_policy(plan, places)
    if why_not:
        sentences = (*sentences, f"that the plan is applied could not be told: {why_not}")
    for sentence in sentences:
        tell(f"policyctl: {sentence}; the next run or apply tries again")
