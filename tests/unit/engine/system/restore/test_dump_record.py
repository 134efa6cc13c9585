"""What came of a dump, held against the record that lies in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.dumps.artefact import Nature
from engine.dumps.record import NAME, DumpRecord, FileRecord, record_to_json
from engine.dumps.sums import NAME as SUMS
from engine.system.dumps.folders import reading_folders
from engine.system.restore.compare import Tree
from engine.system.restore.dump_record import record_in, unlike_record
from tests.integration.lab import at, write


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
    found = {one.path: one.what for one in unlike_record(tree, (), told, tree)}
    assert found == {
        (b"rotten",): "its content is not what the record of the dump says",
        (b"gone",): "it is in the record of the dump, and not here",
        (b"link",): "it is in the record of the dump, and not here",
        (b"unknown",): "it is in the record of the dump, and not here",
    }


def test_a_file_that_came_alone_is_held_against_its_line(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "dump/rotten").write_bytes(b"1")
    one = Tree(root=tree.root, top=(b"dump", b"rotten"))
    (found,) = unlike_record(one, (b"rotten",), record(rotten=b"2", gone=b"3"), tree)
    assert found.path == ()


def test_files_of_folders_are_held_against_the_list(tmp_path: Path, tree: Tree) -> None:
    folder = tmp_path / "dump/d"
    for name in (b"good", b"rotten", b"new\nline\\", b"gone", b"in/ner"):
        write(at(folder, name), name)
    at(folder, b"a.link").symlink_to("good")
    made = summed(tree, b"d")
    assert list(unlike_record(tree, (), made, tree)) == []
    write(folder / "rotten", "other")
    (folder / "gone").unlink()
    write(at(folder, b"new\nline\\"), "other")
    (folder / "in/ner").unlink()
    (folder / "in/ner").symlink_to("../good")
    other, gone = (
        "its content is not what the record of the dump says",
        "it is in the record of the dump, and not here",
    )
    found = {one.path: one.what for one in unlike_record(tree, (), made, tree)}
    assert found == {
        (b"d", b"rotten"): other,
        (b"d", b"new\nline\\"): other,
        (b"d", b"gone"): gone,
        (b"d", b"in", b"ner"): gone,
    }
    # A part of it, by the list that lies elsewhere; and a sample.
    part = Tree(root=tree.root, top=(b"dump", b"d", b"rotten"))
    (found_part,) = unlike_record(part, (b"d", b"rotten"), made, tree)
    assert (found_part.path, found_part.what) == ((), other)
    assert list(unlike_record(tree, (), made, tree, {(b"d", b"good")}.__contains__)) == []


@pytest.mark.parametrize("how", ["rotten", "missing", "link"])
def test_a_list_that_is_not_the_one_of_the_record_vouches_for_nothing(
    tmp_path: Path, tree: Tree, how: str
) -> None:
    write(tmp_path / "dump/d/a", "1")
    made = summed(tree, b"d")
    path = tmp_path / "dump" / SUMS.decode()
    content = path.read_bytes()
    path.unlink()
    if how == "rotten":
        path.write_bytes(content.replace(b"/a", b"/b"))
    if how == "link":
        (tmp_path / "aside").write_bytes(content)
        path.symlink_to(tmp_path / "aside")
    (found,) = unlike_record(tree, (), made, tree)
    assert found.path == (SUMS,)
    assert "what is in folders could not be held against it" in found.what


def test_no_line_of_a_list_leads_out_of_the_dump(tmp_path: Path, tree: Tree) -> None:
    """Whoever writes to a place may have written record and list."""
    (tmp_path / "secret").write_bytes(b"1")
    digest = hashlib.sha256(b"1").hexdigest()
    content = f"{digest}  d/../../secret\n".encode()
    (tmp_path / "dump" / SUMS.decode()).write_bytes(content)
    (tmp_path / "dump/d").mkdir()
    made = replace(summed_record(), sums=hashlib.sha256(content).hexdigest())
    (found,) = unlike_record(tree, (), made, tree)
    assert found.path == (SUMS,)


def summed_record() -> DumpRecord:
    one = FileRecord(name=b"d", size=1, sha256="", nature="x", files=1)
    return replace(record(), files=(one,))


def summed(tree: Tree, name: bytes) -> DumpRecord:
    """The record of a dump with one folder, its list beside it."""
    path = b"/proc/self/fd/%d/" % tree.root + b"/".join(tree.top)
    with reading_folders(path, None, lambda: None, listed=True) as folders:
        one = folders.record(name, Nature.DIRECTORY)
    return replace(record(), files=(one,), sums=folders.digest)


@pytest.mark.parametrize(
    "name", ["../outside", "../../../dev/zero", "a/../../outside", "", "/outside"]
)
def test_law_41_a_record_leads_nowhere_out_of_its_dump(
    tmp_path: Path, tree: Tree, name: str
) -> None:
    """It is anybody's by now who may write there, and root reads it."""
    (tmp_path / "outside").write_bytes(b"1")
    (tmp_path / "dump/a").mkdir()
    said = list(unlike_record(tree, (), record(**{name: b"1"}), tree))
    assert ["cannot be in a dump" in one.what for one in said] == [True]


def test_what_is_no_file_is_not_read(tmp_path: Path, tree: Tree) -> None:
    os.mkfifo(tmp_path / "dump/pipe")
    held = os.open(tmp_path / "dump/pipe", os.O_RDWR | os.O_NONBLOCK)
    (found,) = unlike_record(tree, (), record(pipe=b"1"), tree)
    os.close(held)
    assert found.path == (b"pipe",)
