"""Steps that open and close what an item is read of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.items.items import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """Open the snapshot of an item, so that what follows can see its content at a directory."""

    feed: str
    snapshot: Snapshot
    reader: str
    """The leg that reads."""
    key_file: bytes | None
    at: bytes
    """The directory at which commands see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseItem:
    """Close it again, whatever became of it."""

    feed: str


ItemStep = OpenItem | CloseItem
