"""The mount table, and what lies on which file system."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.system.host.file_systems import (
    Mount,
    identity_of,
    mount_of,
    mounts_below,
    position_of,
    read_mounts,
)

TABLE = (
    Mount(point=b"/", kind="ext4", source=b"/dev/sda1"),
    Mount(point=b"/mnt/backup", kind="ext4", source=b"/dev/sda1"),
    Mount(point=b"/mnt/backup", kind="xfs", source=b"/dev/sdb1"),
    Mount(point=b"/mnt/backup2", kind="tmpfs", source=b"tmpfs"),
    Mount(point=b"/mnt/backup/in side", kind="nfs4", source=b"nas:/a"),
)


@pytest.mark.parametrize(
    ("path", "index"),
    [
        (b"/etc", 0),
        (b"/mnt/backup", 2),
        (b"/mnt/backup/x", 2),
        (b"/mnt/backup2/x", 3),
        (b"/mnt/backup/in side/x", 4),
        (b"/mnt/backup/in", 2),
    ],
)
def test_the_deepest_and_last_mount_holds_a_path(path: bytes, index: int) -> None:
    assert mount_of(path, TABLE) == TABLE[index]


def test_mounts_below_a_directory() -> None:
    assert mounts_below(b"/mnt/backup", TABLE) == (b"/mnt/backup/in side",)
    assert mounts_below(b"/mnt/backup2", TABLE) == ()
    assert len(mounts_below(b"/", TABLE)) == 3


@pytest.mark.parametrize(
    ("path", "position"),
    [
        (b"/mnt/share/a/b", b"/a/b"),
        (b"/mnt/share", b"/"),
        (b"/mnt/part/b", b"/a/b"),
        (b"/mnt/part", b"/a"),
        (b"/etc", b"/etc"),
    ],
)
def test_a_place_is_one_by_whichever_mount(path: bytes, position: bytes) -> None:
    mounts = (
        Mount(point=b"/", kind="ext4", source=b"/dev/sda1"),
        Mount(point=b"/mnt/share", kind="nfs4", source=b"nas:/share"),
        Mount(point=b"/mnt/part", kind="nfs4", source=b"nas:/share", root=b"/a"),
    )
    assert position_of(path, mounts) == position


@pytest.mark.root
@pytest.mark.tool("mount")
def test_the_kernel_says_which_directory_of_a_file_system_is_mounted(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "pa rt"
    whole.mkdir()
    part.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", whole], check=True)
    try:
        (whole / "a b/c").mkdir(parents=True)
        subprocess.run(["mount", "--bind", whole / "a b", part], check=True)
        mounts = read_mounts()
        subprocess.run(["umount", part], check=True)
    finally:
        subprocess.run(["umount", whole], check=True)
    assert position_of(bytes(part / "c"), mounts) == b"/a b/c"
    assert position_of(bytes(whole / "a b/c"), mounts) == b"/a b/c"


def test_the_kernels_own_table_is_read() -> None:
    mounts = read_mounts()
    found = mount_of(b"/", mounts)
    assert found is not None
    assert found.point == b"/"
    assert identity_of(b"/", mounts) == identity_of(os.fsencode(os.sep), mounts) != "unknown"


def test_two_file_systems_have_two_names() -> None:
    mounts = read_mounts()
    proc = mount_of(b"/proc", mounts)
    if proc is None or proc.point != b"/proc":
        pytest.skip("no /proc of its own")
    assert identity_of(b"/proc", mounts) != identity_of(b"/", mounts)
