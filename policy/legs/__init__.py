"""Leg kinds: one module each, listed here once."""

from __future__ import annotations

from collections.abc import Callable

from policy.diagnostics import Origin
from policy.fields import Fields
from policy.legs import dump, fetch, mirror, snapshot, sqlite, versions
from policy.legs.common import CommonFields, LegCommon, parse_common
from policy.legs.dump import DumpLeg
from policy.legs.fetch import FetchedFile, FetchLeg
from policy.legs.mirror import MirrorLeg
from policy.legs.snapshot import SnapshotLeg
from policy.legs.sqlite import SqliteLeg
from policy.legs.versions import VersionsLeg

Leg = MirrorLeg | SnapshotLeg | VersionsLeg | SqliteLeg | FetchLeg | DumpLeg
CopyingLeg = MirrorLeg | VersionsLeg
"""Legs that copy trees as they are, by rsync, and say what they keep of each file."""
KeepingLeg = VersionsLeg | SqliteLeg | FetchLeg | DumpLeg
"""Legs that run here and keep generations in folders."""

_PARSERS: dict[str, Callable[[Fields, CommonFields], Leg]] = {
    "mirror": mirror.parse,
    "snapshot": snapshot.parse,
    "versions": versions.parse,
    "sqlite": sqlite.parse,
    "fetch": fetch.parse,
    "dump": dump.parse,
}

KIND_NAMES: dict[type[LegCommon], str] = {
    MirrorLeg: "mirror",
    SnapshotLeg: "snapshot",
    VersionsLeg: "versions",
    SqliteLeg: "sqlite",
    FetchLeg: "fetch",
    DumpLeg: "dump",
}


def parse_leg(name: str, fields: Fields, origin: Origin) -> Leg:
    """Read one leg by its kind."""
    return _PARSERS[fields.need("kind")](fields, parse_common(name, fields, origin))


__all__ = [
    "KIND_NAMES",
    "CopyingLeg",
    "DumpLeg",
    "FetchLeg",
    "FetchedFile",
    "KeepingLeg",
    "Leg",
    "LegCommon",
    "MirrorLeg",
    "SnapshotLeg",
    "SqliteLeg",
    "VersionsLeg",
    "parse_leg",
]
