"""What the kernel and btrfs(8) answer, read."""

from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items.btrfs import (
    ABOUT_CHILD,
    ABOUT_CHILDREN,
    ABOUT_SUBVOLUME,
    CHILDREN_MOST,
    Child,
    about_child,
    about_children,
    delete_command,
    read_child,
    read_children,
    read_file_system,
    read_metadata_free,
    read_subvolume,
    share,
    snapshot_command,
    usage_command,
)
from engine.plan.typed_json import Unreadable
from policy.values import Percentage

OWN = uuid.UUID("ae5c9070-5e83-ea40-9675-ec985a62c25c")
PARENT = uuid.UUID("c3d84fcd-5182-2c40-b7db-480a03180a39")
NOBODY = uuid.UUID(int=0)
USAGE = """\
Overall:
    Device size:\t\t         268435456
    Device allocated:\t\t          92274688
    Device unallocated:\t\t         176160768
    Device missing:\t\t                 0
    Used:\t\t\t            393216
    Free (estimated):\t\t         184549376\t(min: 96468992)
    Data ratio:\t\t\t              1.00
    Metadata ratio:\t\t              2.00
    Global reserve:\t\t           5767168\t(used: 0)
    Multiple profiles:\t\t                no

Data,single: Size:8388608, Used:0 (0.00%)
   /dev/loop0\t   8388608

Metadata,DUP: Size:33554432, Used:180224 (0.54%)
   /dev/loop0\t  67108864

System,DUP: Size:8388608, Used:16384 (0.20%)
   /dev/loop0\t  16777216
"""


def answer(*, number: int = 258, flags: int = 1, parent: uuid.UUID = PARENT) -> bytes:
    """What the kernel says of a subvolume (`struct btrfs_ioctl_get_subvol_info_args`)."""
    head = struct.pack("=Q256s4Q", number, b"a name\n\tFlags: readonly", 5, 256, 7, flags)
    found = head + OWN.bytes + parent.bytes + NOBODY.bytes
    return found.ljust(ABOUT_SUBVOLUME.size, b"\0")


def test_a_subvolume_by_its_number_uuids_and_flags() -> None:
    found = read_subvolume(answer())
    assert (found.number, found.uuid, found.parent) == (258, str(OWN), str(PARENT))
    assert found.read_only
    assert read_subvolume(answer(parent=NOBODY)).parent == ""
    assert not read_subvolume(answer(flags=0)).read_only
    assert not read_subvolume(answer(flags=1 << 48)).read_only


def test_which_file_system_it_is() -> None:
    assert read_file_system(struct.pack("=QQ", 1, 1) + OWN.bytes + bytes(992)) == str(OWN)


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=255))
def test_children_come_back_as_they_were_told(pairs: list[tuple[int, int]]) -> None:
    body = b"".join(struct.pack("=QQ", *pair) for pair in pairs).ljust(16 * CHILDREN_MOST, b"\1")
    told = about_children(0).ljust(8, b"\0") + body + bytes([len(pairs)]) + bytes(7)
    assert len(told) == ABOUT_CHILDREN.size
    expected = tuple(Child(number=number, directory=directory) for number, directory in pairs)
    assert read_children(told) == expected


@given(st.binary(max_size=255).filter(lambda name: b"\0" not in name))
def test_a_childs_path_is_bytes(name: bytes) -> None:
    told = about_child(Child(number=7, directory=9)) + name.ljust(256, b"\0") + b"a/b/"
    assert read_child(told.ljust(ABOUT_CHILD.size, b"\0")) == b"a/b/" + name


class TestRoom:
    def test_metadata_may_take_what_is_not_allocated_yet(self) -> None:
        # 33,554,432 there and 88,080,384 to come, both twice; 5,947,392 used or reserved.
        assert read_metadata_free(USAGE.encode()) == Percentage(95_100)

    def test_where_nothing_is_unallocated_they_end(self) -> None:
        text = USAGE.replace("176160768", "0").replace("Used:180224", "Used:25165824")
        assert read_metadata_free(text.encode()) == Percentage(7_800)
        text = text.replace("25165824", "33554432")
        assert read_metadata_free(text.encode()) == Percentage(0)

    def test_all_profiles_count(self) -> None:
        more = USAGE + "\nMetadata,single: Size:33554432, Used:33554432 (100%)\n"
        assert read_metadata_free(more.encode()) < read_metadata_free(USAGE.encode())

    @pytest.mark.parametrize("gone", ["Device unallocated", "Metadata,DUP", "Global reserve"])
    def test_what_is_not_told_is_not_known(self, gone: str) -> None:
        with pytest.raises(Unreadable, match=gone.split(",")[0]):
            read_metadata_free(USAGE.replace(gone, "x").encode())

    def test_shares(self) -> None:
        assert share(1, 3) == Percentage(33_300)
        assert share(-1, 3) == Percentage(0)
        assert share(1, 0) == Percentage(0)


def test_commands_are_given_descriptors_and_no_names_to_interpret() -> None:
    taken = snapshot_command(3, 4, b"-r\n*")
    assert taken[-3:] == (b"--", b"/proc/self/fd/3", b"/proc/self/fd/4/-r\n*")
    assert b"-r" in taken[:-3]
    assert delete_command(258, 3) == (
        *(b"btrfs", b"subvolume", b"delete", b"--commit-after"),
        *(b"--subvolid", b"258", b"--", b"/proc/self/fd/3"),
    )
    assert usage_command(3)[-2:] == (b"--", b"/proc/self/fd/3")
