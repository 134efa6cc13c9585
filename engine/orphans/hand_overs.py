"""What changes hands by a plan: what a leg will own without having put it there as its copy is now.

An orphan becomes a leg's own again, or a leg reads another tree than its copies are of. The first
pass after that deletes nothing by itself: what the source does not hold may be the only copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from engine.changes.renames import plan_renamed, renames_between
from engine.orphans.carriers import is_owned, owner_of
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Feed, LegPlan, Location, Plan
from engine.plan.readers import tree_read
from engine.plan.spots import literal_head
from policy.legs import MirrorLeg
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedAgain:
    """An orphan that a leg of the plan carries, and who that is."""

    orphan: Orphan
    leg: LegPlan
    feed: Feed


def owned_again(
    plan: Plan, orphans: Iterable[Orphan], retired: Collection[Location]
) -> Iterator[OwnedAgain]:
    """The orphans that are none by this plan. `retired` are directories whose legs have left."""
    for orphan in orphans:
        if orphan.is_set_aside or not is_owned(plan, orphan.place, retired):
            continue
        feed = owner_of(plan, orphan.place.holder, literal_head(orphan.place.pattern))
        leg = next((one for one in plan.legs if any(feed is own for own in one.feeds)), None)
        if leg is not None and feed is not None:
            yield OwnedAgain(orphan=orphan, leg=leg, feed=feed)


def set_aside_again(plan: Plan, orphans: Iterable[Orphan]) -> Iterator[Orphan]:
    """What was set aside at places that a leg writes again: its runs see to that."""
    written = {feed.writes for leg in plan.legs for feed in leg.feeds}
    yield from (one for one in orphans if one.is_set_aside and one.base in written)


def hand_overs(
    applied: Plan, plan: Plan, orphans: Iterable[Orphan], retired: Collection[Location]
) -> dict[str, str]:
    """By each leg whose next pass deletes nothing unless it is allowed to: why."""
    found = {
        one.leg.name: f"{one.orphan.place}, left behind until now, is its own again"
        for one in owned_again(plan, orphans, retired)
        if isinstance(one.leg.leg, MirrorLeg)
    }
    before = plan_renamed(applied, renames_between(applied, plan))
    for leg in plan.legs:
        old = before.leg(leg.name)
        if old is None or not isinstance(leg.leg, MirrorLeg):
            continue
        for reads in {one.reads for one in leg.feeds} & {one.reads for one in old.feeds}:
            was, now = tree_read(before, reads), tree_read(plan, reads)
            if was != now:
                found[leg.name] = f"it reads {display(now)}, and its copies are of {display(was)}"
    return found
