"""A service and a timer for each leg that runs on the host on a schedule.

Owns what the units say. When a leg runs, how long it may take and what it touches was compiled
before; nothing of it is decided in a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.changes import RenderedFile
from engine.kinds import RUNNABLE_KINDS
from engine.layout import TRACKER_UNIT, unit_file
from engine.plan import LegPlan, Location, Plan, tree_root
from engine.tracking import tracked_sources
from policy.sources import DeviceSource, FilesSource
from policy.values import AbsolutePath, parse_absolute_path
from renderers.environment import RenderRefused, fill

GRACE = 300
"""Seconds that a run may take to tell and to clean up once its own limits have struck."""
_UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]*")
_HIDDEN = tuple(
    parse_absolute_path(path)
    for path in ("/tmp", "/var/tmp", "/usr/lib/modules", "/lib/modules", "/proc", "/sys")  # noqa: S108 - named, not written to
)
"""Places that the sandbox of a unit shows otherwise than they are."""


def render(plan: Plan) -> Iterator[RenderedFile]:
    """The units of a plan. Raises `RenderRefused`."""
    for leg in plan.legs:
        if _has_unit(leg):
            yield _service(plan, leg)
            yield _timer(plan, leg)


def unit_name(leg: str) -> str:
    """The name of a leg's units, without suffix."""
    if not _UNIT_NAME.fullmatch(leg):
        raise RenderRefused(f"{leg!r} cannot be part of a unit's name")
    return f"policyctl-{leg}"


def _has_unit(leg: LegPlan) -> bool:
    on_host = leg.leg.runner is None and leg.kind in RUNNABLE_KINDS
    return on_host and bool(leg.leg.schedule)


def _service(plan: Plan, leg: LegPlan) -> RenderedFile:
    content = fill(
        "service.j2",
        leg=leg.name,
        mounts=[_text(path) for path in mount_paths(plan, leg)],
        network=_needs_network(plan, leg),
        tracker=TRACKER_UNIT if _is_tracked(plan, leg) else "",
        timeout=_timeout(leg),
        idle=leg.leg.idle,
        sandboxed=_can_be_sandboxed(leg, touched_paths(plan, leg)),
    )
    return RenderedFile(path=unit_file(f"{unit_name(leg.name)}.service"), content=content)


def _timer(plan: Plan, leg: LegPlan) -> RenderedFile:
    delay = leg.leg.random_delay
    content = fill(
        "timer.j2",
        leg=leg.name,
        calendars=[f"{one.canonical()} {plan.timezone}" for one in leg.leg.schedule],
        delay=delay.seconds if delay else None,
    )
    return RenderedFile(path=unit_file(f"{unit_name(leg.name)}.timer"), content=content)


def _text(path: AbsolutePath) -> str:
    """The path as text; what is no UTF-8 becomes what the quoting filters refuse."""
    return path.text.decode("utf-8", "surrogateescape")


def _timeout(leg: LegPlan) -> int:
    """Seconds after which systemd ends a run: never before the run would have ended itself."""
    hooks = sum(hook.timeout.seconds for hook in (*leg.leg.before, *leg.leg.finally_))
    return leg.leg.wait.seconds + leg.leg.limits.whole.seconds + hooks + GRACE


# ── What a leg touches on this machine ───────────────────────────────────────────────────────


def mount_paths(plan: Plan, leg: LegPlan) -> list[AbsolutePath]:
    """Paths whose file systems systemd has to mount before a run.

    A destination that is not always there is left out: a run finds out by itself.
    """
    sometimes = {one.name for one in plan.destinations if one.sometimes}
    return _local_paths(plan, (one for one in _holders(plan, leg) if one.holder not in sometimes))


def touched_paths(plan: Plan, leg: LegPlan) -> list[AbsolutePath]:
    """All local paths that a leg reads or writes."""
    return _local_paths(plan, _holders(plan, leg))


def _local_paths(plan: Plan, locations: Iterable[Location]) -> list[AbsolutePath]:
    paths = {path for location in locations for path in _paths_of(plan, location)}
    return sorted(paths, key=lambda path: path.names)


def _holders(plan: Plan, leg: LegPlan) -> Iterator[Location]:
    """What a leg reads and writes; reading another leg means reading what that one writes."""
    for feed in leg.feeds:
        if feed.writes is not None:
            yield feed.writes
        upstream = plan.leg(feed.reads)
        if upstream is None:
            yield Location(holder=feed.reads)
            continue
        yield from (other.writes for other in upstream.feeds if other.writes is not None)


def _paths_of(plan: Plan, location: Location) -> list[AbsolutePath]:
    """Where a location lies on this machine; nowhere where its holder is elsewhere."""
    destination = plan.destination(location.holder)
    if destination is not None:
        return [] if destination.ssh else [destination.path.joined(location.names)]
    source = plan.source(location.holder)
    if isinstance(source, FilesSource):
        return list(source.paths)
    root = tree_root(source) if source else None
    return [] if root is None else [root.joined(location.names)]


def _needs_network(plan: Plan, leg: LegPlan) -> bool:
    for location in _holders(plan, leg):
        destination, source = plan.destination(location.holder), plan.source(location.holder)
        if (destination and destination.ssh) or isinstance(source, DeviceSource):
            return True
    return False


def _is_tracked(plan: Plan, leg: LegPlan) -> bool:
    """Whether the tracker follows what the leg reads.

    A pass that begins before all watches stand closes no gap: after a boot it would be in vain.
    """
    followed = {one.source for one in tracked_sources(plan)}
    return any(feed.reads in followed for feed in leg.feeds)


def _can_be_sandboxed(leg: LegPlan, paths: Iterable[AbsolutePath]) -> bool:
    """Whether the sandbox hides nothing from the leg.

    A mirror that sees an empty directory in place of a full one would delete the copies. What the
    administrator's own commands need is not known, so they get all that root has.
    """
    if leg.leg.before or leg.leg.finally_:
        return False
    return not any(
        path.contains(hidden) or hidden.contains(path) for path in paths for hidden in _HIDDEN
    )
