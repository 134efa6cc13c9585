"""A snapshot opened for reading: cloned, unlocked if need be, and closed on every way out.

What is read is never the snapshot itself. A file system that was in use has a journal to replay, a
read-only device lets it replay none, and without it files are missing that were safely written. So
a writable clone is made, and removed after. It costs a change of the pool's metadata and the few
blocks that the replay writes.

The reader holds the lock of its leg. So whatever carries the leg's tag when a run begins was left
by one that was killed, and `sweep` closes it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.items.block_devices import (
    MOUNTABLE,
    NOT_ACTIVE,
    WRONG_KEY,
    Content,
    Probe,
    lock_command,
    mapping,
    probe_command,
    read_probe,
    unlock_command,
)
from engine.items.thin_names import LvName, clone_name
from engine.items.thin_pool import OpenClone, PoolContent, ThinSnapshot, ThinVolume
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.items.failures import LvmFailed, NotClosed, NotOpened
from engine.system.items.thin_pool import activate, look_at, make_clone, remove, resume
from policy.values import display

_SECONDS = 120.0
"""A key derivation takes a few seconds and a gigabyte by design (LUKS2, argon2id)."""
_TRIES = 8
_PAUSE = 0.25
"""Seconds between tries, doubled each time, where something still uses what is to be closed: udev
looks at each device that changes, and a namespace unmounts a moment after its last process ended.
"""
_LINKS = (Path("/dev/disk/by-uuid"), Path("/dev/disk/by-label"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVolume:
    """Where the content of a snapshot can be mounted from."""

    device: bytes
    kind: str
    """Its file system, one of `MOUNTABLE`."""


@contextmanager
def opened(snapshot: ThinSnapshot, reader: str, key_file: bytes | None) -> Iterator[OpenVolume]:
    """Open a snapshot for the length of the block; the caller holds the lock of the leg `reader`.

    `key_file` is for what LUKS has encrypted; nothing else needs it. Raises `NotOpened`,
    `LvmFailed`, and `NotClosed` where that is all that went wrong.
    """
    source = snapshot.volume.name
    name = replace(source, volume=clone_name(source.volume, reader))
    _close(name, reader)
    try:
        yield _open(snapshot, reader, key_file)
    except BaseException:
        with suppress(LvmFailed, NotClosed, NotOpened):
            _close(name, reader)
        raise
    _close(name, reader)


def sweep(content: PoolContent, reader: str) -> tuple[str, ...]:
    """Close what a killed run of a leg has left, and have suspended volumes go on; what was done.

    The caller holds the lock of that leg. What cannot be done hides no other volume (law 35): it is
    said, and whoever needs that very one finds out for itself.
    """
    suspended = [one for one in content.volumes if one.suspended]
    return (*close_left(content, reader), *map(_resumed, suspended))


def close_left(content: PoolContent, reader: str) -> tuple[str, ...]:
    """Close what a killed reader has left open; the caller holds its lock."""
    clones = [one.volume.name for one in content.clones if one.leg == reader]
    return tuple(map(partial(_swept, reader), clones))


def _swept(reader: str, name: LvName) -> str:
    try:
        _close(name, reader)
    except (LvmFailed, NotClosed, NotOpened) as error:
        return f"{name.text}: a run had left it open, and it stays so: {error}"
    return f"{name.text}: a killed run had left it open, it is removed"


def _resumed(volume: ThinVolume) -> str:
    try:
        resume(volume)
    except LvmFailed as error:
        return (
            f"{volume.name.text}: a killed command had left it suspended, and it stays so: {error}"
        )
    return f"{volume.name.text}: a killed command had left it suspended, it goes on"


def _open(snapshot: ThinSnapshot, reader: str, key_file: bytes | None) -> OpenVolume:
    clone = make_clone(snapshot, reader)
    activate(clone.volume.name)
    device = clone.volume.name.device
    _check_links(device)
    found = _probe(device)
    if found.content is Content.LUKS:
        if key_file is None:
            raise NotOpened(f"{snapshot.of} is encrypted, and no key is named for it (`luks`)")
        device = _unlock(device, clone.volume.name.volume, key_file)
        _check_links(device)
        found = _probe(device)
    if found.content is not Content.FILE_SYSTEM or found.kind not in MOUNTABLE:
        raise NotOpened(f"{snapshot.of} {_holds(found)}")
    return OpenVolume(device=device, kind=found.kind)


def _holds(found: Probe) -> str:
    match found.content:
        case Content.NOTHING:
            return "holds nothing that is known, so there are no files to read"
        case Content.FILE_SYSTEM:
            return f"holds a file system of the kind {found.kind!r}, which is never mounted here"
        case Content.LUKS | Content.OTHER:
            return f"holds {found.kind or 'something'!r} and no file system"


def _close(name: LvName, reader: str) -> None:
    """Take away the mapping and the clone of that name, as far as they are there and ours."""
    if os.path.lexists(mapping(name.volume)):
        _repeat(lambda: _lock(name.volume))
    clone = look_at(name)
    if clone is None:
        return
    if not isinstance(clone, OpenClone) or clone.leg != reader:
        raise NotClosed(f"{name.text} has the name of a clone of ours, and is none: it stays")
    _repeat(lambda: remove(clone))


def _lock(name: str) -> None:
    done = _run(lock_command(name))
    if done.code not in (0, NOT_ACTIVE):
        raise NotClosed(f"the mapping {name} stays open: {_said(done)}")


def _repeat(close: Callable[[], None]) -> None:
    """Try until nothing uses it any more, for about half a minute in all."""
    pause = _PAUSE
    for _ in range(_TRIES - 1):
        with suppress(LvmFailed, NotClosed):
            close()
            return
        time.sleep(pause)
        pause *= 2
    close()


def _probe(device: bytes) -> Probe:
    done = _run(probe_command(device))
    found = read_probe(done.stdout, done.code)
    if found is None:
        raise NotOpened(f"blkid cannot say what is on {display(device)}: {_said(done)}")
    return found


def _unlock(device: bytes, name: str, key_file: bytes) -> bytes:
    """Unlock it with a key that goes from its file to cryptsetup and nowhere else (law 22)."""
    key = _open_key(key_file)
    try:
        done = _run(unlock_command(device, name, b"/proc/self/fd/%d" % key), keep_open=(key,))
    finally:
        os.close(key)
    if done.code == WRONG_KEY:
        raise NotOpened(f"the key in {display(key_file)} does not open it")
    if done.code != 0:
        raise NotOpened(f"it cannot be unlocked: {_said(done)}")
    return mapping(name)


def _open_key(path: bytes) -> int:
    """A descriptor of a key file that nobody else may read: what is checked is what is used."""
    try:
        key = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotOpened(f"the key {display(path)} cannot be read: {error.strerror}") from None
    found = os.fstat(key)
    problem = ""
    if not stat.S_ISREG(found.st_mode):
        problem = "is no regular file"
    elif found.st_uid != os.geteuid():
        problem = f"belongs to the user {found.st_uid}"
    elif found.st_mode & 0o077:
        problem = f"is open to others (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600"
    elif not found.st_size:
        problem = "is empty"
    if problem:
        os.close(key)
        raise NotOpened(f"the key {display(path)} {problem}")
    return key


def _check_links(device: bytes) -> None:
    """Refuse a device that udev has given the name of the live file system.

    Both have one UUID, and the last one that appears gets the link: what is mounted by UUID would
    then be the clone, and all that is written there would go with it.
    """
    real = os.path.realpath(os.fsdecode(device))
    for folder in _LINKS:
        links = list(folder.iterdir()) if folder.is_dir() else []
        taken = [link for link in links if os.path.realpath(link) == real]
        if taken:
            raise NotOpened(
                f"udev gives the name {taken[0]} to a clone of the volume: the rules for udev that "
                "`policyctl apply` writes are not in force"
            )


def _run(argv: tuple[bytes, ...], *, keep_open: tuple[int, ...] = ()) -> Completed:
    command = Command(argv=argv, timeout=_SECONDS, keep_open=keep_open)
    try:
        return run(command)
    except CommandNotStarted as error:
        raise NotOpened(str(error)) from None


def _said(done: Completed) -> str:
    if done.timed_out:
        return "it did not end in time"
    return done.last_words or f"it ended with {done.code}"
