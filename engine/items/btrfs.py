"""What the kernel and btrfs(8) are asked about a btrfs, and how they answer (ADR 23). Pure.

Whose a subvolume is, is read from the kernel's own records (`linux/btrfs.h`), not from what
`btrfs subvolume list` and `show` print: a name may hold a line end, and would then say of itself
what it likes. What is changed is changed by the command, which is a process with a time limit. It
gets descriptors, `/proc/self/fd/N`, so that no name on the way leads it astray (law 41).

* Snapshots are read-only (`-r`). The kernel has them on the disk before the command ends.
* What goes, goes by its number, which the file system never gives to another one, and with
  `--commit-after`: else it is there again after a power cut.
* Of the room only a process of root is told all; `df` says nothing of metadata.
"""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass
from typing import Final

from engine.plan.typed_json import Unreadable
from policy.values import Percentage

Arguments = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to the kernel about what a descriptor is: ioctl(2)."""

    request: int
    size: int
    """Bytes of the answer, whose first ones hold what is asked about."""


ABOUT_FILE_SYSTEM: Final = Question(request=0x8400941F, size=1024)
"""BTRFS_IOC_FS_INFO"""
ABOUT_SUBVOLUME: Final = Question(request=0x81F8943C, size=504)
"""BTRFS_IOC_GET_SUBVOL_INFO"""
ABOUT_CHILDREN: Final = Question(request=0xD000943D, size=4096)
"""BTRFS_IOC_GET_SUBVOL_ROOTREF"""
ABOUT_CHILD: Final = Question(request=0xD000943E, size=4096)
"""BTRFS_IOC_INO_LOOKUP_USER"""
ROOT_INODE: Final = 256
"""What the root of each subvolume has for an inode; where a snapshot leaves out a nested one, an
empty directory with the inode 2 stands for it."""
CHILDREN_MOST: Final = 255
"""How many of them one answer has room for: with more to come it is an `EOVERFLOW`."""
_NAME = slice(16, 272)
_PATH = slice(272, None)
_READ_ONLY: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SubvolumeInfo:
    """What the kernel says of a subvolume."""

    number: int
    uuid: str
    parent: str
    """The UUID of what it is a snapshot of; empty where it is none."""
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A subvolume inside another one."""

    number: int
    directory: int
    """The inode of the directory that holds it."""


def read_file_system(answer: bytes) -> str:
    """Read which file system it is: its UUID."""
    return _uuid(answer[16:32])


def read_subvolume(answer: bytes) -> SubvolumeInfo:
    """Read what a subvolume is."""
    (number,) = struct.unpack_from("=Q", answer)
    (flags,) = struct.unpack_from("=Q", answer, 288)
    return SubvolumeInfo(
        number=number,
        uuid=_uuid(answer[296:312]),
        parent=_uuid(answer[312:328]),
        read_only=bool(flags & _READ_ONLY),
    )


def _uuid(data: bytes) -> str:
    return str(uuid.UUID(bytes=data)) if any(data) else ""


def about_children(after: int) -> bytes:
    """Ask for those with a higher number."""
    return struct.pack("=Q", after + 1)


def read_children(answer: bytes) -> tuple[Child, ...]:
    """Read which subvolumes lie in one, at whatever depth; not those inside them."""
    count = answer[8 + 16 * CHILDREN_MOST]
    pairs = (struct.unpack_from("=QQ", answer, 8 + 16 * index) for index in range(count))
    return tuple(Child(number=number, directory=directory) for number, directory in pairs)


def about_child(child: Child) -> bytes:
    """Say which one the question is about."""
    return struct.pack("=QQ", child.directory, child.number)


def read_child(answer: bytes) -> bytes:
    """Read the path of a child, from the subvolume that was asked."""
    name, path = (bytes(answer[part]).split(b"\0")[0] for part in (_NAME, _PATH))
    return path + name


# ── Room ─────────────────────────────────────────────────────────────────────────────────────

_OVERALL: Final = re.compile(
    r"^    (Device unallocated|Metadata ratio|Global reserve):\s+([0-9.]+)", re.MULTILINE
)
_METADATA: Final = re.compile(r"^Metadata,[^:\n]+: Size:([0-9]+), Used:([0-9]+)", re.MULTILINE)


def read_metadata_free(usage: bytes) -> Percentage:
    """Read how much of what metadata have, and could still get, is free. Raises `Unreadable`.

    Where nothing is unallocated any more, this is what stops a btrfs that seems to have room.
    """
    text = usage.decode("utf-8", "backslashreplace")
    overall = dict(_OVERALL.findall(text))
    chunks = [(int(size), int(used)) for size, used in _METADATA.findall(text)]
    missing = {"Device unallocated", "Metadata ratio", "Global reserve"} - overall.keys()
    if missing or not chunks:
        raise Unreadable(f"it has no {min(missing, default='Metadata')!r}")
    more = int(overall["Device unallocated"]) / max(1.0, float(overall["Metadata ratio"]))
    whole = sum(size for size, _ in chunks) + more
    used = sum(used for _, used in chunks) + int(overall["Global reserve"])
    return share(whole - used, whole)


def share(part: float, whole: float) -> Percentage:
    """Say how much of something a part is, to a tenth of a percent."""
    tenths = round(1000 * max(0.0, part) / whole) if whole else 0
    return Percentage(100 * tenths)


# ── Commands ─────────────────────────────────────────────────────────────────────────────────


def usage_command(inside: int) -> Arguments:
    """Ask for the room, in bytes."""
    return (b"btrfs", b"filesystem", b"usage", b"-b", b"--", _path(inside))


def snapshot_command(subvolume: int, folder: int, name: bytes) -> Arguments:
    """Take a snapshot into a folder."""
    ends = (_path(subvolume), _path(folder) + b"/" + name)
    return (b"btrfs", b"subvolume", b"snapshot", b"-r", b"--", *ends)


def delete_command(number: int, inside: int) -> Arguments:
    """Delete the subvolume of that number; `inside` is another one of the same file system."""
    which = (b"--subvolid", b"%d" % number)
    return (b"btrfs", b"subvolume", b"delete", b"--commit-after", *which, b"--", _path(inside))


def _path(descriptor: int) -> bytes:
    return b"/proc/self/fd/%d" % descriptor
