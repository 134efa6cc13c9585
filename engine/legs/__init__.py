"""Leg kinds as the engine runs them: one module each, listed here once.

A kind is loaded once a leg of it runs: a nightly mirror has no use for what volumes and databases
need.
"""

from __future__ import annotations

from engine.legs.kind import LegKind, Run
from policy.legs import DumpLeg, FetchLeg, Leg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg


def kind_of(leg: Leg) -> LegKind:
    """Return how a leg is run."""
    match leg:
        case MirrorLeg():
            from engine.legs.mirror import MirrorKind

            return MirrorKind()
        case VersionsLeg():
            from engine.legs.versions import VersionsKind

            return VersionsKind()
        case SqliteLeg():
            from engine.legs.sqlite import SqliteKind

            return SqliteKind()
        case SnapshotLeg():
            from engine.legs.snapshot import SnapshotKind

            return SnapshotKind()
        case FetchLeg():
            from engine.legs.fetch import FetchKind

            return FetchKind()
        case DumpLeg():
            from engine.legs.dump import DumpKind

            return DumpKind()


__all__ = ["LegKind", "Run", "kind_of"]
