"""Block devices, as `lsblk` tells of them."""

from __future__ import annotations

import pytest

from engine.draft.disks import Disk, read_disks
from engine.plan.typed_json import Unreadable

ANSWER = """\
{
   "blockdevices": [
      {"path":"/dev/sda1", "fstype":"ext4", "label":"backup", "rota":true, "hotplug":false},
      {"path":"/dev/sdb1", "fstype":"exfat", "label":null, "rota":"0", "hotplug":"1"},
      {"path":"/dev/mapper/pve-vm--100--disk--0", "fstype":null, "label":null, "rota":null}
   ]
}
"""


def test_what_is_told() -> None:
    assert read_disks(ANSWER) == (
        Disk(path=b"/dev/sda1", holds="ext4", label="backup", rotates=True, removable=False),
        Disk(path=b"/dev/sdb1", holds="exfat", label="", rotates=False, removable=True),
        Disk(
            path=b"/dev/mapper/pve-vm--100--disk--0",
            holds="",
            label="",
            rotates=None,
            removable=False,
        ),
    )


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"blockdevices": 7}'])
def test_what_is_no_answer(answer: str) -> None:
    with pytest.raises(Unreadable):
        read_disks(answer)
