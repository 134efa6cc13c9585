"""Paths and lengths of time as text."""

from __future__ import annotations

import base64
from dataclasses import replace

from engine.items.subvolumes import SNAPSHOTS
from engine.plan.model import Location, Plan
from engine.promises.chains import Copy
from policy.sources import BtrfsSource, TreeSource
from policy.values import display
from policyctl.views.console import Json


def path_json(path: bytes, key: str = "path") -> dict[str, Json]:
    """A path as JSON: `path` where it is UTF-8, else `path_b64`."""
    try:
        return {key: path.decode()}
    except UnicodeDecodeError:
        return {f"{key}_b64": base64.b64encode(path).decode()}


def copy_path(plan: Plan, copy: Copy) -> bytes:
    """Where a copy lies, with `*` for the names of its generations."""
    location = copy.location
    if copy.dated is not None:
        names = (*location.names[: copy.dated], b"*", *location.names[copy.dated :])
        location = replace(location, names=names)
    return location_path(plan, location)


def location_path(plan: Plan, location: Location) -> bytes:
    """Where a copy lies, as one would type it: an absolute path, or user@host:path."""
    destination = plan.destination(location.holder)
    if destination is not None:
        path = destination.path.joined(location.names).text
        return destination.ssh.account.encode() + b":" + path if destination.ssh else path
    source = plan.source(location.holder)
    if isinstance(source, TreeSource):
        return source.path.joined(location.names).text
    if isinstance(source, BtrfsSource):
        return source.path.joined((SNAPSHOTS, *location.names)).text
    return location.holder.encode() + b":" + b"/".join(location.names)


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things: `1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def show_path(path: bytes) -> str:
    """A path on one line."""
    return display(path)


def show_text(text: str) -> str:
    """A line of the manifest, such as a route's key, on one line."""
    return display(text.encode("utf-8", "surrogateescape"))
