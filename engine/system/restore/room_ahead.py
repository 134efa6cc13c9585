"""How much a fetch will bring, and whether there is room for it, before anything is written.

What cannot fail is not counted: a file has its size, and no local copy holds more than its file
system does. All else rsync counts, by the very rules that it will fetch by.
"""

from __future__ import annotations

import os
from contextlib import suppress

from engine.exit_codes import meaning_of
from engine.restore.aim import Aim
from engine.restore.fetch import Fetch, Place
from engine.restore.room import Room
from engine.restore.versions import Version
from engine.rsync.output import parse_figures
from engine.system.host.file_systems import room_of
from engine.system.host.process import Command, run
from engine.system.host.relocate import opened_below
from engine.system.restore.staging import read_note

PATIENCE = 120.0
"""Seconds that counting may take: nobody waits for a restore to begin much longer than that."""


def look_ahead(aim: Aim, version: Version, fetch: Fetch, place: Place) -> Room | None:
    """What is to come, and what is free; None where all has come already. Raises `OSError`."""
    if _has_come(aim):
        return None
    folder = _nearest(aim.folder)
    free, _ = room_of(folder)
    if version.size is not None and version.size <= free:
        return Room(folder=folder, free=free, size=version.size)
    if place.ssh is None and _used(place.root) <= free:
        return Room(folder=folder, free=free)
    return _counted(aim, fetch, Room(folder=folder, free=free))


def _counted(aim: Aim, fetch: Fetch, room: Room) -> Room:
    """By a dry run; what an earlier try has brought is not to come again."""
    argv = fetch.counting(aim.folder.rstrip(b"/") + b"/" + aim.staging)
    told = run(Command(argv=argv, timeout=PATIENCE))
    if told.timed_out:
        why = f"counting what is to come took longer than {PATIENCE:.0f} s"
        return Room(folder=room.folder, free=room.free, unknown=why)
    size = parse_figures(told.stdout).bytes_sent
    if told.code != 0 or size is None:
        why = f"what is to come could not be counted ({meaning_of(told.code)})"
        return Room(folder=room.folder, free=room.free, unknown=why)
    return Room(folder=room.folder, free=room.free, size=size)


def _has_come(aim: Aim) -> bool:
    """Whether an earlier try has fetched everything, and was cut off while it put it in place."""
    with suppress(OSError), opened_below(aim.base, (*aim.below, aim.staging), make=False) as one:
        note = read_note(one)
        return note is not None and note.placing
    return False


def _nearest(path: bytes) -> bytes:
    """The directory itself, or the first above it that is there."""
    while not os.path.isdir(path) and path != os.path.dirname(path):  # noqa: PTH112, PTH120 - bytes
        path = os.path.dirname(path)  # noqa: PTH120 - bytes
    return path


def _used(root: bytes) -> int:
    free, usable = room_of(root)
    return usable - free
