"""The record in the folder of a dump, which may be anybody's by now: read with care."""

from __future__ import annotations

import os

from engine.dumps.record import NAME, DumpRecord, RecordUnreadable, record_from_json
from engine.system.host.descent import Descent, NotThere, descending, opened_root

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST = 64 << 20
"""Bytes of a record: one of thousands of databases has less."""


def record_below(descent: Descent, names: tuple[bytes, ...]) -> DumpRecord | None:
    """The record in a folder; None where there is none that can be read."""
    try:
        directory = descent.enter(names)
        with os.fdopen(os.open(NAME, _FILE, dir_fd=directory), "rb") as file:
            return record_from_json(file.read(_MOST).decode())
    except (NotThere, OSError, ValueError, RecordUnreadable):
        return None


def record_at(folder: bytes, name: bytes) -> DumpRecord | None:
    """The record of one generation in a folder of them."""
    try:
        with opened_root(folder) as root, descending(root) as descent:
            return record_below(descent, (name,))
    except OSError:
        return None
