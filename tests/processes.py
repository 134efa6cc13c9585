"""What runs on this machine, as /proc tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def proc_files(name: str) -> Iterator[tuple[int, bytes]]:
    """Each process, and what a file in its directory holds.

    The names are taken without a look at what they name: it may be gone by then, and pathlib's
    patterns take the kernel's word for that (ESRCH) for an error.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), (entry / name).read_bytes()


def parents() -> Iterator[tuple[int, int]]:
    """Each process, and who started it."""
    for process, text in proc_files("stat"):
        yield process, int(text.rpartition(b")")[2].split()[1])
