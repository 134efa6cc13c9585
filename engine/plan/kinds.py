"""Kinds by their names in the manifest, and which of them this version can carry out.

Every kind of the language is parsed, checked and explained. A leg's kind that is not runnable gets
no unit, since a timer that fails each night helps nobody, and running such a leg by hand says so.
"""

from engine.plan.model import LegPlan
from policy.legs import FetchLeg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg
from policy.sources import (
    BtrfsSource,
    DeviceSource,
    FilesSource,
    LvmThinSource,
    ServerSource,
    Source,
    SqliteSource,
    TreeSource,
)

_KINDS = (FetchLeg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg)


def is_runnable(leg: LegPlan) -> bool:
    """Whether `run` and the timers of this version execute such a leg."""
    return isinstance(leg.leg, _KINDS)


SOURCE_KIND_NAMES: dict[type, str] = {
    TreeSource: "tree",
    LvmThinSource: "lvm-thin",
    BtrfsSource: "btrfs",
    FilesSource: "files",
    DeviceSource: "device",
    ServerSource: "server",
    SqliteSource: "sqlite",
}
"""A server's own kind, such as postgresql, is one of its values."""


def source_kind(source: Source) -> str:
    """The kind of a source as the manifest calls it; of a server its own."""
    if isinstance(source, ServerSource):
        return source.server.value
    return SOURCE_KIND_NAMES[type(source)]
