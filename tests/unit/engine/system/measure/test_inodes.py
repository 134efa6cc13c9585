"""Each file once, however many names it has."""

import os
from pathlib import Path

from engine.system.host.descent import opened_root
from engine.system.measure.inodes import Inodes
from engine.system.measure.walk import count_once
from tests.integration.lab import HOSTILE


def test_a_file_counts_by_its_first_name_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    os.link(one, other)
    (tmp_path / "single").write_text("2")
    inodes = Inodes()
    assert [inodes.is_new(path.stat()) for path in (one, other, one)] == [True, False, False]
    # What has one name is not kept in mind: whoever walks comes to it once.
    single = (tmp_path / "single").stat()
    assert [inodes.is_new(single) for _ in range(2)] == [True, True]


def test_trees_that_share_files_are_counted_together(tmp_path: Path) -> None:
    for tree in ("1", "2"):
        (tmp_path / tree / "deep").mkdir(parents=True)
    for at, name in enumerate(map(os.fsdecode, HOSTILE)):
        first = tmp_path / "1/deep" / name
        first.write_bytes(b"x" * (at + 1))
        (tmp_path / "2/deep" / name).hardlink_to(first)
    (tmp_path / "2/own").write_text("12")
    (tmp_path / "away").mkdir()
    (tmp_path / "away/file").write_text("outside")
    (tmp_path / "2/link").symlink_to(tmp_path / "away")
    inodes, wanted = Inodes(), sum(range(1, len(HOSTILE) + 1))
    with opened_root(os.fsencode(tmp_path)) as root:
        first_tree, second = (count_once(root, (name,), inodes) for name in (b"1", b"2"))
        gone = count_once(root, (b"3",), inodes)
    assert (first_tree.volume.files, first_tree.volume.bytes) == (len(HOSTILE), wanted)
    link = len(os.fsencode((tmp_path / "2/link").readlink()))
    assert (second.volume.files, second.volume.bytes) == (2, 2 + link)
    assert (gone.volume.files, gone.unreadable) == (0, 0)
