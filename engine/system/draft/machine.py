"""Looking at a machine: what is mounted, which directories there are, what listens, what runs.

Nothing is changed, and no other machine is asked. Below another root than `/` its files alone are
read: what the kernel and commands tell is of this machine.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from engine.draft.data import FILES, IMAGES, TREES
from engine.draft.disks import COLUMNS, Disk, read_disks
from engine.draft.fstab import mounts_in
from engine.draft.observation import (
    DISK_KINDS,
    NETWORK_KINDS,
    Directory,
    Machine,
    Mounted,
    PoolSeen,
    VolumeSeen,
    is_below,
)
from engine.draft.servers import FOLDERS, Listening, listening_in
from engine.draft.targets import is_system
from engine.items.lvm_commands import ENVIRONMENT, look_everywhere_command
from engine.items.thin_names import LvName
from engine.items.thin_pool import PoolContent, ThinVolume, read_others, read_pools
from engine.plan.typed_json import Unreadable
from engine.system.draft.job_files import find_jobs, names_in, read_text
from engine.system.host.file_systems import read_mounts
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, run
from policy.values import display, parse_absolute_path

Answer = TypeVar("Answer")
_SECONDS = 20.0
_SHOWN = 400
"""Names of a directory that are kept."""
_ROOT_INODE = 256
"""What the root of each subvolume of a btrfs has for an inode."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_STAGED = "not asked below another root, since it would tell of this machine"
_SS = (b"ss", b"--no-header", b"--listening", b"--tcp", b"--numeric", b"--processes")
_LSBLK = (b"lsblk", b"--json", b"--list", b"--bytes", b"--output", COLUMNS.encode())


def look_at_machine(places: Places) -> Machine:
    """Look at everything that a draft depends on."""
    not_seen: list[str] = []
    if os.geteuid() != 0:
        not_seen.append("what root alone may see, crontabs of others among it: run it as root")
    disks = _asked("disks (lsblk)", _LSBLK, _disks_of, places, not_seen)
    mounts = tuple(_with_disks(_mounts(places), disks or ()))
    pools, others = _volumes(places, mounts, disks or (), not_seen)
    servers = _asked(
        "what listens (ss)", _SS, lambda out: listening_in(_text(out)), places, not_seen
    )
    return Machine(
        host=_host(places),
        timezone=_timezone(places),
        mounts=mounts,
        directories=tuple(_directories(places, mounts, not_seen)),
        pools=pools,
        other_volumes=others,
        listening=(*(servers or ()), *_server_folders(places, servers or ())),
        jobs=find_jobs(places),
        not_seen=tuple(not_seen),
    )


def _asked(
    what: str,
    argv: tuple[bytes, ...],
    read: Callable[[bytes], Answer],
    places: Places,
    not_seen: list[str],
) -> Answer | None:
    """What a command answers; None where it cannot be asked, which is told."""
    if places.staged:
        not_seen.append(f"{what}: {_STAGED}")
        return None
    try:
        done = run(Command(argv=argv, timeout=_SECONDS, env=dict(ENVIRONMENT)))
        if done.timed_out or done.code:
            why = "it did not answer" if done.timed_out else done.last_words or f"code {done.code}"
            not_seen.append(f"{what}: {why}")
            return None
        return read(done.stdout)
    except (CommandNotStarted, Unreadable) as error:
        not_seen.append(f"{what}: {error}")
        return None


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "surrogateescape")


def _disks_of(answer: bytes) -> tuple[Disk, ...]:
    return read_disks(_text(answer))


# ── Who it is ────────────────────────────────────────────────────────────────────────────────


def _host(places: Places) -> str | None:
    lines = (read_text(places, b"/etc/hostname") or "").split()
    name = socket.gethostname() if not places.staged else next(iter(lines), "")
    return name if _HOST.fullmatch(name) else None


def _timezone(places: Places) -> str | None:
    said = (read_text(places, b"/etc/timezone") or "").strip()
    if said:
        return said
    with suppress(OSError):
        link = os.readlink(_path(places, b"/etc/localtime"))  # noqa: PTH115 - bytes
        zone = os.fsdecode(link.partition(b"/zoneinfo/")[2])
        return zone or None
    return None


def _path(places: Places, path: bytes) -> bytes:
    return places.below_root(parse_absolute_path(os.fsdecode(path)))


# ── What is mounted ──────────────────────────────────────────────────────────────────────────


def _mounts(places: Places) -> Iterator[Mounted]:
    """What the kernel has mounted; of another root, what lies below it and what its fstab says."""
    base = os.path.realpath(os.fsencode(places.root)) if places.staged else b"/"
    found: dict[bytes, Mounted] = {}
    if places.staged:
        fstab = (read_text(places, b"/etc/fstab") or "").encode("utf-8", "surrogateescape")
        for one in mounts_in(fstab):
            if _is_directory(places, one.point):
                found[one.point] = one
    for mount in read_mounts():
        bound = mount.root != b"/" and mount.kind != "btrfs"
        if mount.kind in DISK_KINDS | NETWORK_KINDS and is_below(mount.point, base) and not bound:
            point = mount.point[len(base.rstrip(b"/")) :] or b"/"
            room = _room(mount.point) if mount.kind in DISK_KINDS else None
            size, used = room or (None, None)
            found[point] = Mounted(
                point=point, kind=mount.kind, source=mount.source, size=size, used=used
            )
    yield from (found[point] for point in sorted(found))


