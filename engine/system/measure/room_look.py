"""Looking at the room of a destination now, for a judgement that old figures would make wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.moves.destination_data import Room
from engine.reach.ssh_command import key_hint, ssh_command
from engine.runs.probe import ROOM, parse_room
from engine.system.host.file_systems import room_of
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.state import State
from policy.destinations import Destination
from policy.parts import SshTarget

_PATIENCE = 60.0
_NO_SHARED_CONNECTION = b"none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLook:
    """What was seen of the room at a destination."""

    room: Room | None
    """None where nothing could be seen."""
    why: str = ""


def look_at_room(destination: Destination, places: Places, state: State | None) -> RoomLook:
    """Look at the room there, over SSH too; nothing is noted."""
    root = places.destination_root(destination)
    if destination.ssh is not None and places.reaches_over_ssh(destination):
        return _far(destination.ssh, root)
    try:
        found = room_of(root)
    except OSError as error:
        return RoomLook(room=None, why=error.strerror or str(error))
    if is_another_disk(destination, places, state):
        return RoomLook(room=None, why="another disk lies there than the recorded one")
    return _seen(*found)


def _far(ssh: SshTarget, root: bytes) -> RoomLook:
    words = (b"sh", b"-c", ROOM, b"sh", root)
    try:
        told = run(Command(argv=ssh_command(ssh, _NO_SHARED_CONNECTION, *words), timeout=_PATIENCE))
    except CommandNotStarted as error:
        return RoomLook(room=None, why=str(error))
    if told.timed_out:
        return RoomLook(room=None, why="no answer in time")
    found = parse_room(told.stdout) if told.code == 0 else None
    if found is not None:
        return _seen(*found)
    words_there = told.last_words or "it does not say how much room it has"
    return RoomLook(room=None, why=words_there + key_hint(ssh, told.stderr))


def _seen(free: int, total: int) -> RoomLook:
    return RoomLook(room=Room(free=free, total=total, measured=datetime.now(UTC)))
