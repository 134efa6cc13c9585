"""Removing what killed runs of rsync left unfinished among a leg's copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress

from engine.plan.model import Feed
from engine.plan.selection import is_reserved
from engine.rsync.set_aside import PARTIAL
from engine.runs.observation import FeedSeen
from engine.system.host.directories import still_there


def drop_unfinished(seen: FeedSeen, feed: Feed, owned: Collection[bytes]) -> int:
    """Remove what rsync left unfinished where a feed writes; how many folders of it are gone.

    Only what is the leg's own is entered. On another machine it stays.
    """
    root = seen.target.root_identity
    if seen.target.target.ssh is not None or root is None or not still_there(root):
        return 0
    inner = feed.selection.blocked if feed.selection is not None else ()
    return _drop(seen.target.target.path, owned, {*inner, *seen.target.retired})


def _drop(folder: bytes, within: Collection[bytes], spared: Collection[tuple[bytes, ...]]) -> int:
    """Of a folder's own files, and below some of its entries.

    Symlinks are not followed, no other file system is entered, nor is what is spared, nor what is
    nested deeper than Python can go.
    """
    dropped = 0
    with suppress(OSError, RecursionError):
        device = os.lstat(folder).st_dev
        for path, directories, _, here in os.fwalk(folder, follow_symlinks=False):
            if PARTIAL in directories and _removed(PARTIAL, here):
                dropped += 1
            names = tuple(filter(None, path[len(folder) :].split(b"/")))
            directories[:] = [
                name
                for name in directories
                if (names or name in within)
                and (*names, name) not in spared
                and not is_reserved((name,), directory=True)
                and _device(name, here) == device
            ]
    return dropped


def _removed(name: bytes, parent: int) -> bool:
    try:
        shutil.rmtree(name, dir_fd=parent)
    except OSError:
        return False
    return True


def _device(name: bytes, parent: int) -> int | None:
    try:
        return os.lstat(name, dir_fd=parent).st_dev
    except OSError:
        return None
