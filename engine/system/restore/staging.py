"""The folder that a restore fetches into: ours alone, held by one at a time, with a note in it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.restore.steps import MARKER
from engine.system.host.descent import Descent
from engine.system.host.lock import LAST_BREATH

PATIENCE = LAST_BREATH
"""Seconds that what a killed restore had started may take to end."""
_POLL = 0.1
_NEW = MARKER + b".new"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST = 1 << 16


class NotOurs(Exception):
    """The folder is there, and others may write in it."""


class Held(Exception):
    """Another restore uses the folder now."""


@dataclass(slots=True, kw_only=True)
class Note:
    """What the folder says of itself, for whoever finds it and for the same command."""

    path: str
    """What is restored, as people read it."""
    kept: bytes
    """The name of the folder for what is there now."""
    what: str
    """Which state comes, as people read it."""
    piece: tuple[bytes, ...]
    """Where it lies in the folder."""
    boot: str = ""
    """In which life of the machine it began; whatever came before a crash may be no more than a
    name and a size."""
    placing: bool = False
    """Whether all has come, and is being put in its place."""

    def text(self) -> bytes:
        """As it is written."""
        said = {
            "path": self.path,
            "from": self.what,
            "kept": self.kept.decode(),
            "piece": [os.fsdecode(name) for name in self.piece],
            "boot": self.boot,
            "placing": self.placing,
        }
        return json.dumps(said, indent=2).encode() + b"\n"


def this_boot() -> str:
    """The name of the machine's life since it was last started (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def read_note(directory: int) -> Note | None:
    """The note of a folder; None where there is none that can be read."""
    try:
        with os.fdopen(os.open(MARKER, _READ, dir_fd=directory), "rb") as file:
            found = json.loads(file.read(_MOST))
        return Note(
            path=str(found["path"]),
            kept=str(found["kept"]).encode(),
            what=str(found["from"]),
            piece=tuple(os.fsencode(str(name)) for name in found["piece"]),
            boot=str(found["boot"]),
            placing=found["placing"] is True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(directory: int, note: Note) -> None:
    """Have a note on the disk, whole or as it was."""
    with os.fdopen(os.open(_NEW, _WRITE, 0o600, dir_fd=directory), "wb") as file:
        file.write(note.text())
        file.flush()
        os.fsync(file.fileno())
    os.replace(_NEW, MARKER, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


@contextmanager
def staging(parent: int, name: bytes) -> Iterator[int]:
    """Hold the folder of that name: new, or as an earlier try has left it.

    Raises `Held` and `NotOurs`.
    """
    descriptor = _held(parent, name)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise NotOurs
        yield descriptor
    finally:
        os.close(descriptor)


def _held(parent: int, name: bytes) -> int:
    """Two restores of one path would fetch into each other, and rename twice."""
    began = time.monotonic()
    while True:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(descriptor, parent, name):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= began + PATIENCE:
                os.close(descriptor)
                raise Held from None
            time.sleep(_POLL)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is(descriptor: int, parent: int, name: bytes) -> bool:
    """Whether the name still means it: who held it before has removed it at the end."""
    try:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def open_way(descent: Descent, piece: tuple[bytes, ...]) -> None:
    """Open the directories above it for renaming: they have the modes of their originals."""
    for depth in range(1, len(piece)):
        here = descent.enter(piece[:depth])
        os.chmod(b"/proc/self/fd/%d" % here, 0o700)  # noqa: PTH101 - bytes


@contextmanager
def writable(descent: Descent, piece: tuple[bytes, ...]) -> Iterator[None]:
    """A directory is renamed into another one only by who may write it; its mode comes back."""
    parent = descent.enter(piece[:-1])
    status = os.stat(piece[-1], dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IWUSR:
        yield
        return
    inner = os.open(piece[-1], _DIRECTORY, dir_fd=parent)
    try:
        os.fchmod(inner, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
        yield
    finally:
        os.fchmod(inner, stat.S_IMODE(status.st_mode))
        os.close(inner)
