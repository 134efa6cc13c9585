"""Keeping what a run sees of the room at destinations: the figure has an age (law 25)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from engine.plan.model import Plan
from engine.runs.observation import Observation
from engine.system.host.file_systems import room_of
from engine.system.host.places import Places
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.state import RoomRecord, State
from policy.destinations import Destination


def note_rooms(plan: Plan, seen: Observation, state: State, now: datetime) -> None:
    """What was seen before anything was copied.

    A disk that is away says nothing: its figure of before stays, and grows old.
    """
    for one in seen.feeds:
        known = plan.destination(one.target.target.holder)
        silent = one.target.free is None and known is not None and known.ssh is None
        if known is None or one.target.unreachable or silent:
            continue
        room = RoomRecord(free=one.target.free, total=one.target.total, measured=now)
        state.record_room(known.name, room)


def note_room_left(holder: Destination | None, places: Places, state: State, now: datetime) -> None:
    """What is left when a run ends, whatever its end, where asking costs no connection."""
    if holder is None or places.reaches_over_ssh(holder):
        return
    if is_another_disk(holder, places, state):
        return  # unmounted while the run went on: what is seen there is another file system
    with suppress(OSError):
        free, total = room_of(places.destination_root(holder))
        state.record_room(holder.name, RoomRecord(free=free, total=total, measured=now))
