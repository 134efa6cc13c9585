"""Whether a thin pool has room for another snapshot. Pure.

A pool that runs full stops every volume in it, and a file system on one may wait for ever. So
metadata count as data do, and what a pool cannot say of itself is no room.
"""

from __future__ import annotations

from engine.items.thin_pool import Health, Pool
from policy.values import Percentage

_SAYS = {
    Health.FAILED: "it has failed",
    Health.OUT_OF_DATA: "it is out of data space",
    Health.METADATA_READ_ONLY: "its metadata can only be read",
    Health.UNKNOWN: "LVM does not know how it is",
}
_ALL = 100_000
"""Thousandths of a percent in the whole."""


def room_problem(pool: Pool, min_free: Percentage | None) -> str:
    """Return why no snapshot may be taken in this pool now; empty where one may."""
    if pool.health is not Health.GOOD:
        return f"the thin pool {pool.name.text}: {_SAYS[pool.health]}"
    if pool.needs_check:
        return f"the thin pool {pool.name.text} has damaged metadata: it needs `lvconvert --repair`"
    for what, used in (("data", pool.data_used), ("metadata", pool.metadata_used)):
        if used is None:
            return f"the thin pool {pool.name.text} does not say how full it is: is it active?"
        free = Percentage(max(0, _ALL - used.millis))
        if min_free is not None and free < min_free:
            return f"the thin pool {pool.name.text} has {free} of its {what} free, not {min_free}"
    return ""
