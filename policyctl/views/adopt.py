"""What `adopt` would take over, or has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from engine.generations.names import moment_of
from engine.system.adopt.entries import Adoption
from engine.system.adopt.generations import FolderFound
from policyctl.views.console import Json
from policyctl.views.paths import counted, path_json, show_path

_SHOWN = 20


def adoption_lines(found: Adoption, *, adopted: bool) -> Iterator[str]:
    """Lines for people."""
    leg = found.stream.leg
    if not found.names:
        yield f"{leg} owns everything there already"
        return
    for name in found.names:
        yield f"{'taken over' if adopted else 'would be taken over'}: {show_path(name)}"
    for path in found.extra[:_SHOWN]:
        yield f"  not in the source, so the next run of {leg} deletes it: {show_path(path)}"
    if len(found.extra) > _SHOWN:
        yield f"  … and {len(found.extra) - _SHOWN} more that the source does not have"
    if not found.extra_known:
        yield "  it is on another machine: what the source does not have was not counted"


def adoption_json(found: Adoption, *, adopted: bool) -> dict[str, Json]:
    """The same for programs."""
    return {
        "leg": found.stream.leg,
        "adopted": adopted,
        "entries": [path_json(name, "name") for name in found.names],
        "extra": [path_json(path) for path in found.extra],
    }


def generations_lines(
    found: Sequence[FolderFound], zone: ZoneInfo, *, adopted: bool
) -> Iterator[str]:
    """The same of generations, folder by folder."""
    for one in found:
        yield f"{one.item} → {one.place}: {counted(len(one.names), 'generation')}"
        for name in one.names:
            said = "taken over" if adopted else "would be taken over"
            yield f"  {said}: {show_path(name)}  {_local(name, zone)}"
        for name, reason in one.refused:
            yield f"  not taken over: {show_path(name)}: {reason}"
        for name in one.goes if one.names else ():
            yield f"  goes with the next run of {one.stream.leg}, by `keep`: {show_path(name)}"
    if any(one.names for one in found):
        yield (
            "they count as complete and not as verified: what was to be in them, the lost state "
            "alone knew. Look into them before an older copy goes"
        )


def _local(name: bytes, zone: ZoneInfo) -> str:
    moment = moment_of(name)
    return "" if moment is None else f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"


def generations_json(found: Sequence[FolderFound], *, adopted: bool) -> dict[str, Json]:
    """The same for programs."""
    return {
        "leg": found[0].stream.leg,
        "adopted": adopted,
        "folders": [
            {
                "item": one.item,
                "place": one.place.holder,
                **path_json(b"/" + b"/".join(one.place.names)),
                "generations": [name.decode() for name in one.names],
                "refused": [
                    {**path_json(name, "name"), "reason": reason} for name, reason in one.refused
                ],
                "goes": [name.decode() for name in one.goes],
            }
            for one in found
        ],
    }
