"""What was seen of a machine before its first manifest is drafted, as data."""

from __future__ import annotations

from dataclasses import dataclass

from engine.draft.jobs import Job
from engine.draft.servers import Listening

NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "ceph", "fuse.glusterfs", "9p"}
)
"""File systems whose files lie on another machine."""
DISK_KINDS = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs"),
        *("exfat", "vfat", "ntfs", "ntfs3", "fuseblk"),
    }
)
"""File systems of disks; all others are the kernel's own, or made anew at each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A file system that is mounted, of a disk or of another machine."""

    point: bytes
    kind: str
    source: bytes
    """What is mounted: a device, `server:/path`."""
    size: int | None = None
    """Bytes; None: it was not asked, since a dead server would not answer."""
    used: int | None = None
    rotates: bool | None = None
    """Whether its disk is one that turns; None: nobody knows."""
    removable: bool = False
    label: str = ""

    @property
    def is_far(self) -> bool:
        """Whether its files lie on another machine."""
        return self.kind in NETWORK_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory that may hold data worth a copy."""

    path: bytes
    entries: tuple[bytes, ...]
    """Some of its names, sorted."""
    counted: int
    """How many names it has."""
    subvolumes: tuple[bytes, ...] = ()
    """Names in it that are subvolumes of a btrfs."""
    symlink: bool = False
    """It is one, and leads somewhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSeen:
    """A thin volume."""

    name: str
    holds: str
    """The file system or encryption on it, by its name; empty where that is unknown."""
    mounted: tuple[bytes, ...] = ()
    """Where it is mounted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSeen:
    """A thin pool."""

    group: str
    name: str
    volumes: tuple[VolumeSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """All of it."""

    host: str | None
    """None: nothing said it."""
    timezone: str | None
    mounts: tuple[Mounted, ...] = ()
    directories: tuple[Directory, ...] = ()
    pools: tuple[PoolSeen, ...] = ()
    other_volumes: tuple[str, ...] = ()
    """Logical volumes that are in no thin pool."""
    listening: tuple[Listening, ...] = ()
    jobs: tuple[Job, ...] = ()
    not_seen: tuple[str, ...] = ()
    """What could not be looked at, each with its reason."""

    def directory(self, path: bytes) -> Directory | None:
        """The directory of that path, where it is there."""
        return next((one for one in self.directories if one.path == path), None)


def is_below(path: bytes, directory: bytes) -> bool:
    """Whether a path is that directory, or lies in it."""
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")
