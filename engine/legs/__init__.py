"""Leg kinds as the engine runs them: one module each, listed here once.

A kind is loaded once a leg of it runs: a nightly mirror has no use for what volumes and databases
need. `engine.plan.kinds.is_runnable` says which there are to everybody who runs none.
"""

from __future__ import annotations

from engine.legs.kind import LegKind, Run
from policy.legs import DumpLeg, FetchLeg, Leg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg


def kind_of(leg: Leg) -> LegKind:
    """Return how a leg is run. Raises `LookupError` for one that no version runs here."""
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
            raise LookupError(f"{leg.name} is of a kind that this version does not run")


__all__ = ["LegKind", "Run", "kind_of"]
