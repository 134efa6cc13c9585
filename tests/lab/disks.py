"""Small disks: files behind loop devices, which go with the last one that has them open."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.debian import PATH


@contextmanager
def disk(file: Path, *, mebibytes: int) -> Iterator[Path]:
    """A new ext4 file system in a file, as a device of this host."""
    with file.open("wb") as image:
        image.truncate(mebibytes * 2**20)
    _run("mkfs.ext4", "-q", file)
    device = Path(_run("losetup", "--find", "--show", file))
    held = os.open(device, os.O_RDONLY)
    try:
        _run("losetup", "--detach", device)  # in use: it goes when nobody has it open any more
        yield device
    finally:
        os.close(held)


def _run(*argv: str | Path) -> str:
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, env={**os.environ, "PATH": PATH}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()
