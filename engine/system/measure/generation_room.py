"""Counting how much room the generations of legs take where they lie.

Generations share what has not changed: a sum of their sizes says nothing. Each file counts once
over all generations of a place, so what a leg takes there is one figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from engine.generations.names import name_of
from engine.plan.model import Feed, LegPlan, Plan
from engine.records.measurement import GenerationRoom, Volume
from engine.system.host.descent import opened_root
from engine.system.host.places import Places
from engine.system.measure.generation_look import folders_of, root_of
from engine.system.measure.inodes import Inodes
from engine.system.measure.walk import count_once
from engine.system.state.disk_identity import is_another_disk
from engine.system.state.state import State, Stream, stream_of
from policy.legs import KeepingLeg


def count_generations(
    plan: Plan, places: Places, state: State, now: datetime
) -> Iterator[tuple[Stream, GenerationRoom]]:
    """Count all that lie on this machine, place by place, on the disks that are recorded."""
    for leg, feed in _kept(plan):
        destination = plan.destination(feed.writes.holder if feed.writes else None)
        if destination is None or is_another_disk(destination, places, state):
            continue
        room = _count(plan, leg, feed, places, state, now)
        if room is not None:
            yield stream_of(plan, leg, feed, state), room


def known_rooms(plan: Plan, state: State | None) -> Iterator[GenerationRoom]:
    """What was counted last, place by place."""
    for leg, feed in _kept(plan) if state is not None else ():
        assert state is not None
        room = state.generation_rooms.of(stream_of(plan, leg, feed, state), str(feed.writes))
        if room is not None:
            yield room


def _kept(plan: Plan) -> Iterator[tuple[LegPlan, Feed]]:
    for leg in plan.legs:
        if isinstance(leg.leg, KeepingLeg):
            yield from ((leg, feed) for feed in leg.feeds if feed.writes is not None)


def _count(
    plan: Plan, leg: LegPlan, feed: Feed, places: Places, state: State, now: datetime
) -> GenerationRoom | None:
    """None where nobody on this machine can look."""
    inodes, number = Inodes(), 0
    files = size = unreadable = 0
    for folder in folders_of(plan, replace(leg, feeds=(feed,)), places, state, now):
        root = root_of(plan, folder.place, places)
        if root is None or folder.why_not:
            return None
        names = [name_of(one.moment) for one in folder.generations]
        number += len(names)
        if not names:
            continue
        with opened_root(b"/".join((root.rstrip(b"/"), *folder.place.names))) as top:
            for name in names:
                found = count_once(top, (name,), inodes)
                files += found.volume.files
                size += found.volume.bytes
                unreadable += found.unreadable
    return GenerationRoom(
        leg=leg.name,
        place=str(feed.writes),
        generations=number,
        volume=Volume(files=files, bytes=size),
        unreadable=unreadable,
        at=now,
    )
