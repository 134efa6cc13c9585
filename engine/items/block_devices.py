"""Block devices: what is on one, how it is unlocked, and how a file system on it is mounted. Pure.

What is on a volume was written by others, inside a virtual machine mostly. So only file systems are
mounted that are meant for disks and well kept in the kernel, whatever a volume says that it is.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

Arguments = tuple[bytes, ...]
NOTHING_FOUND: Final = 2
"""How blkid(8) ends where it knows nothing of what is on a device."""
NOT_ACTIVE: Final = 4
"""How cryptsetup(8) ends where there is no such mapping ("wrong device")."""
WRONG_KEY: Final = 2
"""And where the key opens nothing ("no permission")."""
_PANIC_OFF: Final = "errors=remount-ro"
"""What to do when it is damaged stands in an ext4 itself, and may be to stop the whole machine."""


class Content(enum.Enum):
    """What is on a device."""

    FILE_SYSTEM = "file system"
    LUKS = "LUKS"
    OTHER = "other"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What blkid found on a device."""

    content: Content
    kind: str
    """Its name for that, such as `ext4`; empty where it has none."""


MOUNTABLE: Final = {
    "ext2": _PANIC_OFF,
    "ext3": _PANIC_OFF,
    "ext4": _PANIC_OFF,
    # A clone has the UUID of what it was made of, and XFS mounts each UUID once.
    "xfs": "nouuid",
    "btrfs": "",
}
"""The file systems that are mounted, each with its options: ext4(5), xfs(5), btrfs(5).

None has `noload` or its like: it hides what the journal holds, and tears what it would mend.
"""


def probe_command(device: bytes) -> Arguments:
    """Look at the device itself, and not at what a cache or udev remembers of it."""
    return (b"blkid", b"--probe", b"--output", b"export", device)


def read_probe(output: bytes, code: int) -> Probe | None:
    """Read what it said; None where it did not say."""
    if code == NOTHING_FOUND:
        return Probe(content=Content.NOTHING, kind="")
    if code != 0:
        return None
    pairs = (line.partition("=") for line in output.decode("utf-8", "replace").split("\n"))
    found = {key: value for key, _, value in pairs}
    kind = found.get("TYPE", "")
    if kind == "crypto_LUKS":
        return Probe(content=Content.LUKS, kind=kind)
    if kind and found.get("USAGE") == "filesystem":
        return Probe(content=Content.FILE_SYSTEM, kind=kind)
    return Probe(content=Content.OTHER, kind=kind or found.get("PTTYPE", ""))


def unlock_command(device: bytes, name: str, key: bytes) -> Arguments:
    """Unlock a LUKS device under a name, with the key that a file holds.

    Not read-only: what is below is a clone, and the file system in it has a journal to replay.
    """
    options = (b"--batch-mode", b"--type", b"luks", b"--key-file", key)
    return (b"cryptsetup", b"open", *options, b"--", device, name.encode())


def lock_command(name: str) -> Arguments:
    """Take a mapping away; it fails where it is in use."""
    return (b"cryptsetup", b"close", b"--", name.encode())


def mapping(name: str) -> bytes:
    """The device of a mapping."""
    return b"/dev/mapper/" + name.encode()
