"""Preflight of items: what holds them, the inventory, and the snapshot that each is read of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from engine.items.items import Inventory, Item
from engine.items.subvolumes import FileSystem, Subvolume
from engine.items.subvolumes import room_problem as btrfs_room_problem
from engine.items.thin_pool import Pool
from engine.items.thin_room import room_problem
from engine.plan.model import LegPlan
from engine.records.reports import Finding, Verdict
from engine.runs.deletions import much_smaller
from engine.runs.observation import SNAPSHOT, FeedSeen
from policy.legs import SnapshotLeg
from policy.values import display


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
    for item in found.items:
        yield from (_row(what, note, Verdict.NOTED, item.name) for note in item.notes)
    if isinstance(leg_plan.leg, SnapshotLeg):
        yield _room(found.pool, leg_plan.leg)


def _count(what: str, found: Inventory, *, smaller_allowed: bool) -> Finding:
    number = len(found.items)
    if not number:
        key = "subvolumes" if isinstance(found.pool, FileSystem) else "volumes"
        hint = f"is `{key}` right, and does a route send anything here?"
        said = f"the leg carries none of the {key} that are there: {hint}"
        return _row(what, said, Verdict.REFUSED)
    if not much_smaller(found.previous, number):
        return _row(what, f"{number:,} of them", Verdict.FINE)
    said = f"{number:,} of them, and {found.previous:,} at the last success"
    if smaller_allowed:
        return _row(what, f"{said}: allowed for this run", Verdict.NOTED)
    hint = "if that is right, run it once with --allow smaller-source"
    return _row(what, f"{said}; {hint}", Verdict.REFUSED)


def _room(holder: Pool | FileSystem, leg: SnapshotLeg) -> Finding:
    match holder:
        case Pool():
            what, problem = f"pool {holder.name.text}", room_problem(holder, leg.min_free)
            said = f"data {holder.data_used} used, metadata {holder.metadata_used} used"
        case FileSystem():
            what, problem = (
                f"btrfs {display(holder.path)}",
                btrfs_room_problem(holder, leg.min_free),
            )
            metadata = holder.metadata_free or "not known how much"
            said = f"{holder.free} free, of the metadata {metadata}"
    if problem:
        return _row(what, f"{problem}: no snapshot is taken", Verdict.REFUSED)
    return _row(what, said, Verdict.FINE)


def item_row(item: Item, found: Inventory) -> Finding:
    """Judge the snapshot that an item is to be read of (law 32)."""
    what, newest = SNAPSHOT, item.newest
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


def into_itself_rows(seen: FeedSeen) -> Iterator[Finding]:
    """Judge whether the copies of an item lie in it."""
    root = seen.target.root_identity
    volume = seen.item.volume if seen.item is not None else None
    if root is not None and isinstance(volume, Subvolume) and root.device == volume.device:
        found = "it lies in the subvolume itself: each copy would hold those before it"
        yield _row(f"destination {seen.target.target.holder}", found, Verdict.REFUSED, seen.feed)


def _row(looked_at: str, found: str, verdict: Verdict, feed: str | None = None) -> Finding:
    return Finding(feed=feed, looked_at=looked_at, found=found, verdict=verdict)
