"""Whether what is fetched has room where it goes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records.measurement import human_bytes
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a fetch brings, and what is free there."""

    folder: bytes
    """A directory of the file system that it goes to."""
    free: int
    """Bytes."""
    size: int | None = None
    """Bytes of the files that are still to come; None: not counted."""
    unknown: str = ""
    """Why nobody knows whether it is enough; empty: it is known."""

    @property
    def lacks(self) -> bool:
        """Whether it will not do."""
        return self.size is not None and self.size > self.free


def room_words(room: Room) -> str:
    """What is to be known of it beforehand; empty where there is enough."""
    where = f"{human_bytes(room.free)} are free on the file system of {display(room.folder)}"
    if room.unknown:
        return f"not known whether there is enough: {room.unknown}; {where}"
    if room.lacks and room.size is not None:
        return f"not enough: {human_bytes(room.size)} are to come, and {where}"
    return ""
