"""What comparing copies has found, where a run goes by it."""

from __future__ import annotations

from engine.plan.model import LegPlan
from engine.system.state.state import State
from policy.legs import VersionsLeg


def is_damaged(state: State, leg: LegPlan, reads: str) -> bool:
    """Whether the newest generation held files of another content, when it was last compared.

    Their size and time are right: every later generation would be linked to them.
    """
    if not isinstance(leg.leg, VersionsLeg):
        return False
    # Other legs have no use for it.
    from engine.system.state.verifications import Verifications
    from engine.verify.comparison import Difference

    last = Verifications(state.connection).last(leg.name, reads)
    return last is not None and last.count(Difference.DAMAGED) > 0
