"""Folders that a leg may take over as generations of its own, where nobody knows whose they are.

After the state was lost, what a leg had made is somebody else's (ADR 16). A person gives it back.
What a name says is not enough for that: whoever could write there could have made it. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from engine.generations.names import moment_of

_OTHERS_WRITE = 0o022
"""Mode bits that let group or others write."""


class Kind(enum.Enum):
    """What lies under a name."""

    DIRECTORY = "directory"
    LINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a folder of generations, as it lies there."""

    name: bytes
    kind: Kind
    owner: int
    """The user's number."""
    device: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder itself."""

    owner: int
    mode: int
    device: int


def open_to_others(place: Place, user: int) -> str:
    """Why what lies in a folder may be anybody's; empty where only `user`, who runs legs, writes.

    In such a folder nobody else could have made a directory, or have replaced one.
    """
    if place.owner != user:
        return f"the folder belongs to user {place.owner}, who may have put anything there"
    if place.mode & _OTHERS_WRITE:
        return "others may write to the folder, and have put anything there: `chmod go-w` it first"
    return ""


def why_not(entry: Entry, place: Place, owners: Collection[int]) -> str:
    """Why something with a generation's name is none that the leg made; empty where it may be.

    `owners`: whom the leg's own generations belong to.
    """
    known = " or ".join(map(str, sorted(owners)))
    reasons = (
        (moment_of(entry.name) is None, "it has no generation's name"),
        (entry.kind is Kind.LINK, "it is a symlink"),
        (entry.kind is Kind.OTHER, "it is no directory"),
        (entry.device != place.device, "another file system is mounted there"),
        (
            entry.owner not in owners,
            f"it belongs to user {entry.owner}, and what the leg makes here to {known}",
        ),
    )
    return next((reason for holds, reason in reasons if holds), "")
