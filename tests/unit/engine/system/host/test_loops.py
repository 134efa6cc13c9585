"""Directories that lie in one another by their place in a file system, and by looking."""

import os
from pathlib import Path

from engine.system.host.file_systems import Mount, read_mounts
from engine.system.host.loops import names_within


def at(point: Path, root: str, device: bytes = b"8:1") -> Mount:
    fields = (os.fsencode(point), os.fsencode(root))
    return Mount(point=fields[0], kind="ext4", source=b"/dev/sda1", device=device, root=fields[1])


def test_a_path_below_another_one(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    top, mounts = os.fsencode(tmp_path), read_mounts()
    assert names_within(top + b"/a/b", top + b"/a", mounts) == (b"b",)
    assert names_within(top + b"/a/b/c/d", top + b"/a", mounts) == (b"b", b"c", b"d")
    assert names_within(top + b"/a", top + b"/a", mounts) == ()
    assert names_within(top + b"/a", top + b"/a/b", mounts) is None
    assert names_within(top + b"/ab", top + b"/a", mounts) is None


def test_what_only_bears_the_same_name_in_its_file_system_is_another_one(tmp_path: Path) -> None:
    """Two shares of one NFS server: one device, and each begins at `/`."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    mounts = (at(tmp_path / "one", "/"), at(tmp_path / "two", "/"))
    one, two = (os.fsencode(tmp_path / name) for name in ("one", "two"))
    assert names_within(one, two, mounts) is None
    assert names_within(one, one, mounts) == ()
