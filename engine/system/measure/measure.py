"""Measuring source trees: how much data lies where, and how much each routing line decides."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

from engine.plan.model import Plan, RouteLine, RoutingTable
from engine.records.measurement import Measurement, Volume
from engine.routing.dropped import dropping, ignores_digest
from engine.routing.feeds import ignores_for
from engine.routing.volumes import Listing, SourceVolumes, volumes_by_line
from engine.system.host.descent import NotThere, descending, opened_root
from engine.system.host.places import Places
from engine.system.measure.walk import Told, Walked, list_files, walk
from engine.system.state.state import State
from policy.patterns import PathPattern
from policy.sources import TreeSource


def known_volumes(
    plan: Plan, source: TreeSource, places: Places, state: State | None
) -> SourceVolumes | None:
    """How much each line of a tree decides, by what `policyctl measure` found last.

    Where that says nothing (never measured, other ignores, another path), the tree is walked now.
    None where there is neither a measurement nor a tree. A source that no route names has one
    line: all of it.
    """
    known = _known(plan, source, state)
    if known is not None and not _lacks_some(plan, source, places, known):
        return shared_out(plan, source, places, known, measured=known.at)
    fresh = measure(plan, source, places)
    return None if fresh is None else shared_out(plan, source, places, fresh)


def _lacks_some(plan: Plan, source: TreeSource, places: Places, known: Measurement) -> bool:
    """Whether a line names a directory that holds files, and that nothing was measured in.

    It came after the tree was measured: by the old figures it would be empty.
    """
    table = plan.table(source.name)
    named = {b"/".join(line.pattern.literal or ()) for line in table.lines} if table else set()
    root = places.below_root(source.path)
    there = {one for one in named if one and os.path.isdir(b"/".join((root, one)))}  # noqa: PTH112 - bytes
    lacking = there - {path for path, _, _ in known.rows}
    return any(
        not any(path.startswith(one + b"/") for path, _, _ in known.rows)
        and any(files for _, _, files in os.walk(b"/".join((root, one))))
        for one in lacking
    )


def measure(
    plan: Plan, source: TreeSource, places: Places, told: Told | None = None
) -> Measurement | None:
    """Walk a tree; None where it is not there."""
    begun, at = time.monotonic(), datetime.now(UTC)
    try:
        with opened_root(places.below_root(source.path)) as root:
            if not os.listdir(root):  # noqa: PTH208 - a descriptor
                return None  # as a run does: what is empty is taken for unmounted (law 11)
            found = walk(root, ignores_for(source.name, plan.ignores), told)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        found = Walked(rows=(), ignored=Volume(), unreadable=1)
    return Measurement(
        at=at,
        seconds=time.monotonic() - begun,
        ignores=ignores_digest(plan, source),
        rows=found.rows,
        ignored=found.ignored,
        unreadable=found.unreadable,
    )


def shared_out(
    plan: Plan,
    source: TreeSource,
    places: Places,
    measurement: Measurement,
    *,
    measured: datetime | None = None,
) -> SourceVolumes:
    """A measurement by routing lines; few directories are listed again, where lines split them."""
    with _listing(plan, source, places) as listing:
        by_line = volumes_by_line(_table(plan, source), measurement.rows, listing)
    return SourceVolumes(
        source=source.name,
        by_line=by_line,
        ignored=measurement.ignored,
        unreadable=measurement.unreadable,
        measured=measured,
    )


def _known(plan: Plan, source: TreeSource, state: State | None) -> Measurement | None:
    """What is measured already, also under the name that the source still has in the state."""
    if state is None:
        return None
    digest = ignores_digest(plan, source)
    for name in (source.name, source.was):
        found = state.measurements.of(name) if name else None
        if found is not None and found.ignores == digest:
            return found
    return None


def _table(plan: Plan, source: TreeSource) -> RoutingTable:
    """The source's lines; of one that is taken as a whole, one line that is all of it."""
    whole = RouteLine(text=str(source.path), pattern=PathPattern(), leg=None)
    return plan.table(source.name) or RoutingTable(source=source.name, lines=(whole,))


@contextmanager
def _listing(plan: Plan, source: TreeSource, places: Places) -> Iterator[Listing]:
    """Lists directories of a tree; says None of one that cannot be reached."""
    drops = dropping(ignores_for(source.name, plan.ignores))
    seen: set[tuple[int, int]] = set()
    with ExitStack() as held:
        descent = None
        with suppress(OSError):
            root = held.enter_context(opened_root(places.below_root(source.path)))
            descent = held.enter_context(descending(root))

        def listed(path: bytes) -> list[tuple[bytes, int]] | None:
            if descent is None:
                return None
            try:
                return list_files(descent, tuple(path.split(b"/")) if path else (), drops, seen)
            except (NotThere, OSError):
                return None

        yield listed
