"""How much of a tree goes where, like `du`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.records.measurement import GenerationRoom, human_bytes
from engine.routing.tree_shares import Decision, DirectoryShares, Fate, TreeShares
from policyctl.views.console import Json, table
from policyctl.views.measure import generation_room_json
from policyctl.views.paths import counted, path_json, show_path

_MOST_SHARES = 6


def tree_lines(tree: TreeShares, rooms: Sequence[GenerationRoom] = ()) -> Iterator[str]:
    """A line a directory, then why some of it has no copy, and what its generations take."""
    rows = [
        (human_bytes(one.bytes), f"{one.files:,}", show_path(one.path), _shares(one))
        for one in tree.directories
    ]
    yield from table(rows, header=("bytes", "files", "directory", "carried by"))
    for decision in tree.decisions:
        if decision.fate is not Fate.CARRIED:
            yield f"{decision.fate.value}: {decision.reason}{_because(decision)}"
    now = datetime.now(UTC)
    yield from (one.words(now) for one in rooms)
    if tree.unreadable:
        short = counted(tree.unreadable, "directory", "directories")
        yield f"{short} could not be read: the figures are short by what is in there"


def _because(decision: Decision) -> str:
    if not decision.text:
        return ""
    return f" ({decision.text!r}, line {decision.origin.line})"


def _shares(one: DirectoryShares) -> str:
    if not one.shares:
        return "-"
    if len(one.shares) == 1:
        return one.shares[0].decision.name
    merged: dict[str, int] = {}
    for share in one.shares:
        merged[share.decision.name] = merged.get(share.decision.name, 0) + share.bytes
    shown = [f"{name} {human_bytes(size)}" for name, size in merged.items()]
    more = len(shown) - _MOST_SHARES
    return ", ".join(shown[:_MOST_SHARES]) + (f" and {more} more" if more > 0 else "")


def tree_json(tree: TreeShares, rooms: Sequence[GenerationRoom] = ()) -> dict[str, Json]:
    """The same for programs."""
    return {
        "directories": [
            {
                **path_json(one.path),
                "depth": one.depth,
                "bytes": one.bytes,
                "files": one.files,
                "shares": [
                    {**_decision(share.decision), "bytes": share.bytes, "files": share.files}
                    for share in one.shares
                ],
            }
            for one in tree.directories
        ],
        "generations": [generation_room_json(one) for one in rooms],
        "unreadable_directories": tree.unreadable,
    }


def _decision(decision: Decision) -> dict[str, Json]:
    known = bool(decision.text)
    return {
        "leg": decision.legs[0] if decision.legs else "none",
        "legs": list(decision.legs),
        "fate": decision.fate.value,
        "reason": decision.reason,
        "decided_by": {"line": decision.origin.line, "text": decision.text} if known else None,
    }
