"""Who has a device open: a real loop device, mounted, and held by a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.system.rollback.device_users import users_of

pytestmark = [pytest.mark.root, pytest.mark.tool("losetup", "mkfs.ext4")]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    command = ["losetup", "--find", "--show", str(image)]
    loop = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    yield loop
    subprocess.run(["losetup", "--detach", loop], check=True)


def test_mounts_and_processes_are_named(device: Path, tmp_path: Path) -> None:
    name = os.fsencode(device)
    assert users_of(name) == ()
    at = tmp_path / "a b\udcff"
    at.mkdir()
    subprocess.run(["mount", "-o", "ro", device, at], check=True)
    try:
        (said,) = users_of(name)
        assert said.startswith("it is mounted on ")
        assert "a b" in said
    finally:
        subprocess.run(["umount", at], check=True)
    with device.open("rb"):
        (said,) = users_of(name)
        assert said.startswith(f"process {os.getpid()} (")


def test_a_device_that_is_not_there_is_nobodys(tmp_path: Path) -> None:
    assert users_of(os.fsencode(tmp_path / "none")) == ()
