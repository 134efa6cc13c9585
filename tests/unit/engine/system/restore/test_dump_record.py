"""What came of a dump, held against the record that lies in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.dumps.record import NAME, DumpRecord, FileRecord, record_to_json
from engine.system.restore.compare import Tree
from engine.system.restore.dump_record import record_in, unlike_record


def record(**content: bytes) -> DumpRecord:
    files = tuple(
        FileRecord(
            name=name.encode(),
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest() if data else "",
            nature="x",
        )
        for name, data in content.items()
    )
    return DumpRecord(source="s", server="v", client="c", began="2026-01-01", files=files)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    (tmp_path / "dump").mkdir()
    root = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield Tree(root=root, top=(b"dump",))
    os.close(root)


def test_a_record_is_found_where_it_lies(tmp_path: Path, tree: Tree) -> None:
    assert record_in(tree) is None
    path = tmp_path / "dump" / NAME.decode()
    for bad in (b"", b"\xff", b"{}"):
        path.write_bytes(bad)
        assert record_in(tree) is None
    path.write_text(record_to_json(record(a=b"1")))
    assert record_in(tree) == record(a=b"1")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert record_in(tree) is None, "law 41"


def test_what_is_not_as_it_says_is_named(tmp_path: Path, tree: Tree) -> None:
    for name in ("good", "rotten", "link"):
        (tmp_path / "dump" / name).write_bytes(b"1")
    (tmp_path / "dump/link").rename(tmp_path / "aside")
    (tmp_path / "dump/link").symlink_to(tmp_path / "aside")
    told = record(good=b"1", rotten=b"2", gone=b"3", link=b"1", unknown=b"")
    found = {one.path: one.what for one in unlike_record(tree, (), told)}
    assert found == {
        (b"rotten",): "its content is not what the record of the dump says",
        (b"gone",): "it is in the record of the dump, and not here",
        (b"link",): "it is in the record of the dump, and not here",
        (b"unknown",): "it is in the record of the dump, and not here",
    }


def test_a_file_that_came_alone_is_held_against_its_line(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "dump/rotten").write_bytes(b"1")
    one = Tree(root=tree.root, top=(b"dump", b"rotten"))
    (found,) = unlike_record(one, (b"rotten",), record(rotten=b"2", gone=b"3"))
    assert found.path == ()
