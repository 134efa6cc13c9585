"""Kinds by their names in the manifest, and which of them this version can carry out.

Every kind of the language is parsed, checked and explained. A leg's kind that is not runnable gets
no unit, since a timer that fails each night helps nobody, and running such a leg by hand says so.
"""

from policy.sources import (
    DeviceSource,
    FilesSource,
    LvmThinSource,
    ServerSource,
    SqliteSource,
    TreeSource,
)

RUNNABLE_KINDS = frozenset({"mirror"})
"""Kinds of leg, as the manifest calls them, that `run` and the timers execute."""

SOURCE_KIND_NAMES: dict[type, str] = {
    TreeSource: "tree",
    LvmThinSource: "lvm-thin",
    FilesSource: "files",
    DeviceSource: "device",
    ServerSource: "server",
    SqliteSource: "sqlite",
}
"""A server's own kind, such as postgresql, is one of its values."""
