"""Who has a block device open, from what the kernel tells of mounts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedFrom:
    """One line of a mountinfo file."""

    number: str
    """Major and minor number of the device, as `253:7`; not that of the disk with btrfs."""
    device: bytes
    at: bytes


def read_mounts(text: bytes) -> tuple[MountedFrom, ...]:
    """Read /proc/PID/mountinfo (proc_pid_mountinfo(5)); lines of another form are passed over."""
    return tuple(one for line in text.split(b"\n") if (one := _mount(line)) is not None)


def _mount(line: bytes) -> MountedFrom | None:
    first, dash, last = line.partition(b" - ")
    head, tail = first.split(b" "), last.split(b" ")
    if not dash or len(head) < 5 or len(tail) < 2:
        return None
    number = head[2].decode("ascii", "replace")
    return MountedFrom(number=number, device=_plain(tail[1]), at=_plain(head[4]))


def _plain(name: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), name)


def mounted_at(mounts: Iterable[MountedFrom], number: str, names: frozenset[bytes]) -> list[bytes]:
    """Where a device is mounted, by its number or one of its names, each place once."""
    return sorted({one.at for one in mounts if one.number == number or one.device in names})
