"""The mount table, and what lies on which file system."""

import os

import pytest

from engine.system.file_systems import Mount, identity_of, mount_of, mounts_below, read_mounts

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
