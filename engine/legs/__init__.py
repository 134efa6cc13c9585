"""Leg kinds as the engine runs them: one module each, listed here once.

`engine.kinds.RUNNABLE_KINDS` names the same kinds for everybody who must not import their code.
"""

from __future__ import annotations

from engine.legs.kind import LegKind, Run
from engine.legs.mirror import MirrorKind
from policy.legs import LegCommon, MirrorLeg

LEG_KINDS: dict[type[LegCommon], LegKind] = {
    MirrorLeg: MirrorKind(),
}

__all__ = ["LEG_KINDS", "LegKind", "Run"]
