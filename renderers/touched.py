"""Which paths of this machine legs and checks look at, and which legs need another machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.plan.model import LegPlan, Location, Plan, tree_root
from policy.checks import Check, SqliteIntegrityCheck
from policy.patterns import PathPattern
from policy.sources import BtrfsSource, DeviceSource, FilesSource, SqliteSource, TreeSource
from policy.values import AbsolutePath
from renderers.dumped import Reach, dumped_by, reach_of


def mount_paths(plan: Plan, leg: LegPlan) -> list[AbsolutePath]:
    """Paths whose file systems systemd has to mount before a run.

    A destination that is not always there is left out: a run finds out by itself.
    """
    sometimes = {one.name for one in plan.destinations if one.sometimes}
    return _local_paths(plan, (one for one in _holders(plan, leg) if one.holder not in sometimes))


def is_remote(plan: Plan, leg: LegPlan) -> bool:
    """Whether a leg reaches another machine."""
    if any(reach_of(one) is Reach.ELSEWHERE for one in dumped_by(plan, leg)):
        return True
    for location in _holders(plan, leg):
        destination, source = plan.destination(location.holder), plan.source(location.holder)
        if (destination and destination.ssh) or isinstance(source, DeviceSource):
            return True
    return False


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
        # Snapshots lie where their source does.
        yield from (one.writes or Location(holder=one.reads) for one in upstream.feeds)


def _paths_of(plan: Plan, location: Location) -> list[AbsolutePath]:
    """Where a location lies on this machine; nowhere where its holder is elsewhere."""
    destination = plan.destination(location.holder)
    if destination is not None:
        return [] if destination.ssh else [destination.path.joined(location.names)]
    source = plan.source(location.holder)
    if isinstance(source, FilesSource):
        return list(source.paths)
    if isinstance(source, BtrfsSource):
        return [source.path]
    if isinstance(source, SqliteSource):
        return [AbsolutePath(source.path.names[:-1])]
    root = tree_root(source) if source else None
    return [] if root is None else [root.joined(location.names)]


def databases_of(plan: Plan, check: Check) -> tuple[AbsolutePath, ...]:
    """The directory in which the databases of a check lie, if it looks at some."""
    source = plan.source(check.source) if isinstance(check, SqliteIntegrityCheck) else None
    if isinstance(source, SqliteSource):
        return (AbsolutePath(source.path.names[:-1]),)
    return (source.path,) if isinstance(source, TreeSource) else ()


def literal_part(pattern: PathPattern) -> AbsolutePath:
    """The innermost path that holds all that a pattern matches, as far as it has no wildcard."""
    names = []
    for component in pattern.components:
        if component.literal is None:
            break
        names.append(component.literal)
    return AbsolutePath(tuple(names))
