"""`snapshot`: snapshots of volumes in their own pool; a rollback, not a copy."""

from __future__ import annotations

from dataclasses import dataclass

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon
from policy.parts import Keep
from policy.values import Percentage


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLeg(LegCommon):
    """Snapshots of thin volumes."""

    keep: Keep
    min_free: Percentage | None = None


def parse(fields: Fields, common: CommonFields) -> SnapshotLeg:
    """Read a snapshot leg."""
    return SnapshotLeg(**common, keep=fields.keep(), min_free=fields.percentage("min_free"))
