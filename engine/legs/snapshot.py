"""`snapshot`: snapshots of volumes and subvolumes where they lie: a rollback, no copy.

All are taken before the first one is removed, so that they are of one time. What is removed is the
engine's own by name, tag and origin (a subvolume's: by place, name and parent), and each item keeps
its own (law 35).
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing
from engine.items.items import Item
from engine.legs.generation_frame import letting_go
from engine.legs.hooks import hooks_after, hooks_before
from engine.legs.kind import Run
from engine.plan.model import LegPlan
from engine.runs.observation import Observation
from engine.steps.model import Step
from engine.steps.snapshots import RemoveSnapshots, TakeSnapshot
from policy.legs import SnapshotLeg
from policy.parts import Keep


class SnapshotKind:
    """The kind `snapshot` as `engine.legs.kind_of` gives it."""

    def steps(
        self, leg_plan: LegPlan, observation: Observation, run: Run, feeds: tuple[str, ...]
    ) -> tuple[Step, ...]:
        """Take all snapshots, then remove what goes."""
        leg = leg_plan.leg
        assert isinstance(leg, SnapshotLeg)
        zone = ZoneInfo(observation.timezone)
        items = [
            item for one in observation.inventories for item in one.items if item.name in feeds
        ]
        return (
            *hooks_before(leg),
            *(
                TakeSnapshot(feed=one.name, volume=one.volume, moment=run.now, leg=leg.name)
                for one in items
            ),
            *(step for one in items for step in _removed(one, leg.keep, run, zone)),
            *hooks_after(leg),
        )


def _removed(item: Item, keep: Keep, run: Run, zone: ZoneInfo) -> Iterator[Step]:
    by_moment = {one.moment: one for one in item.snapshots}
    # A snapshot is whole once it is there: LVM and btrfs make it in one change of their metadata.
    known = tuple(Generation(moment=one, standing=Standing.VERIFIED) for one in by_moment)
    decisions = letting_go(known, keep, run, zone, item.held)
    if decisions:
        yield RemoveSnapshots(
            feed=item.name,
            snapshots=tuple(by_moment[one.generation.moment] for one in decisions),
            decisions=decisions,
        )
