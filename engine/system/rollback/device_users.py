"""Looking for who has a block device open: mounts, mappings on it, processes. Nothing is touched.

The kernel tells only how many have it open. Who that is has to be looked for, so the answer may
leave somebody out, such as an exported disk; the number is what a rollback goes by.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.items.device_users import MountedFrom, mounted_at, read_mounts
from policy.values import display

_PROCESSES = Path("/proc")
_DEVICES = Path("/sys/dev/block")
_MOST = 8
"""More would not be read."""


def users_of(device: bytes) -> tuple[str, ...]:
    """Say who has a device open, as far as that can be seen."""
    try:
        found = os.stat(device)  # noqa: PTH116 - bytes
    except OSError:
        return ()
    mounts = tuple(_all_mounts())
    return tuple(dict.fromkeys(_users(found.st_rdev, os.path.realpath(device), mounts)))[:_MOST]


def _users(device: int, name: bytes, mounts: tuple[MountedFrom, ...]) -> Iterator[str]:
    number = f"{os.major(device)}:{os.minor(device)}"
    for at in mounted_at(mounts, number, frozenset({name})):
        yield f"it is mounted on {display(at)}"
    for holder, held, path in _holders(number):
        yield f"{holder} lies on it"
        yield from _users(held, path, mounts)
    yield from _processes(device)


def _holders(number: str) -> Iterator[tuple[str, int, bytes]]:
    """Devices that lie on this one: LUKS mappings, other volumes."""
    with suppress(OSError):
        for link in sorted((_DEVICES / number / "holders").iterdir()):
            major, _, minor = (link / "dev").read_text().strip().partition(":")
            with suppress(OSError):
                name = (link / "dm" / "name").read_text().strip()
                yield name, os.makedev(int(major), int(minor)), os.fsencode(f"/dev/{link.name}")


def _all_mounts() -> Iterator[MountedFrom]:
    """The mounts of every namespace, containers' too."""
    seen = set()
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            namespace = (process / "ns" / "mnt").readlink()
            if namespace not in seen:
                yield from read_mounts((process / "mountinfo").read_bytes())
                seen.add(namespace)


def _processes(device: int) -> Iterator[str]:
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if any(_is(link, device) for link in (process / "fd").iterdir()):
                name = (process / "comm").read_bytes().strip()
                yield f"process {process.name} ({display(name)}) has it open"


def _is(link: Path, device: int) -> bool:
    try:
        found = link.stat()
    except OSError:
        return False
    return stat.S_ISBLK(found.st_mode) and found.st_rdev == device
