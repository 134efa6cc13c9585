"""A real exFAT, which takes `A` and `a` for one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TOOLS = ("mkfs.exfat", "mount.exfat-fuse", "losetup")

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

NEEDS = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file needs root"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="the kernel has no FUSE"),
    pytest.mark.skipif(
        any(shutil.which(one, path=PATH) is None for one in TOOLS),
        reason=f"needs {', '.join(TOOLS)}: tools/setup test",
    ),
]


def do(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    for _ in range(50 * (argv[0] == "losetup")):
        if done.returncode == 0:
            break
        time.sleep(0.1)  # somebody else was given the one that was free
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 and argv[0] == "losetup":
        pytest.skip(f"no loop device is free: {done.stderr}")
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout.strip()


@contextmanager
def exfat(image: Path, disk: Path) -> Iterator[None]:
    """Such a disk at a folder, until the block ends."""
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    do("mkfs.exfat", image)
    disk.mkdir(parents=True, exist_ok=True)
    device = do("losetup", "--find", "--show", image)
    try:
        do("mount.exfat-fuse", device, disk)
        yield
    finally:
        subprocess.run(["umount", disk], capture_output=True, check=False)
        subprocess.run(["losetup", "-d", device], capture_output=True, check=False)
