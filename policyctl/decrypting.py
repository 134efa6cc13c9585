"""Opening what `restore` has brought and a leg had encrypted, with a key that lies elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from engine.dumps.figures import NotWhole
from engine.system.dumps.encrypt import decrypt
from engine.system.host.process import CommandNotStarted, run
from policy.encryption import ENDING
from policyctl.boundary import Refused


def open_encrypted(path: bytes, identity: Path) -> tuple[bytes, ...]:
    """Open each encrypted file at or below a path; the plain ones that lie there instead now.

    Raises `Refused` where one does not open: it stays as it came.
    """
    opened = []
    for one in sorted(_encrypted(path)):
        try:
            opened.append(decrypt(one, os.fsencode(identity), run))
        except (NotWhole, CommandNotStarted, OSError) as error:
            shown = os.fsdecode(one)
            raise Refused(f"{shown}: {error}; it lies there encrypted, as it came") from None
    return tuple(opened)


def _encrypted(path: bytes) -> Iterator[bytes]:
    if os.path.isfile(path) and path.endswith(ENDING.encode()):  # noqa: PTH113 - bytes
        yield path
    for folder, _, names in os.walk(path):
        for name in names:
            if name.endswith(ENDING.encode()):
                yield folder + b"/" + name
