"""Which disk lies at a destination, and whether it is the one that was recorded."""

from __future__ import annotations

import os

from engine.system.host.file_systems import identity_of, read_mounts
from engine.system.host.places import MARKER, Places
from engine.system.state.state import State
from policy.destinations import Destination

_MARKER_MOST = 1000


def find_identity(destination: Destination, places: Places) -> str | None:
    """The identity of what lies there now; None where there is nothing to tell it by."""
    root = places.destination_root(destination)
    if places.staged:
        return _read_marker(root, {destination.name, destination.was or destination.name})
    try:
        return identity_of(root, read_mounts()) if os.path.lexists(root) else None
    except OSError:
        return None


def is_another_disk(destination: Destination, places: Places, state: State | None) -> bool:
    """Whether what lies at the destination is not what was recorded: its disk is elsewhere."""
    recorded = state.destination_identity(destination.name) if state is not None else None
    if recorded is None or places.reaches_over_ssh(destination):
        return False
    return find_identity(destination, places) != recorded


def _read_marker(root: bytes, names: set[str]) -> str | None:
    """The id in the marker; None where there is none, or another destination's."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(root.rstrip(b"/") + b"/" + MARKER, flags)
        with os.fdopen(descriptor, "rb") as file:
            lines = file.read(_MARKER_MOST).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    return lines[1] if len(lines) == 2 and lines[0] in names else None
