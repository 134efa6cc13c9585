"""Leg kinds as the engine runs them: one module each, listed here once.

`engine.kinds.is_runnable` says the same to everybody who must not import their code.
"""

from __future__ import annotations

from engine.legs.kind import LegKind, Run
from engine.legs.mirror import MirrorKind
from engine.legs.snapshot import SnapshotKind
from engine.legs.sqlite import SqliteKind
from engine.legs.versions import VersionsKind
from policy.legs import LegCommon, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg

LEG_KINDS: dict[type[LegCommon], LegKind] = {
    MirrorLeg: MirrorKind(),
    VersionsLeg: VersionsKind(),
    SqliteLeg: SqliteKind(),
    SnapshotLeg: SnapshotKind(),
}

__all__ = ["LEG_KINDS", "LegKind", "Run"]
