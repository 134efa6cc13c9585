"""Snapshots of subvolumes: taken, given to a renamed leg, kept while they are read, removed.

Before each change a subvolume must still be what was looked at, by its UUID; after it the kernel is
asked whether it took place.

Who reads a snapshot holds a lock on it (flock(2), which dies with the reader), and who removes one
needs that lock alone. Without it a snapshot that is removed while rsync reads it turns into an
empty directory, and rsync ends with 0 (measured).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from engine.items.btrfs import ABOUT_SUBVOLUME, delete_command, snapshot_command
from engine.items.subvolumes import Subvolume, SubvolumeSnapshot, snapshot_name, whose
from engine.system.items.btrfs import (
    ask,
    change,
    folder_of,
    info_at,
    info_of,
    inside,
    is_there,
    live,
    make_folder,
    telling,
)
from engine.system.items.failures import BtrfsFailed
from policy.values import display


class InUse(Exception):
    """A snapshot is being read; it goes with a later run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSnapshot:
    """A snapshot that stays as long as it is open."""

    descriptor: int
    device: int
    inode: int
    """By both a directory is known to be this one."""


def take_snapshot(subvolume: Subvolume, moment: datetime, leg: str) -> None:
    """Take the snapshot of a run that started then. Raises `BtrfsFailed`.

    It must still be the subvolume that was looked at (law 24).
    """
    name, what = snapshot_name(moment, leg), subvolume.snapshot_text(moment, leg)
    with telling(what), live(subvolume) as (here, source):
        make_folder(here, subvolume)
        with folder_of(here, subvolume) as folder:
            if is_there(folder, name):
                raise BtrfsFailed(f"{what} is there already")
            change(snapshot_command(source, folder, name), (source, folder))
            made = whose(subvolume.name, name, info_at(folder, name), {subvolume.name: subvolume})
            if not isinstance(made, SubvolumeSnapshot):
                raise BtrfsFailed(f"btrfs has succeeded, but {what} is no snapshot of ours")


def remove(snapshot: SubvolumeSnapshot) -> None:
    """Remove a snapshot, if it still is what it was. Raises `BtrfsFailed`, `InUse`.

    One that is gone already is no failure.
    """
    with (
        telling(snapshot.text),
        live(snapshot.of) as (here, source),
        suppress(FileNotFoundError),
        folder_of(here, snapshot.of) as folder,
    ):
        with inside(folder, snapshot.name) as found:
            _check_same(found, snapshot)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"{snapshot.text} is being read: it goes with a later run") from None
            change(delete_command(snapshot.number, source), (source,))
        if is_there(folder, snapshot.name):
            raise BtrfsFailed(f"btrfs has succeeded, but {snapshot.text} is still there")


def give_to(snapshot: SubvolumeSnapshot, leg: str) -> None:
    """Give a snapshot to the leg that its own was renamed to. Raises `BtrfsFailed`."""
    new = snapshot_name(snapshot.moment, leg)
    with (
        telling(snapshot.text),
        live(snapshot.of) as (here, _),
        folder_of(here, snapshot.of) as folder,
    ):
        with inside(folder, snapshot.name) as found:
            _check_same(found, snapshot)
        # Nobody but us makes anything in this folder, and the locks of both names are held.
        if is_there(folder, new):
            raise BtrfsFailed(f"{snapshot.text} keeps its name: {display(new)} is there already")
        os.rename(snapshot.name, new, src_dir_fd=folder, dst_dir_fd=folder)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(snapshot: SubvolumeSnapshot) -> Iterator[OpenSnapshot]:
    """Keep a snapshot for the length of the block. Raises `BtrfsFailed`."""
    with (
        telling(snapshot.text),
        live(snapshot.of) as (here, _),
        folder_of(here, snapshot.of) as folder,
        inside(folder, snapshot.name) as found,
    ):
        try:
            fcntl.flock(found, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BtrfsFailed(f"{snapshot.text} is being removed") from None
        _check_same(found, snapshot)
        status = os.fstat(found)
        yield OpenSnapshot(descriptor=found, device=status.st_dev, inode=status.st_ino)


def check_there(opened_one: OpenSnapshot) -> None:
    """Raise `BtrfsFailed` where a snapshot was removed while it was open.

    Against a removal by hand no lock helps.
    """
    try:
        ask(opened_one.descriptor, ABOUT_SUBVOLUME)
    except OSError:
        raise BtrfsFailed("its snapshot was removed while it was read") from None


def _check_same(found: int, snapshot: SubvolumeSnapshot) -> None:
    info = info_of(found)
    if info is None or (info.number, info.uuid) != (snapshot.number, snapshot.uuid):
        raise BtrfsFailed(f"{snapshot.text} is another one now: it stays")
