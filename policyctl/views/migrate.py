"""What `migrate` can rename, and what it has renamed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from engine.orphans.migration import Move, Stay
from engine.plan.model import Location
from engine.records.measurement import human_bytes
from policyctl.migrating import Done, Movable
from policyctl.views.console import Json
from policyctl.views.paths import counted, path_json


def step(move: Move) -> str:
    """One rename, as it is told before it is done."""
    return f"{move.old} → {move.new}  (for {move.leg})"


def movable_lines(found: Sequence[Movable]) -> Iterator[str]:
    """Lines for people."""
    if not found:
        yield "no orphans: nothing lies under an old name"
    for one in found:
        name = str(one.looked.record.orphan.place)
        yield f"{name}  {_size(one)}"
        for move in one.moves:
            yield f"  {step(move)}"
        yield from _stays(one.stays)
        if one.moves:
            yield f"  `policyctl migrate {shlex.quote(name)}` renames it: nothing is sent"


def done_lines(done: Sequence[Done]) -> Iterator[str]:
    """What became of each."""
    if not done:
        yield "nothing was to be renamed"
    for one in done:
        name = str(one.record.orphan.place)
        if one.migrated.moved:
            # What follows is one pass that looks at everything, and sends what has changed.
            legs = ", ".join(dict.fromkeys(move.leg for move in one.migrated.moved))
            paths = counted(len(one.migrated.moved), "path")
            yield f"{name}: {paths} renamed; the next run of {legs} looks at everything there"
        else:
            yield f"{name} stays"
        yield from _stays(one.migrated.stays)


def _stays(stays: Iterable[Stay]) -> Iterator[str]:
    """Why paths stay; what holds of many is said once."""
    by_why: dict[str, list[Location]] = {}
    for one in stays:
        by_why.setdefault(one.why, []).append(one.old)
    for why, places in by_why.items():
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        yield f"  stays: {places[0]}{more}: {why}"


def _size(one: Movable) -> str:
    files, size = one.looked.files, one.looked.size
    if files is None or size is None:
        return "size unknown"
    return f"{human_bytes(size)}, {counted(files, 'file')}"


# ── For programs ─────────────────────────────────────────────────────────────────────────────


def movable_json(found: Sequence[Movable]) -> dict[str, Json]:
    """The list as JSON."""
    return {
        "orphans": [
            {
                "orphan": str(one.looked.record.orphan.place),
                "files": one.looked.files,
                "bytes": one.looked.size,
                **_steps(one.moves, one.stays, "renames"),
            }
            for one in found
        ]
    }


def done_json(done: Sequence[Done], key: str = "orphans") -> dict[str, Json]:
    """What became of each."""
    return {
        key: [
            {
                "orphan": str(one.record.orphan.place),
                "busy": one.busy,
                **_steps(one.migrated.moved, one.migrated.stays, "renamed"),
            }
            for one in done
        ]
    }


def _steps(moves: Iterable[Move], stays: Iterable[Stay], key: str) -> dict[str, Json]:
    return {
        key: [{"leg": one.leg, "from": _place(one.old), "to": _place(one.new)} for one in moves],
        "stays": [{"at": _place(one.old), "reason": one.why} for one in stays],
    }


def _place(place: Location) -> dict[str, Json]:
    return {"destination": place.holder, **path_json(b"/" + b"/".join(place.names))}
