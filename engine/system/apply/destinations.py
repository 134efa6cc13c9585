"""Who a destination is: its identity, recorded at `apply`.

So is that of a btrfs whose subvolumes are a source: snapshots are written there, and removed.

Below a root other than `/` a marker file stands for the mounted file system: it holds the
destination's name and an id, and goes when the directory is emptied or another one lies there.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
from dataclasses import dataclass
from datetime import datetime

from engine.plan.model import Plan
from engine.system.host.file_systems import mount_of, read_mounts
from engine.system.host.places import MARKER, Places
from engine.system.items.btrfs import identity_of_btrfs
from engine.system.items.failures import BtrfsFailed
from engine.system.journal.journal import open_journal
from engine.system.state.disk_identity import find_identity
from engine.system.state.left_plans import LeftPlans
from engine.system.state.state import State, open_state
from policy.destinations import Destination
from policy.sources import BtrfsSource
from policy.values import display

_REPLACED = "the disk was replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of one destination, or one source, at `apply`."""

    destination: str
    """Its name; sources and destinations share one name space."""
    what: str = "destination"
    recorded: bool
    """Whether its identity is on record now."""
    sentence: str


def record_destinations(
    plan: Plan, places: Places, *, now: datetime, replace: frozenset[str] = frozenset()
) -> tuple[Recorded, ...]:
    """Record the identity of each place that has none yet, or is named in `replace`.

    An identity once recorded stays: a disk that is not mounted today must not be taken for new.
    """
    with open_state(places.state_file) as state:
        before = {one.name: state.destination_identity(one.name) for one in plan.destinations}
        for one in plan.destinations:
            if one.name in replace and places.reaches_over_ssh(one):
                _take_another(one, plan, places, state, now)
        recorded = tuple(
            _record(one, places, state, now, renew=one.name in replace) for one in plan.destinations
        )
        recorded += tuple(
            dataclasses.replace(
                _record_btrfs(one, places, state, now, renew=one.name in replace), what="source"
            )
            for one in plan.sources
            if isinstance(one, BtrfsSource)
        )
        after = {one.name: state.destination_identity(one.name) for one in plan.destinations}
    for name, identity in before.items():
        if identity is not None and after[name] != identity:
            # Who reads these copies further knows another disk's.
            with open_journal(places.journal_file) as journal:
                journal.add_gap(name, _REPLACED, now)
    return recorded


def _record(
    destination: Destination, places: Places, state: State, now: datetime, *, renew: bool
) -> Recorded:
    name = destination.name
    if places.reaches_over_ssh(destination):
        return _told(name, "it is reached over SSH, so no file system is recorded", recorded=False)
    root = places.destination_root(destination)
    found = find_identity(destination, places)
    kept = None if renew else _kept(name, state.destination_identity(name), found)
    if kept is not None:
        return kept
    if not os.path.isdir(root):  # noqa: PTH112 - the path is bytes
        missing = (
            f"nothing was recorded: there is no directory {display(root)}; "
            "create it, then `policyctl apply` again"
        )
        return _told(name, missing, recorded=False)
    if not places.staged and destination.mount_required and _on_root(root):
        missing = (
            f"nothing was recorded: {display(root)} is not mounted; "
            "mount it, then `policyctl apply` again"
        )
        return _told(name, missing, recorded=False)
    if places.staged and found is None:
        found = _place_marker(root, name, replace=renew)
        if found is None:
            other = f"{display(root)} bears the mark of another destination ({_replaced(name)})"
            return _told(name, f"nothing was recorded: {other}", recorded=False)
    assert found is not None, "a directory has an identity"
    state.record_destination(name, found, now)
    return _told(name, f"recorded as {found}", recorded=True)


def _take_another(
    destination: Destination, plan: Plan, places: Places, state: State, now: datetime
) -> None:
    """Take what lies on another machine now for the destination, and look at all of it."""
    LeftPlans(state.connection).forget(destination)
    with open_journal(places.journal_file) as journal:
        for leg in plan.legs:
            for feed in leg.feeds:
                written = feed.writes is not None and feed.writes.holder == destination.name
                if written and journal.knows(leg.name, feed.reads):
                    journal.add_reader_gap(leg.name, feed.reads, _REPLACED, now)


def _record_btrfs(
    source: BtrfsSource, places: Places, state: State, now: datetime, *, renew: bool
) -> Recorded:
    name, problem, found = source.name, "", None
    try:
        found = identity_of_btrfs(places.below_root(source.path))
    except BtrfsFailed as error:
        problem = str(error)
    kept = None if renew else _kept(name, state.destination_identity(name), found)
    if kept is not None:
        return kept
    if found is None:
        missing = f"nothing was recorded: {problem}; mount it, then `policyctl apply` again"
        return _told(name, missing, recorded=False)
    state.record_destination(name, found, now)
    return _told(name, f"recorded as {found}", recorded=True)


def _kept(name: str, known: str | None, found: str | None) -> Recorded | None:
    """What is on record already stays; None where nothing is."""
    if known is None:
        return None
    if found == known:
        return _told(name, f"it is {known}, as recorded", recorded=True)
    kept = f"it is {found or 'not there'}; {known} stays on record"
    return _told(name, f"{kept} ({_replaced(name)})", recorded=True)


def _replaced(name: str) -> str:
    return f"if the disk was replaced on purpose: `policyctl apply --new-disk {name}`"


def _told(name: str, sentence: str, *, recorded: bool) -> Recorded:
    return Recorded(destination=name, recorded=recorded, sentence=sentence)


def _on_root(path: bytes) -> bool:
    mount = mount_of(path, read_mounts())
    return mount is None or mount.point == b"/"


def _place_marker(root: bytes, name: str, *, replace: bool) -> str | None:
    """Mark a directory as this destination's; None where another's mark is in the way."""
    identity = f"marker:{secrets.token_hex(8)}"
    path = root.rstrip(b"/") + b"/" + MARKER
    if os.path.lexists(path):
        if not replace:
            return None
        os.unlink(path)  # noqa: PTH108 - the path is bytes
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"{name}\n{identity}\n".encode())
        file.flush()
        os.fsync(descriptor)
    return identity
