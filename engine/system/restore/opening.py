"""Opening what a restore has brought and a leg had encrypted, with a key that lies elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from engine.dumps.figures import NotWhole
from engine.system.dumps.encrypt import decrypt
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from policy.encryption import ENDING
from policy.values import display

_ENDING = ENDING.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What became of the encrypted files that came."""

    files: tuple[bytes, ...] = ()
    """The names of the plain ones that lie there instead, below the directory."""
    failed: tuple[str, ...] = ()
    """Why others stay as they came."""


def open_encrypted(directory: int, name: bytes, identity: bytes) -> Opened:
    """Open each encrypted file that is, or lies below, a name in a directory held open.

    One that does not open keeps no other shut. Killed at any instant, the same call goes on.
    """
    here = _here(directory)

    def with_directory(command: Command) -> Completed:
        return run(replace(command, keep_open=(directory,)))

    opened: list[bytes] = []
    failed: dict[str, list[str]] = {}
    for one in sorted(_encrypted(here + name)):
        shown = one.removeprefix(here)
        target = one.removesuffix(_ENDING)
        try:
            decrypt(one, target, identity, with_directory)
            _flush(target)  # before the other one goes
            os.unlink(one)  # noqa: PTH108 - bytes
        except (NotWhole, CommandNotStarted, OSError) as error:
            failed.setdefault(str(error), []).append(display(shown))
        else:
            opened.append(shown.removesuffix(_ENDING))
    said = tuple(_stays(names, why) for why, names in failed.items())
    return Opened(files=tuple(opened), failed=said)


def _stays(names: list[str], why: str) -> str:
    more = f" and {len(names) - 1:,} more" if names[1:] else ""
    return f"{names[0]}{more}: {why}; what does not open lies there as it came"


def is_shut(directory: int, name: bytes) -> bool:
    """Whether something encrypted is left of it."""
    return any(True for _ in _encrypted(_here(directory) + name))


def _here(directory: int) -> bytes:
    return b"/proc/self/fd/%d/" % directory


def _encrypted(path: bytes) -> Iterator[bytes]:
    """Regular files alone: a symlink may lead elsewhere, and a pipe has no end."""
    found = [path]
    found += [folder + b"/" + name for folder, _, names in os.walk(path) for name in names]
    for one in found:
        with suppress(FileNotFoundError):
            if one.endswith(_ENDING) and stat.S_ISREG(os.lstat(one).st_mode):
                yield one


def _flush(path: bytes) -> None:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
