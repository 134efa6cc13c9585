"""Whether one directory lies in another one by whatever mount: a bind mount has paths of its own.

What the manifest's paths say of that is judged by `engine.routing.ownership`; this is what the
kernel says.
"""

from __future__ import annotations

import os

from engine.system.host.file_systems import Mount, mount_of, mounts_below

Names = tuple[bytes, ...]


def names_within(inner: bytes, outer: bytes, mounts: tuple[Mount, ...]) -> Names | None:
    """The names that lead from one directory to another one in it; None where it is not in it.

    Both are asked for by their place in their file system, also below each further mount in the
    outer one; and then looked at, since an NFS mount calls each directory that it begins at `/`.
    """
    for top in (outer, *mounts_below(outer, mounts)):
        found = _between(_address(inner, mounts), _address(top, mounts))
        if found is not None and _is_same(inner, b"/".join((top.rstrip(b"/"), *found))):
            return (*_names(os.path.realpath(top)[len(os.path.realpath(outer)) :]), *found)
    return None


def _address(path: bytes, mounts: tuple[Mount, ...]) -> tuple[bytes, Names] | None:
    """The device of a path's file system, and the way from that one's own root."""
    mount = mount_of(path, mounts)
    if mount is None:
        return None
    below = os.path.realpath(path)[len(mount.point.rstrip(b"/")) :]
    return mount.device, (*_names(mount.root), *_names(below))


def _between(
    inner: tuple[bytes, Names] | None, outer: tuple[bytes, Names] | None
) -> tuple[bytes, ...] | None:
    if inner is None or outer is None or inner[0] != outer[0]:
        return None
    depth = len(outer[1])
    return inner[1][depth:] if inner[1][:depth] == outer[1] else None


def _is_same(one: bytes, other: bytes) -> bool:
    """Whether two paths lead to one directory, or what is there of the way to it is one."""
    while True:
        try:
            return os.path.samefile(one, other)  # noqa: PTH121 - bytes
        except FileNotFoundError:
            one, other = os.path.dirname(one), os.path.dirname(other)  # noqa: PTH120 - bytes
        except OSError:
            return False


def _names(path: bytes) -> Names:
    return tuple(name for name in path.split(b"/") if name)
