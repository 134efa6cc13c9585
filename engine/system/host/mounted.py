"""Commands that see a device or a directory mounted, which nobody else does.

Read-only, without devices, programs and setuid bits, in a mount namespace that ends with the
command: no way out, SIGKILL included, leaves anything mounted, and no mount point is ever busy.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from engine.items.block_devices import MOUNTABLE
from engine.system.host import mounted_worker
from engine.system.host.process import Command, Completed

MOUNT_SECONDS = 120.0
"""Half a minute was too short on a busy disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """What a command is to see."""

    source: bytes
    """A device, or a directory."""
    kind: str
    """Its file system, one of `MOUNTABLE`; empty: a directory, without what is mounted in it."""
    at: bytes
    """The directory where the command sees it; it is there already, and ours alone."""
    identity: tuple[int, int] | None = None
    """Device and inode of the directory that is meant, where somebody could swap it meanwhile."""
    seconds: float = MOUNT_SECONDS
    """How long mounting may take; a second try is within it."""


class NotMounted(Exception):
    """The command was not started, since what it was to see could not be mounted."""


def with_mount(command: Command, mount: Mount) -> Command:
    """The same command, seeing that. Raises `NotMounted` for a kind that is never mounted."""
    if mount.kind and mount.kind not in MOUNTABLE:
        raise NotMounted(f"a file system of the kind {mount.kind!r} is not mounted here")
    options = MOUNTABLE[mount.kind].encode() if mount.kind else b""
    meant = b"%d:%d" % mount.identity if mount.identity is not None else b""
    words = (b"%f" % mount.seconds, mount.kind.encode(), options, mount.source, mount.at, meant)
    return replace(command, argv=(*_WORKER, *words, *command.argv))


def check_mounted(done: Completed, mount: Mount) -> None:
    """Raise `NotMounted` where a command of `with_mount` ended before it began."""
    if done.code == mounted_worker.FAILED:
        raise NotMounted(done.last_words)
    if done.code == -signal.SIGALRM:
        where = os.fsdecode(mount.source)
        raise NotMounted(f"{where} cannot be mounted: it took more than {mount.seconds:g} s")


# By its path, and apart from all that Python finds by itself (-I, -S): a folder named `engine` in
# the current directory must not become a program that root runs.
_WORKER = (
    os.fsencode(sys.executable),
    *(b"-I", b"-S"),
    os.fsencode(Path(mounted_worker.__file__).resolve()),
)
