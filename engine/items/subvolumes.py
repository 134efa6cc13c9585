"""Subvolumes of a source, our snapshots of them, and what is neither. Pure.

    /srv/data/photos                                                      a subvolume
    /srv/data/.policyctl-snapshots/photos/2026-11-28T03-00-00Z.nightly    the leg's snapshot of it

A snapshot is ours where all of this holds: it lies there, under such a name; it is a read-only
subvolume; and its parent is the subvolume after which its folder is named, by UUID. Where one of
these fails it is a *stray*: told, never removed and never read. A subvolume that was deleted leaves
strays, since they may be the last copy of it; so does one that was renamed, or was replaced by one
of its snapshots, since the older ones belong to another line of its history then.

The name of the leg stands behind the moment, so that a leg that is renamed renames them where they
lie: a read-only subvolume cannot be moved to another folder.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.generations.names import moment_of, name_of
from engine.items.btrfs import SubvolumeInfo
from engine.plan.selection import is_reserved
from policy.patterns import parse_component
from policy.sources import BtrfsSource
from policy.values import Percentage, display

SNAPSHOTS: Final = b".policyctl-snapshots"
"""The directory for them, in that of the source."""
_DOT: Final = b"."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subvolume:
    """A subvolume that lies in the directory of a source."""

    root: bytes
    """The directory, as a path that can be opened."""
    name: bytes
    file_system: str
    uuid: str
    device: int
    """By which its files are known while it is mounted; no other subvolume has it."""
    read_only: bool = False
    parent: str = ""
    """The UUID of what it is a snapshot of."""
    nested: tuple[bytes, ...] = ()
    """Subvolumes in it, by their paths: they are in none of its snapshots."""

    @property
    def is_others_snapshot(self) -> bool:
        """Whether it is a snapshot that somebody else took: one that was restored is writable."""
        return self.read_only and bool(self.parent)

    def snapshot_text(self, moment: datetime, leg: str) -> str:
        """How people name the snapshot that a run makes."""
        return _text(self.name, snapshot_name(moment, leg))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubvolumeSnapshot:
    """A snapshot of ours."""

    of: Subvolume
    number: int
    uuid: str
    moment: datetime
    leg: str
    """Who took it, by the name that the leg had then."""

    @property
    def name(self) -> bytes:
        """Its name in the folder of its subvolume."""
        return snapshot_name(self.moment, self.leg)

    @property
    def path(self) -> bytes:
        """Where it lies."""
        return b"/".join((self.of.root.rstrip(b"/"), SNAPSHOTS, self.of.name, self.name))

    @property
    def text(self) -> str:
        """How people name it."""
        return _text(self.of.name, self.name)

    @property
    def current(self) -> bool:
        """Whether it is of the subvolume that bears the name now: else it is a stray."""
        return True

    @property
    def aside(self) -> bool:
        """Whether it is of what a rollback has set aside: nobody rolls subvolumes back."""
        return False


class StrayReason(enum.Enum):
    """Why something that lies there is not ours."""

    NO_SNAPSHOT = "not made by a leg, by name or kind"
    WRITABLE = "not read-only, so nobody knows what is in there"
    SUBVOLUME_GONE = "no subvolume has that name any more, so this may be the last copy of it"
    OTHER_SUBVOLUME = "taken of another subvolume than the one that has that name now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Something that lies where our snapshots do and is not ours."""

    folder: bytes
    name: bytes
    """Empty: the folder itself is none."""
    why: StrayReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """The btrfs that holds the subvolumes of a source, and its room."""

    path: bytes
    uuid: str
    free: Percentage
    metadata_free: Percentage | None
    """Of what metadata have and could get; None: it was not told."""
    read_only: bool

    @property
    def identity(self) -> str:
        """As it is recorded of file systems at `apply`."""
        return identity_of(self.uuid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that is in the directory of a source."""

    file_system: FileSystem
    subvolumes: tuple[Subvolume, ...]
    snapshots: tuple[SubvolumeSnapshot, ...] = ()
    strays: tuple[Stray, ...] = ()


def identity_of(uuid: str) -> str:
    """Return what is recorded of the btrfs with that UUID."""
    return f"uuid:{uuid}"


def is_meant(source: BtrfsSource, name: bytes) -> bool:
    """Whether a subvolume of that name is one of the source's items."""
    pattern = parse_component(source.subvolumes.encode())
    return pattern.matches(name) and not is_reserved((name,), directory=True)


def snapshot_name(moment: datetime, leg: str) -> bytes:
    """Return what the snapshot of a run is called: `2026-11-28T03-00-00Z.nightly`."""
    return name_of(moment) + _DOT + leg.encode()


def whose(
    folder: bytes, name: bytes, info: SubvolumeInfo | None, subvolumes: Mapping[bytes, Subvolume]
) -> SubvolumeSnapshot | Stray:
    """Say what lies in a folder of snapshots; `info` is None where it is no subvolume."""
    moment, leg = _parse(name)
    if info is None or moment is None or not leg:
        return Stray(folder=folder, name=name, why=StrayReason.NO_SNAPSHOT)
    of = subvolumes.get(folder)
    if of is None:
        return Stray(folder=folder, name=name, why=StrayReason.SUBVOLUME_GONE)
    if info.parent != of.uuid:
        return Stray(folder=folder, name=name, why=StrayReason.OTHER_SUBVOLUME)
    if not info.read_only:
        return Stray(folder=folder, name=name, why=StrayReason.WRITABLE)
    return SubvolumeSnapshot(of=of, number=info.number, uuid=info.uuid, moment=moment, leg=leg)


def _parse(name: bytes) -> tuple[datetime | None, str]:
    """The moment and the leg that a name says."""
    moment, _, leg = name.partition(_DOT)
    return moment_of(moment), leg.decode("ascii") if leg.isascii() else ""


def _text(folder: bytes, name: bytes) -> str:
    return display(b"/".join((SNAPSHOTS, folder, name)))


def room_problem(found: FileSystem, min_free: Percentage | None) -> str:
    """Return why no snapshot may be taken there now; empty where one may.

    A snapshot takes next to nothing; what it takes, it takes from the metadata.
    """
    if found.read_only:
        return f"the btrfs at {display(found.path)} can only be read: has it failed?"
    for what, free in (("space", found.free), ("metadata", found.metadata_free)):
        if min_free is not None and free is not None and free < min_free:
            return (
                f"the btrfs at {display(found.path)} has {free} of its {what} free: not {min_free}"
            )
    return ""
