"""Asking a place whether it tells cases and forms of names apart, and which names would meet there.

Of some file systems the kernel knows. Of all else a file is made there once, since only the place
itself knows: exFAT, NTFS, a share of a NAS.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from engine.plan.model import Feed
from engine.plan.selection import Selection, Verdict
from engine.reach.name_folding import Folding, meeting
from engine.routing.sieve import Sieve
from engine.runs.observation import TargetSeen
from engine.system.host.file_systems import Mount, mount_of
from engine.system.host.name_probe import folding_in
from engine.system.runs.observe_target import TargetLook
from engine.system.state.name_foldings import NameFoldings
from engine.system.state.state import place_text
from policy.values import display

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
_APART = frozenset({"ext2", "ext3", "btrfs", "tmpfs", "overlay", "squashfs", "xfs"})
"""Kinds of file systems in which any two names are two files."""
_AS_TOLD = frozenset({"ext4", "f2fs"})
"""Kinds that tell of each directory whether it folds names."""
_GET_FLAGS = 0x80086601
_CASEFOLD = 0x40000000
"""ioctl_iflags(2), and FS_CASEFOLD_FL of linux/fs.h."""
MOST = 20
"""So many groups are told."""
Group = tuple[bytes, ...]
"""Paths below the source's root that are one at the destination."""


def names_that_meet(
    look: TargetLook, feed: Feed, target: TargetSeen, path: bytes, mounts: tuple[Mount, ...]
) -> tuple[Group, ...]:
    """Paths of a tree that a feed takes, and that are one where it writes.

    Only a place of this machine is asked, and only where the disk is the one that is recorded.
    """
    place, selection = target.target, feed.selection
    right = target.root_identity is not None and target.recorded == target.found is not None
    if selection is None or feed.writes is None or not right or target.astray:
        return ()
    directory = place.path if target.present else place.root
    name = f"{place_text(look.plan, feed.writes, look.state)} {display(directory)}"
    folding = _folding_of(name, directory, mounts, NameFoldings(look.state.connection))
    return tuple(islice(meeting_names(path, selection, folding), MOST)) if folding else ()


def _folding_of(
    name: str, directory: bytes, mounts: tuple[Mount, ...], known: NameFoldings
) -> Folding:
    """What a directory does not tell apart: by what it is, or else as it was found once."""
    mount = mount_of(directory, mounts)
    if mount is None or mount.kind in _APART:
        return Folding()
    if mount.kind in _AS_TOLD:
        told = _is_told_to_fold(directory)
        return Folding(case=told, form=told)
    found = known.of(name)
    if found is None:
        with suppress(OSError):  # where nothing can be made the run will say why
            found = folding_in(directory)
            known.note(name, found)
    return found or Folding()


def _is_told_to_fold(directory: bytes) -> bool:
    """Whether `chattr +F` was said to it, or to what it was made in."""
    try:
        top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        answer = fcntl.ioctl(top, _GET_FLAGS, bytes(8))
    except OSError:
        return False
    finally:
        os.close(top)
    return bool(int.from_bytes(answer[:4], sys.byteorder) & _CASEFOLD)


def meeting_names(path: bytes, selection: Selection, folding: Folding) -> Iterator[Group]:
    """Paths of a tree that a leg takes and that end as one, directory by directory."""
    sieve = Sieve(selection)
    waiting: list[Group] = [()]
    while waiting:
        names = waiting.pop()
        try:
            with os.scandir(b"/".join((path.rstrip(b"/") or b"/", *names))) as entries:
                found = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
        except OSError:
            continue  # rsync will say so, and then nothing is deleted
        taken = [
            (name, directory)
            for name, directory in found
            if sieve.decide((*names, name), directory=directory) in _CARRIED
        ]
        for group in meeting((name for name, _ in taken), folding):
            yield tuple(b"/".join((*names, name)) for name in group)
        waiting += [(*names, name) for name, directory in taken if directory]
