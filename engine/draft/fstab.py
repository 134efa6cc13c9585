"""File systems that a machine mounts, read from its fstab (fstab(5)). Pure."""

from __future__ import annotations

import re

from engine.draft.observation import DISK_KINDS, NETWORK_KINDS, Mounted

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def mounts_in(fstab: bytes) -> tuple[Mounted, ...]:
    """Give what is mounted at a directory, and is neither the kernel's own nor a bind mount."""
    found: dict[bytes, Mounted] = {}
    for line in fstab.split(b"\n"):
        words = line.split()
        if len(words) < 3 or words[0].startswith(b"#") or not words[1].startswith(b"/"):
            continue
        kind = words[2].decode("ascii", "replace")
        options = words[3].split(b",") if len(words) > 3 else []
        if kind in DISK_KINDS | NETWORK_KINDS and b"bind" not in options:
            point = _plain(words[1]).rstrip(b"/") or b"/"
            found[point] = Mounted(point=point, kind=kind, source=_plain(words[0]))
    return tuple(found.values())


def _plain(word: bytes) -> bytes:
    return _ESCAPE.sub(lambda code: bytes([int(code[1], 8) & 0xFF]), word)
