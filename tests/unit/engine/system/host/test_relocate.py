"""Renaming below a root: real files, and everything that may be in the way."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.system.host import relocate
from engine.system.host.relocate import NotRenamed, rename_below
from tests.integration.lab import HOSTILE, at, tree, write
from tests.integration.mounts import CHECKOUT, mount_namespace

TAKEN = "something lies there already, and nothing is overwritten"


def rename(root: Path, old: str | bytes, new: str | bytes) -> None:
    names = [os.fsencode(one).split(b"/") for one in (old, new)]
    rename_below(os.fsencode(root), tuple(names[0]), tuple(names[1]))


def test_a_directory_gets_its_new_name_and_place(tmp_path: Path) -> None:
    write(tmp_path / "old/a/b/1", b"one")
    inode = (tmp_path / "old/a").stat().st_ino
    rename(tmp_path, "old/a", "new/deep/down/a")
    assert (tmp_path / "new/deep/down/a/b/1").read_bytes() == b"one"
    assert (tmp_path / "new/deep/down/a").stat().st_ino == inode, "nothing was copied"
    assert list((tmp_path / "old").iterdir()) == [], "the directory above stays"
    made = [tmp_path / "new", tmp_path / "new/deep", tmp_path / "new/deep/down"]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o700}


def test_directories_that_are_there_are_left_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "old/a", b"one")
    (tmp_path / "new").mkdir(mode=0o755)
    rename(tmp_path, "old/a", "new/a")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755


def test_files_and_symlinks_move_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe")
    rename(tmp_path, "link", "x/link")
    rename(tmp_path, "pipe", "x/pipe")
    assert (tmp_path / "x/link").readlink() == Path("/nowhere")
    assert (tmp_path / "x/pipe").is_fifo()


@pytest.mark.parametrize("kind", ["file", "directory", "full", "symlink", "dangling"])
@pytest.mark.parametrize("flag", ["known", "unknown"])
def test_nothing_is_overwritten(
    tmp_path: Path, kind: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rename(2) by itself would put a directory in the place of an empty one, and say nothing."""
    if flag == "unknown":
        without_the_flag(monkeypatch, errno.EINVAL)
    write(tmp_path / "old/1", b"one")
    write(tmp_path / "elsewhere/2", b"two")
    target = tmp_path / "new"
    match kind:
        case "file":
            target.write_bytes(b"theirs")
        case "directory":
            target.mkdir()
        case "full":
            write(target / "3", b"three")
        case "symlink":
            target.symlink_to("elsewhere")
        case _:
            target.symlink_to("nowhere")
    before = tree(tmp_path)
    with pytest.raises(NotRenamed, match=TAKEN):
        rename(tmp_path, "old", "new")
    assert tree(tmp_path) == before


def without_the_flag(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A file system that knows no RENAME_NOREPLACE."""

    class Library:
        @staticmethod
        def renameat2(*arguments: object) -> int:
            ctypes.set_errno(code)
            return -1

    monkeypatch.setattr(relocate, "_LIBC", Library)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_the_flag_renames_as_well(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_flag(monkeypatch, code)
    write(tmp_path / "old/1", b"one")
    rename(tmp_path, "old", "x/new")
    assert (tmp_path / "x/new/1").read_bytes() == b"one"
    with pytest.raises(NotRenamed, match="not there any more"):
        rename(tmp_path, "old", "x/newer")


@pytest.mark.parametrize("end", ["old", "new"])
def test_law_41_no_symlink_on_the_way_is_followed(tmp_path: Path, end: str) -> None:
    write(tmp_path / "old/1", b"one")
    write(tmp_path / "out/2", b"two")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    before = tree(tmp_path)
    old, new = {"old": ("link/2", "mine"), "new": ("old/1", "link/x/1")}[end]
    with pytest.raises(NotRenamed, match="in the place of a directory on the way"):
        rename(tmp_path, old, new)
    assert tree(tmp_path) == before, "nor is a directory made behind it"


def test_a_file_on_the_way(tmp_path: Path) -> None:
    write(tmp_path / "old/1", b"one")
    write(tmp_path / "new", b"two")
    with pytest.raises(NotRenamed, match="something else is in the place of a directory"):
        rename(tmp_path, "old/1", "new/1")


@pytest.mark.parametrize("old", ["nothing", "no/thing", "old/nothing"])
def test_what_is_not_there(tmp_path: Path, old: str) -> None:
    write(tmp_path / "old/1", b"one")
    with pytest.raises(NotRenamed, match="it is not there any more"):
        rename(tmp_path, old, "new")


def test_the_root_may_be_reached_by_a_symlink(tmp_path: Path) -> None:
    """As the administrator mounts it; only what lies below was written by others."""
    write(tmp_path / "disk/old/1", b"one")
    (tmp_path / "way").symlink_to("disk")
    rename(tmp_path / "way", "old", "new")
    assert (tmp_path / "disk/new/1").exists()


def test_law_34_hostile_names(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(at(tmp_path, b"old", name, name), name)
        rename(tmp_path, b"/".join((b"old", name)), b"/".join((b"new", name, name)))
    for name in HOSTILE:
        assert at(tmp_path, b"new", name, name, name).read_bytes() == name
    assert list((tmp_path / "old").iterdir()) == []


def test_paths_longer_than_the_kernel_takes_at_once(tmp_path: Path) -> None:
    deep = b"/".join([b"d" * 250] * 20)
    write(tmp_path / "a/1", b"one")
    rename(tmp_path, "a", deep + b"/a")
    rename(tmp_path, deep + b"/a/1", "one")
    assert (tmp_path / "one").read_bytes() == b"one"
    # What removes the test's folder may not reach so deep.
    subprocess.run(["rm", "-r", str(tmp_path / ("d" * 250))], check=True)


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter")
def test_another_file_system_is_never_copied_to(tmp_path: Path) -> None:
    write(tmp_path / "old/1", b"one")
    (tmp_path / "other").mkdir()
    (tmp_path / "bound").mkdir()
    words = [sys.executable, "-c", AGAIN, str(tmp_path)]
    with mount_namespace() as there:
        there("mount", "-t", "tmpfs", "none", tmp_path / "other")
        # One file system, and another mount of it: rename(2) refuses that too.
        there("mount", "--bind", tmp_path / "bound", tmp_path / "bound")
        done = subprocess.run(
            [*there.prefix(), *words],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert list(there.seen(tmp_path / "other").iterdir()) == []
    assert (
        done.stdout.splitlines()
        == ["it lies on another file system there, or in another subvolume"] * 2
    )
    assert (tmp_path / "old/1").read_bytes() == b"one"


AGAIN = """
import os, sys
from engine.system.host.relocate import NotRenamed, rename_below
for other in (b"other", b"bound"):
    try:
        rename_below(os.fsencode(sys.argv[1]), (b"old",), (other, b"old"))
    except NotRenamed as why:
        print(why)
"""


# ── On the disk ──────────────────────────────────────────────────────────────────────────────


def failing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)


def test_what_was_renamed_and_not_flushed_is_not_said_to_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, errno.EIO)
    write(tmp_path / "old", b"one")
    with pytest.raises(OSError, match="Input/output error"):
        rename(tmp_path, "old", "new")
    assert (tmp_path / "new").exists()


def test_a_file_system_that_flushes_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, errno.EINVAL)
    write(tmp_path / "old", b"one")
    rename(tmp_path, "old", "x/new")
    assert (tmp_path / "x/new").read_bytes() == b"one"
