"""Preflight of items: the pool, the inventory, and the snapshot that each of them is read of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from engine.deletions import much_smaller
from engine.items import Inventory, Item
from engine.plan import LegPlan
from engine.reports import Finding, Verdict
from engine.thin_room import room_problem
from policy.legs import SnapshotLeg


def inventory_rows(
    leg_plan: LegPlan, found: Inventory, *, smaller_allowed: bool
) -> Iterator[Finding]:
    """Judge what was found: rows about the whole leg."""
    what = f"items of {found.source}"
    if found.refused or found.pool is None:
        yield _row(what, found.refused, Verdict.REFUSED)
        return
    yield from (_row(what, note, Verdict.NOTED) for note in found.notes)
    yield _count(what, found, smaller_allowed=smaller_allowed)
    if isinstance(leg_plan.leg, SnapshotLeg):
        yield _room(found, leg_plan.leg)


def _count(what: str, found: Inventory, *, smaller_allowed: bool) -> Finding:
    number = len(found.items)
    if not number:
        hint = "is `volumes` right, and does a route send anything here?"
        return _row(
            what, f"the leg carries none of the volumes that are there: {hint}", Verdict.REFUSED
        )
    if not much_smaller(found.previous, number):
        return _row(what, f"{number:,} of them", Verdict.FINE)
    said = f"{number:,} of them, and {found.previous:,} at the last success"
    if smaller_allowed:
        return _row(what, f"{said}: allowed for this run", Verdict.NOTED)
    hint = "if that is right, run it once with --allow smaller-source"
    return _row(what, f"{said}; {hint}", Verdict.REFUSED)


def _room(found: Inventory, leg: SnapshotLeg) -> Finding:
    assert found.pool is not None
    problem = room_problem(found.pool, leg.min_free)
    what = f"pool {found.pool.name.text}"
    if problem:
        return _row(what, f"{problem}: no snapshot is taken", Verdict.REFUSED)
    used = f"data {found.pool.data_used} used, metadata {found.pool.metadata_used} used"
    return _row(what, used, Verdict.FINE)


def item_row(item: Item, found: Inventory) -> Finding:
    """Judge the snapshot that an item is to be read of (law 32)."""
    what, newest = "snapshot", item.newest
    if newest is None:
        return _row(what, "there is none of it yet", Verdict.REFUSED, item.name)
    assert found.moment is not None
    age = found.moment - newest.moment
    said = f"of {newest.moment:%Y-%m-%d %H:%M} UTC"
    if found.allowed is not None and age > timedelta(seconds=found.allowed):
        hours = int(age.total_seconds() // 3600)
        hint = "is the leg that takes them failing?"
        return _row(
            what, f"{said}: {hours} h old, older than it may be: {hint}", Verdict.REFUSED, item.name
        )
    return _row(what, said, Verdict.FINE, item.name)


def _row(looked_at: str, found: str, verdict: Verdict, feed: str | None = None) -> Finding:
    return Finding(feed=feed, looked_at=looked_at, found=found, verdict=verdict)
