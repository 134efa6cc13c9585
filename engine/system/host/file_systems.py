"""Which file system lies where: identities, mount points, room, read from the kernel."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_BY_UUID = Path("/dev/disk/by-uuid")
_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of the kernel's mount table."""

    point: bytes
    kind: str
    source: bytes
    device: bytes = b""
    """Number of the file system."""
    root: bytes = b"/"
    """Which directory of the file system lies at the point."""


def read_mounts() -> tuple[Mount, ...]:
    """The mount table as this process sees it, in mounting order."""
    mounts = []
    for line in _MOUNTS.read_bytes().splitlines():
        head, _, tail = line.partition(b" - ")
        fields, rest = head.split(b" "), tail.split(b" ")
        mounts.append(
            Mount(
                point=_unescape(fields[4]),
                kind=rest[0].decode("ascii", "replace"),
                source=_unescape(rest[1]),
                device=fields[2],
                root=_unescape(fields[3]),
            )
        )
    return tuple(mounts)


def mount_of(path: bytes, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount that holds a path: the deepest, and of several at one point the last."""
    real = os.path.realpath(path)
    found = None
    for mount in mounts:
        point = mount.point.rstrip(b"/")
        inside = real == mount.point or real.startswith(point + b"/")
        if inside and (found is None or len(point) >= len(found.point.rstrip(b"/"))):
            found = mount
    return found


def position_of(path: bytes, mounts: tuple[Mount, ...]) -> bytes:
    """Where a path lies in its file system, by whichever of its mounts one gets there."""
    real, mount = os.path.realpath(path), mount_of(path, mounts)
    if mount is None:
        return real
    inner = real[len(mount.point.rstrip(b"/")) :]
    return mount.root.rstrip(b"/") + inner or b"/"


def mounts_below(path: bytes, mounts: tuple[Mount, ...]) -> tuple[bytes, ...]:
    """Mount points strictly below a directory."""
    prefix = os.path.realpath(path).rstrip(b"/") + b"/"
    points = {one.point for one in mounts if one.point.startswith(prefix)}
    return tuple(sorted(points - {prefix}))


def identity_of(path: bytes, mounts: tuple[Mount, ...]) -> str:
    """Name the file system of a path so that another one there has another name.

    The UUID where there is one: device numbers change from boot to boot, and an empty directory
    bound onto itself is a mount point too (its UUID is the root's).
    """
    mount = mount_of(path, mounts)
    if mount is None:
        return "unknown"
    uuid = _uuid(mount.source)
    if uuid:
        return f"uuid:{uuid}"
    number = os.statvfs(path).f_fsid
    return f"{mount.kind}:{os.fsdecode(mount.source)}:{number:x}"


def room_of(path: bytes) -> tuple[int, int]:
    """Bytes free for this user, and all bytes that this user could ever use."""
    found = os.statvfs(path)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    free = found.f_bavail * found.f_frsize
    return free, used + free


def _uuid(device: bytes) -> str | None:
    if not device.startswith(b"/dev/") or not _BY_UUID.is_dir():
        return None
    real = os.path.realpath(device)
    for link in _BY_UUID.iterdir():
        if os.path.realpath(os.fsencode(link)) == real:
            return link.name
    return None


def _unescape(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda code: bytes([int(code[1], 8)]), field)
