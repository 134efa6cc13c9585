"""Where copies lie, as people read and type it. Pure."""

from __future__ import annotations

from dataclasses import replace

from engine.items.subvolumes import SNAPSHOTS
from engine.plan.model import Location, Plan
from engine.promises.chains import Copy
from policy.sources import BtrfsSource, TreeSource
from policy.values import AbsolutePath


def copy_path(plan: Plan, copy: Copy) -> bytes:
    """Where a copy lies, with `*` for the names of its generations."""
    location = copy.location
    if copy.dated is not None:
        names = (*location.names[: copy.dated], b"*", *location.names[copy.dated :])
        location = replace(location, names=names)
    return location_path(plan, location)


def location_path(plan: Plan, location: Location, root: AbsolutePath | None = None) -> bytes:
    """Where a copy lies, as one would type it: an absolute path, or user@host:path.

    `root`: what the location counts from at its destination, where that is not the destination's
    own path.
    """
    destination = plan.destination(location.holder)
    if destination is not None:
        path = (root or destination.path).joined(location.names).text
        return destination.ssh.account.encode() + b":" + path if destination.ssh else path
    source = plan.source(location.holder)
    if isinstance(source, TreeSource):
        return source.path.joined(location.names).text
    if isinstance(source, BtrfsSource):
        return source.path.joined((SNAPSHOTS, *location.names)).text
    return location.holder.encode() + b":" + b"/".join(location.names)
