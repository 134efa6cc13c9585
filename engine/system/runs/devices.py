"""A device that a leg reads, as far as it can be looked at: not at all, until it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime

from engine.generations.names import Generation, Standing, name_of
from engine.plan.model import Feed, Plan
from engine.reach.targets import Identity, Presence
from engine.runs.observation import FeedSeen, FilterState, SourceSeen, TargetSeen
from policy.parts import SshTarget
from policy.sources import DeviceSource


def device_of(plan: Plan, feed: Feed) -> SshTarget | None:
    """The device that a feed reads; None where it reads anything else."""
    source = plan.source(feed.reads)
    return source.ssh if isinstance(source, DeviceSource) else None


def device_seen(
    feed: Feed,
    device: SshTarget,
    target: TargetSeen,
    generations: tuple[Generation, ...],
    now: datetime,
) -> FeedSeen:
    """What is known of a device: what was fetched of it the last time.

    What is dated in the future is no measure: it would be that until its day comes.
    """
    newest = newest_good(one for one in generations if one.moment <= now)
    folder = target.target.path + b"/" + (name_of(newest) if newest is not None else b"")
    return FeedSeen(
        feed=feed.reads,
        source=nowhere(b""),
        target=target,
        filter_path=b"",
        filter_state=FilterState.NONE,
        generations=generations,
        device=device,
        fetched=_sizes(folder) if newest is not None else (),
    )


def newest_good(generations: Iterable[Generation]) -> datetime | None:
    """The newest generation that was verified; the newest of any, where none is known to be.

    One that was told to be too small is no measure for the next one: that would be well, and the
    last good one would go (law 18).
    """
    whole = [one for one in generations if one.counts]
    verified = [one.moment for one in whole if one.standing is Standing.VERIFIED]
    return max(verified or [one.moment for one in whole], default=None)


def nowhere(path: bytes, previous_entries: int | None = None) -> SourceSeen:
    """What is read where nothing of it can be looked at before it is opened, or asked."""
    return SourceSeen(
        path=path,
        presence=Presence.DIRECTORY,
        identity=Identity(path=path, device=0, inode=0),
        file_system="",
        previous_entries=previous_entries,
    )


def _sizes(folder: bytes) -> tuple[tuple[bytes, int], ...]:
    """The files directly in a folder, and how long they are."""
    with os.scandir(folder) as entries:
        return tuple((one.name, one.stat(follow_symlinks=False).st_size) for one in entries)
