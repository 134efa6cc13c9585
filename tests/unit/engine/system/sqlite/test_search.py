"""Finding databases by what they hold, whatever lies around them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from engine.sqlite.files import JOURNAL, MAGIC, WAL, Names
from engine.system.host.descent import opened_root, remove_tree
from engine.system.sqlite import search as search_module
from engine.system.sqlite.search import NoRegularFile, Search, pinned, reading, search
from tests.databases import make, make_cut, make_in_log
from tests.integration.lab import HOSTILE, at, write


def searched(root: Path, seconds: float = 60) -> Search:
    with opened_root(os.fsencode(root)) as descriptor:
        return search(descriptor, time.monotonic() + seconds)


def found(root: Path) -> list[Names]:
    result = searched(root)
    assert (result.closed, result.left) == ([], [])
    return [one.names for one in result.databases]


def test_a_database_is_found_by_what_it_holds(tmp_path: Path) -> None:
    sample = make(tmp_path / "sample").read_bytes()
    write(tmp_path / "deep/er/no-suffix", sample)
    write(tmp_path / "picture.jpg", sample)
    write(tmp_path / "text.db", b"SQLite format 2\0" * 100)
    write(tmp_path / "header-only.db", MAGIC)
    write(tmp_path / "empty.db", b"")
    (tmp_path / "directory.db").mkdir()
    for number in range(1000):
        write(tmp_path / f"small/{number}", b"x" * 600)
    assert found(tmp_path) == [(b"deep", b"er", b"no-suffix"), (b"picture.jpg",), (b"sample",)]


def test_what_fsck_found_is_no_live_data_at_the_root_of_a_tree(tmp_path: Path) -> None:
    """So no leg of another account than root's is degraded by a directory that is closed to it."""
    make(tmp_path / "lost+found/#12")
    make(tmp_path / "below/lost+found/x.db")
    make(tmp_path / "lost+found.db")
    assert found(tmp_path) == [(b"below", b"lost+found", b"x.db"), (b"lost+found.db",)]
    sample = (tmp_path / "lost+found.db").read_bytes()
    root = tmp_path / "other"
    write(root / "lost+found", sample)
    assert found(root) == [(b"lost+found",)]  # a file of that name is anybody's


@pytest.mark.root
def test_lost_and_found_is_closed_to_others(tmp_path: Path) -> None:
    """As mkfs.ext4 makes it, looked at by the account of a job."""
    make(tmp_path / "app.db").chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "lost+found").mkdir(mode=0o700)
    (tmp_path / "closed").mkdir(mode=0o700)
    with opened_root(os.fsencode(tmp_path)) as descriptor:
        os.seteuid(65534)
        try:
            result = search(descriptor, time.monotonic() + 60)
        finally:
            os.seteuid(0)
    assert [one.names for one in result.databases] == [(b"app.db",)]
    assert [names for names, _ in result.closed] == [(b"closed",)]


def test_law_34_no_name_hides_a_database(tmp_path: Path) -> None:
    sample = make(tmp_path / "sample").read_bytes()
    for name in HOSTILE:
        write(at(tmp_path, b"below", name, name), sample)
    expected = sorted((b"below", name, name) for name in HOSTILE)
    assert found(tmp_path) == [*expected, (b"sample",)]


def test_law_41_nothing_is_followed_or_waited_for(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside/x.db")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.db").symlink_to(outside)
    (root / "link").symlink_to(outside.parent)
    os.mkfifo(root / "x.db")
    make(root / ".policyctl-staging/ours.db")
    began = time.monotonic()
    assert found(root) == []
    assert time.monotonic() - began < 5


@pytest.mark.root
def test_law_41_a_device_is_not_opened(tmp_path: Path) -> None:
    os.mknod(tmp_path / "x.db", 0o60600, os.makedev(7, 0))
    assert found(tmp_path) == []


def test_what_lies_beside_a_database_is_noted(tmp_path: Path) -> None:
    make_in_log(tmp_path / "log.db")
    make_cut(tmp_path / "cut.db")
    make(tmp_path / "alone.db")
    write(tmp_path / "alone.db-wal", b"")
    write(tmp_path / "alone.db-shm", b"only an index")
    make(tmp_path / "odd.db")
    os.mkfifo(tmp_path / "odd.db-wal")
    write(tmp_path / ("x" * 255), (tmp_path / "alone.db").read_bytes())
    companions = {one.names[-1]: one.companions for one in searched(tmp_path).databases}
    assert companions == {
        b"alone.db": (),
        b"cut.db": (JOURNAL,),
        b"log.db": (WAL,),
        b"odd.db": (WAL,),
        b"x" * 255: (),
    }


