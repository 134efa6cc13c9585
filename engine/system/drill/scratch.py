"""The private directory of a drill in its scratch space: made, known again, removed.

It has one name for each drill, and says in a note whose it is: what a killed drill has left is
removed by the next one, and nothing else ever is.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from engine.system.host.descent import list_inside, opened_root, remove_tree
from engine.system.host.file_systems import room_of
from engine.system.host.signals import Interrupted
from policy.values import display

PREFIX = b".policyctl-drill-"
"""How its name begins; no leg takes such a name."""
NOTE = b".policyctl-drill.json"
"""In it: whose it is."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SPARE = 64 << 20
"""Bytes that stay free: a file system without any fails others as well."""
_BLOCK = 4096


class NoScratch(Exception):
    """There is no scratch space to work in; the message says why."""


@dataclass(slots=True)
class Private:
    """The directory while the drill lasts."""

    scratch: bytes
    name: bytes
    kept: bytes = b""
    """Its path once it was given away; it is nobody's any more then."""

    @property
    def path(self) -> bytes:
        """Where it lies."""
        return self.scratch.rstrip(b"/") + b"/" + self.name

    def refuse_without_room(self, size: int, files: int) -> None:
        """Raises `NoScratch` where so much does not fit."""
        free, _ = room_of(self.path)
        wanted = size + files * _BLOCK + _SPARE
        if free < wanted:
            raise NoScratch(
                f"{display(self.scratch)} has {free:,} bytes free, and {wanted:,} are wanted: "
                "make room there, or take a smaller `sample`"
            )

    def give_away(self, stamp: str) -> bytes:
        """Leave what came back to whoever asked for it, under a name of its own; its path."""
        name = b"drill-" + self.name.removeprefix(PREFIX) + b"-" + stamp.encode()
        target = self.scratch.rstrip(b"/") + b"/" + name
        for inner in os.listdir(self.path):  # noqa: PTH208 - bytes
            if inner.startswith(b".policyctl-"):
                with suppress(OSError):
                    os.unlink(self.path + b"/" + inner)  # noqa: PTH108 - bytes
        os.rename(self.path, target)  # noqa: PTH104 - bytes
        self.kept = target
        return target


@contextmanager
def private_scratch(
    scratch: bytes, drill: str, host: str, *, was: str | None = None
) -> Iterator[Private]:
    """A directory for this drill alone, gone afterwards on every way out.

    The caller holds the drill's lock. `was`: the name that it had, where nothing runs under that:
    what a drill that was killed before it was renamed has left goes as well. Raises `NoScratch`.
    """
    private = Private(scratch, PREFIX + drill.encode())
    note = {"drill": drill, "host": host}
    with ExitStack() as stack:
        directory = _opened(scratch, stack)
        _clear(private, directory, note)
        if was is not None:
            with suppress(NoScratch):  # somebody else's is in nobody's way there
                _clear(Private(scratch, PREFIX + was.encode()), directory, {**note, "drill": was})
        try:
            os.mkdir(private.name, 0o700, dir_fd=directory)
        except OSError as error:
            raise NoScratch(f"{display(private.path)}: {error.strerror or error}") from None
        try:
            _write_note(private, note)
            yield private
        finally:
            if not private.kept:
                _remove(private.path)


def _remove(path: bytes) -> None:
    """Remove it, also where somebody ends the drill just then."""
    try:
        remove_tree(path)
    except Interrupted:
        remove_tree(path)
        raise


def _opened(scratch: bytes, stack: ExitStack) -> int:
    """The scratch directory, held open for as long as the stack lasts. Raises `NoScratch`."""
    try:
        directory = stack.enter_context(opened_root(scratch))
    except (FileNotFoundError, NotADirectoryError):
        raise NoScratch(
            f"the scratch directory {display(scratch)} is not there: make it, or mount it"
        ) from None
    except OSError as error:
        raise NoScratch(f"{display(scratch)}: {error.strerror}") from None
    mode = os.fstat(directory).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise NoScratch(
            f"{display(scratch)} can be written by everybody, who could put other things in the "
            f"place of what comes back: chmod o-w {display(scratch)}"
        )
    return directory


def _write_note(private: Private, note: dict[str, str]) -> None:
    descriptor = os.open(private.path + b"/" + NOTE, _WRITE, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(note).encode() + b"\n")


def _clear(private: Private, directory: int, note: dict[str, str]) -> None:
    """Remove what a killed drill of that name has left. Raises `NoScratch` for anything else."""
    try:
        inner = os.open(private.name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError:
        raise _strange(private) from None
    try:
        status = os.fstat(inner)
        ours = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        # One that was killed before its note was written has left nothing at all in it.
        if not ours or (_read_note(inner) != note and list_inside(inner)):
            raise _strange(private)
    finally:
        os.close(inner)
    remove_tree(private.path)


def _strange(private: Private) -> NoScratch:
    return NoScratch(
        f"{display(private.path)} is there, and no drill of this name has left it: look what it "
        "is, and move it away"
    )


def _read_note(directory: int) -> dict[str, str] | None:
    try:
        with os.fdopen(os.open(NOTE, _READ, dir_fd=directory), "rb") as file:
            found = json.loads(file.read(1 << 16))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
