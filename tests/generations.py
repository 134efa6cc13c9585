"""What a run of a leg that keeps generations has seen, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing, name_of
from engine.items.items import Item, Snapshot
from engine.items.thin_pool import ThinSnapshot
from engine.legs import Run
from engine.plan.model import Feed, LegPlan, Location
from engine.plan.selection import Line, Selection
from engine.reach.targets import Identity, Presence, Target
from engine.runs.observation import FeedSeen, FilterState, Observation, SourceSeen, TargetSeen
from policy.legs import Leg
from policy.parts import Limits
from policy.patterns import PathPattern
from policy.values import Duration
from tests.fake_lvm import snapshot, volume

NOW = datetime(2026, 11, 28, 3, 0, 0, 7, tzinfo=UTC)
NAME = b"2026-11-28T03-00-00Z"
ZONE = ZoneInfo("Europe/Sofia")
LIMITS = Limits(whole=Duration(3600))
RUN = Run(run_id="r1", now=NOW, directory=b"/run/n", control=b"/run/n/ssh")
ALL = Selection(lines=(Line(pattern=PathPattern(), taken=True),))
SOURCE = Identity(path=b"/srv/data", device=1, inode=2)
ROOT = Identity(path=b"/mnt/disk", device=1, inode=3)
HIST = Target(holder="disk", root=b"/mnt/disk", names=(b"hist",))


def ago(days: int) -> datetime:
    """When the run of so many days before this one began."""
    return NOW.replace(microsecond=0) - timedelta(days=days)


def named(days: int) -> bytes:
    """The name of its generation."""
    return name_of(ago(days))


def known(*days: int, standing: Standing = Standing.VERIFIED) -> tuple[Generation, ...]:
    """Generations of so many days ago, in that order."""
    return tuple(Generation(moment=ago(one), standing=standing) for one in days)


def seen(
    generations: Sequence[Generation] = (),
    *,
    others: Sequence[bytes] = (),
    files: Sequence[bytes] = (),
    feed: str = "data",
) -> FeedSeen:
    """A feed of a tree; `others` and `files` lie beside the generations."""
    directories = {*(name_of(one.moment) for one in generations), *others}
    return FeedSeen(
        feed=feed,
        source=SourceSeen(
            path=b"/srv/data",
            presence=Presence.DIRECTORY,
            identity=SOURCE,
            file_system="uuid:a",
            mounts=(b"/srv/data/m",),
            mounted=(Identity(path=b"/srv/data/m", device=4, inode=5),),
            previous_entries=9,
        ),
        target=TargetSeen(
            target=HIST,
            present=True,
            entries=tuple(sorted(directories.union(files))),
            directories=frozenset(directories),
            root_identity=ROOT,
        ),
        filter_path=b"/f.rules",
        filter_state=FilterState.SAME,
        generations=tuple(generations),
    )


def of(origin: str, snapshot: Snapshot) -> ThinSnapshot:
    """The same snapshot, of another volume."""
    assert isinstance(snapshot, ThinSnapshot)
    return replace(snapshot, volume=replace(snapshot.volume, origin=origin))


def web(*, key_file: bytes | None = None, snapshots: int = 1) -> Item:
    """An item: the volume `web`, and snapshots of it, a day between each two."""
    taken = tuple(replace(snapshot(), moment=ago(days)) for days in range(snapshots, 0, -1))
    return Item(names=(b"apps", b"web"), volume=volume(), snapshots=taken, key_file=key_file)


def seen_item(item: Item, generations: Sequence[Generation] = ()) -> FeedSeen:
    """The same of an item."""
    found = seen(generations, feed=item.name)
    at = Identity(path=b"/run/n/item", device=0, inode=0)
    source = replace(found.source, path=at.path, identity=at, mounts=(), mounted=())
    return replace(found, source=source, item=item)


def observed(*feeds: FeedSeen) -> Observation:
    """An observation of some feeds."""
    return Observation(plan_host="pve", host=None, rsync=(3, 5, 0), feeds=feeds, timezone=str(ZONE))


def planned(leg: Leg, reads: str = "data", selection: Selection | None = ALL) -> LegPlan:
    """The plan of a leg that writes to the folder."""
    writes = Location(holder="disk", names=(b"hist",))
    return LegPlan(leg=leg, feeds=(Feed(reads=reads, writes=writes, selection=selection),))
