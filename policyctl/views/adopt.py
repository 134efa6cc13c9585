"""What `adopt` would take over, or has."""

from __future__ import annotations

from collections.abc import Iterator

from engine.system.adopt import Adoption
from policyctl.views.console import Json
from policyctl.views.paths import path_json, show_path

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
