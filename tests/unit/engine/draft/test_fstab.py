"""What a machine mounts, by its fstab."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.draft.fstab import mounts_in

FSTAB = rb"""# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1-2 / ext4 errors=remount-ro 0 1
/dev/sdb1	/mnt/my\040disk/	ext4	defaults	0	2
nas:/volume1 /mnt/nas nfs4 _netdev 0 0
/srv/a /srv/b none bind 0 0
tmpfs /tmp tmpfs defaults 0 0
/dev/sda2 none swap sw 0 0
broken
"""


def test_disks_and_shares() -> None:
    assert [(one.point, one.kind, one.source, one.is_far) for one in mounts_in(FSTAB)] == [
        (b"/", "ext4", b"UUID=1-2", False),
        (b"/mnt/my disk", "ext4", b"/dev/sdb1", False),
        (b"/mnt/nas", "nfs4", b"nas:/volume1", True),
    ]


@given(st.binary())
def test_any_bytes_can_be_read(data: bytes) -> None:
    mounts_in(data)
    mounts_in(b"x /" + data + b" ext4")