def _is_directory(places: Places, path: bytes) -> bool:
    with suppress(OSError, ValueError):
        return stat.S_ISDIR(os.lstat(_path(places, path)).st_mode)
    return False


def _room(point: bytes) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.statvfs(point)
        size = found.f_blocks * found.f_frsize
        return size, size - found.f_bfree * found.f_frsize
    return None


def _with_disks(mounts: Iterable[Mounted], disks: tuple[Disk, ...]) -> Iterator[Mounted]:
    by_path = {one.path: one for one in disks}
    for mount in mounts:
        disk = by_path.get(mount.source)
        if disk is not None:
            mount = replace(mount, rotates=disk.rotates, removable=disk.removable, label=disk.label)
        yield mount


# ── Directories ──────────────────────────────────────────────────────────────────────────────


def _directories(
    places: Places, mounts: tuple[Mounted, ...], not_seen: list[str]
) -> Iterator[Directory]:
    wanted = [path for path, _, _ in TREES] + list(FILES) + [path for path, _ in IMAGES]
    wanted += [one.point for one in mounts if not one.is_far and not is_system(one.point)]
    far = [one.point for one in mounts if one.is_far]
    inside = (b"/srv/" + name for name in names_in(places, b"/srv"))
    wanted += [path for path in inside if _kind_at(path, mounts) == "btrfs" and path not in far]
    for path in dict.fromkeys(wanted):
        try:
            found = _directory(places, path, mounts)
        except OSError as error:
            not_seen.append(f"{display(path)}: {error.strerror or error}")
            continue
        if found is not None:
            yield found


def _directory(places: Places, path: bytes, mounts: tuple[Mounted, ...]) -> Directory | None:
    """A directory, or a symlink in place of one; None where there is neither.

    Raises `OSError` where it cannot be looked into.
    """
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):
        here = _path(places, path)
        mode = os.lstat(here).st_mode
        if stat.S_ISLNK(mode):
            return Directory(path=path, entries=(), counted=0, symlink=True)
        if stat.S_ISDIR(mode):
            names = sorted(os.listdir(here))  # noqa: PTH208 - bytes
            subvolumes: tuple[bytes, ...] = ()
            if _kind_at(path, mounts) == "btrfs":
                subvolumes = tuple(one for one in names if _is_subvolume(here, path, one, mounts))
            return Directory(
                path=path,
                entries=tuple(names[:_SHOWN]),
                counted=len(names),
                subvolumes=subvolumes,
            )
    return None


def _kind_at(path: bytes, mounts: tuple[Mounted, ...]) -> str:
    inside = [one for one in mounts if is_below(path, one.point)]
    return max(inside, key=lambda one: len(one.point)).kind if inside else ""


def _is_subvolume(here: bytes, path: bytes, name: bytes, mounts: tuple[Mounted, ...]) -> bool:
    """Whether a name is one; what something else is mounted on is not even looked at."""
    if any(one.point == path.rstrip(b"/") + b"/" + name and one.kind != "btrfs" for one in mounts):
        return False
    with suppress(OSError):
        found = os.lstat(here + b"/" + name)
        return stat.S_ISDIR(found.st_mode) and found.st_ino == _ROOT_INODE
    return False


# ── Volumes and servers ──────────────────────────────────────────────────────────────────────


def _volumes(
    places: Places, mounts: tuple[Mounted, ...], disks: tuple[Disk, ...], not_seen: list[str]
) -> tuple[tuple[PoolSeen, ...], tuple[str, ...]]:
    command = look_everywhere_command()
    answer = _asked("logical volumes (lvs)", command, lambda out: out, places, not_seen)
    if answer is None:
        return (), ()
    try:
        pools = tuple(_pool(one, mounts, disks) for one in read_pools(answer))
        idle = [one for one in read_others(answer) if not _in_use(one, mounts, disks)]
        return pools, tuple(one.text for one in idle)
    except Unreadable as error:
        not_seen.append(f"logical volumes (lvs): {error}")
        return (), ()


def _in_use(name: LvName, mounts: tuple[Mounted, ...], disks: tuple[Disk, ...]) -> bool:
    """Whether a volume is mounted, so that its files are where they are mounted, or swap."""
    devices = _devices(name)
    swaps = any(one.holds == "swap" for one in disks if one.path in devices)
    return swaps or any(one.source in devices for one in mounts)


def _devices(name: LvName) -> set[bytes]:
    return {name.device, b"/dev/mapper/" + name.device_name.encode()}


def _pool(content: PoolContent, mounts: tuple[Mounted, ...], disks: tuple[Disk, ...]) -> PoolSeen:
    return PoolSeen(
        group=content.pool.name.group,
        name=content.pool.name.volume,
        volumes=tuple(_volume(one, mounts, disks) for one in content.volumes if not one.skipped),
    )


def _volume(volume: ThinVolume, mounts: tuple[Mounted, ...], disks: tuple[Disk, ...]) -> VolumeSeen:
    devices = _devices(volume.name)
    holds = next((one.holds for one in disks if one.path in devices), "")
    where = tuple(one.point for one in mounts if one.source in devices)
    return VolumeSeen(name=volume.name.volume, holds=holds, mounted=where)


def _server_folders(places: Places, known: Iterable[Listening]) -> Iterator[Listening]:
    """Servers that keep data here and are not heard, perhaps since they are stopped."""
    heard = " ".join(one.server for one in known)
    for folder, server in FOLDERS.items():
        if names_in(places, folder) and not any(word in heard for word in server.split(" or ")):
            yield Listening(server=server, where=f"{display(folder)}, where its data lie")
