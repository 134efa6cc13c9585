"""What `measure` has found: route by route, and what was not counted."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from engine.plan.model import Plan
from engine.records.measurement import GenerationRoom, Volume, human_bytes
from engine.routing.volumes import SourceVolumes
from policy.sources import TreeSource
from policyctl.measuring import Measured
from policyctl.views.console import Json, paint, table
from policyctl.views.paths import counted, path_json, show_path, show_text

_HEADER = ("source", "files", "size", "leg", "route")


def measured_lines(
    plan: Plan, found: Sequence[Measured], rooms: Sequence[GenerationRoom] = ()
) -> Iterator[str]:
    """A table of routes, a line for each source, and one for each place of generations."""
    rows = [
        (
            one.source.name,
            f"{volume.files:,}",
            human_bytes(volume.bytes),
            leg or "none",
            show_text(text),
        )
        for one in found
        if one.volumes is not None
        for text, leg, volume in _routes(plan, one.volumes)
    ]
    if rows:
        head, *lines = table(rows, header=_HEADER)
        yield paint(head, "bold", sys.stdout)
        yield from lines
    for one in found:
        if one.volumes is not None:
            yield f"{one.source.name}: {_sum(one.volumes)}; in {one.seconds:.1f} s"
    yield from (one.words(one.at) for one in rooms)


def _sum(volumes: SourceVolumes) -> str:
    return f"{volumes.total}; ignored: {volumes.ignored}"


def _routes(plan: Plan, volumes: SourceVolumes) -> Iterator[tuple[str, str | None, Volume]]:
    """Each line with its leg, in the order in which they decide."""
    legs = dict(_legs(plan, volumes.source))
    for text, volume in volumes.by_line.items():
        yield text, legs.get(text), volume


def _legs(plan: Plan, source: str) -> Iterator[tuple[str, str | None]]:
    table_ = plan.table(source)
    if table_ is not None:
        yield from ((line.text, line.leg) for line in table_.lines)
        return
    takers = (one.name for one in plan.legs if any(feed.reads == source for feed in one.feeds))
    whole = plan.source(source)
    if isinstance(whole, TreeSource):
        yield str(whole.path), ", ".join(takers) or None


def measured_warnings(found: Sequence[Measured]) -> Iterator[str]:
    """What a person should know beside the figures."""
    for one in found:
        name = one.source.name
        if one.volumes is None:
            path = show_path(one.source.path.text)
            yield f"{name}: {path} is not there, or empty: it was not measured; is it mounted?"
        elif one.volumes.unreadable:
            directories = counted(one.volumes.unreadable, "directory", "directories")
            yield (
                f"{name}: {directories} could not be read: the figures are short by what is in "
                "them; measure as root"
            )
        if one.not_kept:
            yield f"{name}: the figures are not kept for `policyctl plan`: {one.not_kept}"


def measured_json(
    plan: Plan, found: Sequence[Measured], rooms: Sequence[GenerationRoom] = ()
) -> dict[str, Json]:
    """The same for programs."""
    return {
        "sources": [_source_json(plan, one) for one in found],
        "generations": [generation_room_json(one) for one in rooms],
    }


def generation_room_json(one: GenerationRoom) -> dict[str, Json]:
    """The room that a leg's generations take at one place."""
    return {
        "leg": one.leg,
        "place": one.place,
        "generations": one.generations,
        **_volume_json(one.volume),
        "unreadable_directories": one.unreadable,
        "counted": one.at.isoformat(),
    }


def _source_json(plan: Plan, one: Measured) -> dict[str, Json]:
    volumes = one.volumes
    place = {"source": one.source.name, **path_json(one.source.path.text)}
    if volumes is None:
        return {**place, "found": False}
    return {
        **place,
        "found": True,
        **_volume_json(volumes.total),
        "routes": [
            {"route": text, "leg": leg or "none", **_volume_json(volume)}
            for text, leg, volume in _routes(plan, volumes)
        ],
        "ignored": _volume_json(volumes.ignored),
        "unreadable_directories": volumes.unreadable,
        "seconds": round(one.seconds, 3),
        "kept": not one.not_kept,
    }


def _volume_json(volume: Volume) -> dict[str, Json]:
    return {"files": volume.files, "bytes": volume.bytes}
