"""What a leg reads that has no tree: a device, a server, a program. It is asked, not looked at."""

from __future__ import annotations

import shutil
from dataclasses import replace

from engine.plan.model import Feed, LegPlan
from engine.runs.observation import FeedSeen
from engine.system.runs.devices import device_of, device_seen
from engine.system.runs.observe_target import NothingToRead, TargetLook
from engine.system.state.state import stream_of
from policy.legs import DumpLeg, FetchLeg
from policy.sources import DumpedSource


def product_seen(look: TargetLook, leg_plan: LegPlan, feed: Feed) -> FeedSeen | None:
    """Such a source, and the folder of its generations; None where a feed reads anything else.

    Raises `NothingToRead`.
    """
    device, source = device_of(look.plan, feed), look.plan.source(feed.reads)
    if feed.writes is None or (device is None and not isinstance(source, DumpedSource)):
        return None
    if device is not None and look.places.staged:
        raise NothingToRead(f"{feed.reads} is a device: below another root none is asked")
    stream = stream_of(look.plan, leg_plan, feed, look.state)
    target = look.target(feed.writes)
    known = look.state.generations.among(stream, target.directories)
    if device is not None:
        # Whether it answers, the run finds out.
        seen = device_seen(feed, device, target, known, look.run.now)
        return replace(seen, lacks=_lacking(leg_plan))
    from engine.system.runs.servers import dumped_seen  # dear to load for all other legs

    assert isinstance(source, DumpedSource)
    each = isinstance(leg_plan.leg, DumpLeg) and leg_plan.leg.per_database
    found = dumped_seen(
        feed, source, target, known, per_database=each, places=look.places, now=look.run.now
    )
    return replace(found, lacks=_lacking(leg_plan))


def _lacking(leg_plan: LegPlan) -> tuple[str, ...]:
    leg = leg_plan.leg
    encrypts = isinstance(leg, DumpLeg | FetchLeg) and leg.encryption is not None
    return ("age",) if encrypts and shutil.which("age") is None else ()
