"""Opening what `restore` has brought and a leg had encrypted, with a key that lies elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.dumps.figures import NotWhole
from engine.system.dumps.encrypt import decrypt
from engine.system.host.process import CommandNotStarted, run
from policy.encryption import ENDING
from policy.values import display


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What became of the encrypted files that came."""

    files: tuple[bytes, ...]
    """The plain ones that lie there instead."""
    failed: tuple[str, ...]
    """Why others stay as they came."""


def open_encrypted(path: bytes, identity: Path) -> Opened:
    """Open each encrypted file at or below a path; one that does not open keeps no other shut."""
    opened, failed = [], []
    for one in sorted(_encrypted(path)):
        target = one.removesuffix(ENDING.encode())
        try:
            decrypt(one, target, os.fsencode(identity), run)
            os.unlink(one)  # noqa: PTH108 - bytes
        except (NotWhole, CommandNotStarted, OSError) as error:
            failed.append(f"{display(one)}: {error}; it lies there encrypted, as it came")
        else:
            opened.append(target)
    return Opened(files=tuple(opened), failed=tuple(failed))


def _encrypted(path: bytes) -> Iterator[bytes]:
    """Regular files alone: a symlink may lead elsewhere, and a pipe has no end."""
    found = [path]
    found += [folder + b"/" + name for folder, _, names in os.walk(path) for name in names]
    for one in found:
        if one.endswith(ENDING.encode()) and stat.S_ISREG(os.lstat(one).st_mode):
            yield one
