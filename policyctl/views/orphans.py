"""How many orphans there are, as `status` says it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.records.measurement import human_bytes
from engine.system.state.orphans import OrphanTotal
from policyctl.views.console import Json
from policyctl.views.paths import counted


def total_lines(total: OrphanTotal) -> Iterator[str]:
    """One line, or none where there is no orphan."""
    if not total.count:
        return
    if total.unknown == total.count:
        size = "of a size that is not known yet"
    else:
        size = human_bytes(total.bytes) + (" or more" if total.unknown else "")
    yield f"{counted(total.count, 'orphan')}, {size}: `policyctl gc` lists what no leg carries"


def total_json(total: OrphanTotal) -> dict[str, Json]:
    """Their number and size, for `status`."""
    return {"count": total.count, "bytes": total.bytes, "of_unknown_size": total.unknown}