def test_the_names_of_one_file_are_known_as_such(tmp_path: Path) -> None:
    make(tmp_path / "a.db")
    (tmp_path / "b.db").hardlink_to(tmp_path / "a.db")
    one, other = searched(tmp_path).databases
    assert one.inode == other.inode
    assert (one.links, other.links) == (2, 2)


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_other_file_systems_are_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: set[int] = set()
    real = os.scandir

    def scandir(directory: int) -> object:
        listed.add(os.fstat(directory).st_dev)
        return real(directory)

    sample = make(tmp_path / "x.db").read_bytes()
    write(tmp_path / "file.db", sample)
    (tmp_path / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "below"], check=True)
    try:
        write(tmp_path / "below/other.db", sample)
        subprocess.run(
            ["mount", "--bind", tmp_path / "below/other.db", tmp_path / "file.db"], check=True
        )
        try:
            monkeypatch.setattr(os, "scandir", scandir)
            assert found(tmp_path) == [(b"x.db",)]
            assert listed == {tmp_path.stat().st_dev}
        finally:
            monkeypatch.undo()
            subprocess.run(["umount", tmp_path / "file.db"], check=True)
    finally:
        subprocess.run(["umount", tmp_path / "below"], check=True)


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_an_overlay_is_one_file_system(tmp_path: Path) -> None:
    """Where its layers are of two kinds, its files have other device numbers than directories."""
    layers, root = tmp_path / "layers", tmp_path / "root"
    for one in (layers, root):
        one.mkdir()
    make(tmp_path / "lower/below/old.db")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layers], check=True)
    try:
        (layers / "upper").mkdir()
        (layers / "work").mkdir()
        kinds = f"lowerdir={tmp_path}/lower,upperdir={layers}/upper,workdir={layers}/work,xino=off"
        subprocess.run(["mount", "-t", "overlay", "-o", kinds, "overlay", root], check=True)
        try:
            make(root / "new.db")
            assert (root / "new.db").stat().st_dev != root.stat().st_dev
            assert found(root) == [(b"below", b"old.db"), (b"new.db",)]
        finally:
            subprocess.run(["umount", root], check=True)
    finally:
        subprocess.run(["umount", layers], check=True)


def test_a_search_whose_time_ends_says_what_is_left(tmp_path: Path) -> None:
    make(tmp_path / "x.db")
    result = searched(tmp_path, seconds=-1)
    assert (result.databases, result.left) == ([], [()])


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "closed.db")
    make(tmp_path / "open.db")
    real = os.pread
    bad = (tmp_path / "closed.db").stat().st_ino

    def pread(file: int, length: int, place: int) -> bytes:
        if os.fstat(file).st_ino == bad:
            raise OSError(5, "Input/output error")
        return real(file, length, place)

    monkeypatch.setattr(os, "pread", pread)
    result = searched(tmp_path)
    assert [one.names for one in result.databases] == [(b"open.db",)]
    assert result.closed == [((b"closed.db",), "it cannot be read: Input/output error")]


def test_law_41_any_depth_is_searched(tmp_path: Path) -> None:
    sample = make(tmp_path / "sample.db").read_bytes()
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir(b"n", dir_fd=here)
        inner = os.open(b"n", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    file = os.open(b"deep.db", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, sample)
    os.close(file)
    os.close(here)
    assert found(tmp_path) == [(*(b"n",) * 1_200, b"deep.db"), (b"sample.db",)]
    remove_tree(os.fsencode(tmp_path / "n"))


def test_a_pin_stands_for_the_file_and_not_for_its_name(tmp_path: Path) -> None:
    write(tmp_path / "file", b"first")
    (tmp_path / "link").symlink_to("file")
    with opened_root(os.fsencode(tmp_path)) as root:
        with pinned(root, b"file") as pin:
            (tmp_path / "file").unlink()
            write(tmp_path / "file", b"second")
            with reading(pin) as file:
                assert os.read(file, 10) == b"first"
        with pytest.raises(NoRegularFile), pinned(root, b"link"):
            pass


def test_a_search_says_that_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "_BEAT", 0.0)
    for number in range(20):
        write(tmp_path / f"{number}")
    beats: list[int] = []
    with opened_root(os.fsencode(tmp_path)) as descriptor:
        search(descriptor, time.monotonic() + 60, lambda: beats.append(1))
    assert len(beats) >= 10
