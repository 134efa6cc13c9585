"""Kinds of sources by their names in the manifest."""

from policy.sources import (
    BtrfsSource,
    CommandSource,
    DeviceSource,
    FilesSource,
    LvmThinSource,
    ServerSource,
    Source,
    SqliteSource,
    TreeSource,
)

SOURCE_KIND_NAMES: dict[type, str] = {
    TreeSource: "tree",
    LvmThinSource: "lvm-thin",
    BtrfsSource: "btrfs",
    FilesSource: "files",
    DeviceSource: "device",
    ServerSource: "server",
    SqliteSource: "sqlite",
    CommandSource: "command",
}
"""A server's own kind, such as postgresql, is one of its values."""


def source_kind(source: Source) -> str:
    """The kind of a source as the manifest calls it; of a server its own."""
    if isinstance(source, ServerSource):
        return source.server.value
    return SOURCE_KIND_NAMES[type(source)]
