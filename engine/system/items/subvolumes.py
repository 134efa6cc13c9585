"""What is in the directory of a btrfs source: subvolumes, our snapshots of them, strays, room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import EOVERFLOW

from engine.items.btrfs import (
    ABOUT_CHILD,
    ABOUT_CHILDREN,
    CHILDREN_MOST,
    Child,
    about_child,
    about_children,
    read_child,
    read_children,
    read_metadata_free,
    share,
    usage_command,
)
from engine.items.subvolumes import (
    SNAPSHOTS,
    FileSystem,
    Found,
    Stray,
    StrayReason,
    Subvolume,
    SubvolumeSnapshot,
    whose,
)
from engine.plan.selection import is_reserved
from engine.plan.typed_json import Unreadable
from engine.system.host.descent import list_inside, opened_root
from engine.system.host.file_systems import mounts_below, read_mounts
from engine.system.items.btrfs import (
    ask,
    ask_file_system,
    file_system_of,
    info_at,
    info_of,
    inside,
    is_there,
    ours,
    run_btrfs,
    telling,
)
from policy.values import Percentage, display

_LOOK_SECONDS = 60.0


def look(root: bytes) -> Found:
    """Say what is in the directory of a source. Raises `BtrfsFailed`."""
    with telling(display(root)), opened_root(root) as here:
        uuid = file_system_of(here, root)
        subvolumes = tuple(_subvolumes(here, root, uuid))
        lie = tuple(_snapshots(here, uuid, subvolumes))
        return Found(
            file_system=_room(here, root, uuid),
            subvolumes=subvolumes,
            snapshots=tuple(one for one in lie if isinstance(one, SubvolumeSnapshot)),
            strays=tuple(one for one in lie if isinstance(one, Stray)),
        )


def _subvolumes(here: int, root: bytes, uuid: str) -> Iterator[Subvolume]:
    elsewhere = _other_mounts(root)
    for name, directory in list_inside(here):
        # What another file system is mounted on is not even looked at: a dead server would wait.
        if directory and name not in elsewhere and name != SNAPSHOTS:
            with suppress(FileNotFoundError, NotADirectoryError):  # gone since
                yield from _subvolume(here, root, name, uuid)


def _other_mounts(root: bytes) -> set[bytes]:
    mounts = read_mounts()
    prefix = os.path.realpath(root).rstrip(b"/") + b"/"
    kinds = {one.point: one.kind for one in mounts}
    points = (point for point in mounts_below(root, mounts) if kinds[point] != "btrfs")
    return {point[len(prefix) :] for point in points}


def _subvolume(here: int, root: bytes, name: bytes, uuid: str) -> Iterator[Subvolume]:
    with inside(here, name) as inner:
        info = info_of(inner)
        if info is None or ask_file_system(inner) != uuid:
            return
        yield Subvolume(
            root=root,
            name=name,
            file_system=uuid,
            uuid=info.uuid,
            device=os.fstat(inner).st_dev,
            read_only=info.read_only,
            parent=info.parent,
            nested=tuple(sorted(_nested(inner))),
        )


def _nested(subvolume: int) -> Iterator[bytes]:
    for child in _children(subvolume):
        with suppress(FileNotFoundError):  # gone since
            path = read_child(ask(subvolume, ABOUT_CHILD, about_child(child)))
            if not is_reserved(tuple(path.split(b"/")), directory=True):
                yield path


def _children(subvolume: int) -> Iterator[Child]:
    after = 0
    while True:
        found = read_children(ask(subvolume, ABOUT_CHILDREN, about_children(after), (EOVERFLOW,)))
        yield from found
        if len(found) < CHILDREN_MOST:
            return
        after = found[-1].number


def _snapshots(
    here: int, uuid: str, subvolumes: tuple[Subvolume, ...]
) -> Iterator[SubvolumeSnapshot | Stray]:
    if not is_there(here, SNAPSHOTS):
        return
    by_name = {one.name: one for one in subvolumes}
    with ours(here, uuid) as top:
        for folder, directory in list_inside(top):
            if not directory:
                yield Stray(folder=folder, name=b"", why=StrayReason.NO_SNAPSHOT)
                continue
            with inside(top, folder) as inner:
                for name, inner_directory in list_inside(inner):
                    info = info_at(inner, name) if inner_directory else None
                    yield whose(folder, name, info, by_name)


def _room(here: int, root: bytes, uuid: str) -> FileSystem:
    room = os.fstatvfs(here)
    return FileSystem(
        path=root,
        uuid=uuid,
        free=share(room.f_bavail, room.f_blocks),
        metadata_free=_metadata_free(here),
        read_only=bool(room.f_flag & os.ST_RDONLY),
    )


def _metadata_free(here: int) -> Percentage | None:
    done = run_btrfs(usage_command(here), (here,), _LOOK_SECONDS)
    try:
        return read_metadata_free(done.stdout) if done.code == 0 else None
    except Unreadable:
        return None
