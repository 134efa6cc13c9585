"""What a `dump` leg reads, as it is before anything is written: the server, and its last dump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.dumps.record import DumpRecord
from engine.generations.names import Generation, Standing, name_of
from engine.plan.model import Feed
from engine.runs.observation import DumpedSeen, FeedSeen, FilterState, TargetSeen
from engine.system.dumps.asking import server_seen
from engine.system.dumps.record_file import record_at
from engine.system.host.places import Places
from engine.system.runs.devices import nowhere
from engine.system.runs.observe_target import NothingToRead
from policy.sources import DumpedSource, SqliteSource
from policy.values import parse_absolute_path


def dumped_seen(
    feed: Feed,
    source: DumpedSource,
    target: TargetSeen,
    generations: tuple[Generation, ...],
    *,
    per_database: bool,
    places: Places,
    now: datetime,
) -> FeedSeen:
    """Ask it. Raises `NothingToRead` below another root, where only a file can be looked at."""
    if isinstance(source, SqliteSource):
        here = places.below_root(source.path).decode("utf-8", "surrogateescape")
        source = replace(source, path=parse_absolute_path(here))
    elif places.staged:
        raise NothingToRead(f"{feed.reads} is a server: below another root none is asked")
    # One that is dated in the future would be the measure until its day comes.
    past = [one for one in generations if one.moment <= now]
    vouched = any(one.standing is Standing.VERIFIED for one in past)
    return FeedSeen(
        feed=feed.reads,
        source=nowhere(b""),
        target=target,
        filter_path=b"",
        filter_state=FilterState.NONE,
        generations=generations,
        dumped=DumpedSeen(
            source=source,
            server=server_seen(source, per_database=per_database),
            before=_last_verified(target, past),
            vouched=vouched,
        ),
    )


def _last_verified(target: TargetSeen, generations: Sequence[Generation]) -> DumpRecord | None:
    """The record of the newest dump that was verified.

    Where none is known to be, as after the state was lost, the dumps' own records say which was:
    one that its run has spoken against is no measure, or the last good one would go (law 18).
    """
    verified = [one.moment for one in generations if one.standing is Standing.VERIFIED]
    moments = verified or [one.moment for one in generations if one.counts]
    for moment in sorted(moments, reverse=True):
        found = record_at(target.target.path, name_of(moment))
        if found is not None and (verified or not found.told):
            return found
    return None
