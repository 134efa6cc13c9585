"""Where a device is mounted, as the kernel tells it."""

from __future__ import annotations

from engine.items.device_users import MountedFrom, mounted_at, read_mounts

TEXT = b"""\
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
40 35 253:7 / /live/a\\040b\\012 rw - ext4 /dev/mapper/pve-web rw
41 35 0:51 /@ /live/pool rw shared:9 master:2 - btrfs /dev/dm-9 rw
41 35
nonsense - x
"""


def test_lines_with_and_without_optional_fields() -> None:
    assert read_mounts(TEXT) == (
        MountedFrom(number="98:0", device=b"/dev/root", at=b"/mnt2"),
        MountedFrom(number="253:7", device=b"/dev/mapper/pve-web", at=b"/live/a b\n"),
        MountedFrom(number="0:51", device=b"/dev/dm-9", at=b"/live/pool"),
    )


def test_by_number_and_by_name_where_the_number_is_not_the_disks() -> None:
    mounts = read_mounts(TEXT) * 2
    assert mounted_at(mounts, "253:7", frozenset()) == [b"/live/a b\n"]
    assert mounted_at(mounts, "253:9", frozenset({b"/dev/dm-9"})) == [b"/live/pool"]
    assert mounted_at(mounts, "253:1", frozenset()) == []
