"""Going down by descriptors: never through a symlink, as deep as it has to be."""

import os
from pathlib import Path

import pytest

from engine.system.host.descent import NotThere, descending, list_inside, opened_root, remove_tree
from tests.integration.lab import HOSTILE, at, write


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is wanted


def test_it_reaches_what_lies_below(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(at(tmp_path, name, name, b"file"), name)
    before = open_descriptors()
    with opened_root(os.fsencode(tmp_path)) as root, descending(root) as descent:
        assert descent.enter(()) == root
        for name in HOSTILE:
            for names in ((name, name), (name,), (name, name)):
                descriptor = descent.enter(names)
                status = at(tmp_path, *names).stat()
                assert os.fstat(descriptor).st_ino == status.st_ino
            assert list_inside(descent.here) == [(b"file", False)]
    assert open_descriptors() == before


def test_law_41_it_never_goes_through_a_symlink(tmp_path: Path) -> None:
    write(tmp_path / "outside/inner/file")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    write(tmp_path / "root/real/file")
    (tmp_path / "root/real/up").symlink_to("..")
    with opened_root(os.fsencode(tmp_path / "root")) as root, descending(root) as descent:
        for names, depth in (((b"link",), 1), ((b"link", b"inner"), 1), ((b"real", b"up"), 2)):
            with pytest.raises(NotThere) as stopped:
                descent.enter(names)
            assert (stopped.value.depth, stopped.value.other) == (depth, True)
        with pytest.raises(NotThere) as stopped:
            descent.enter((b"real", b"file", b"x"))
        assert (stopped.value.depth, stopped.value.other) == (2, True)
        with pytest.raises(NotThere) as stopped:
            descent.enter((b"real", b"none", b"x"))
        assert (stopped.value.depth, stopped.value.other) == (2, False)
        assert list_inside(descent.enter((b"real",))) == [(b"file", False), (b"up", False)]


def test_the_root_itself_may_be_a_symlink(tmp_path: Path) -> None:
    write(tmp_path / "real/file")
    (tmp_path / "link").symlink_to("real")
    with opened_root(os.fsencode(tmp_path / "link")) as root:
        assert list_inside(root) == [(b"file", False)]


def test_a_directory_that_has_gone_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with opened_root(os.fsencode(tmp_path)) as root, descending(root) as descent:
        held = descent.enter((b"d",))
        (tmp_path / "d").rmdir()
        assert list_inside(held) == []


def test_law_41_no_depth_uses_up_the_descriptors(tmp_path: Path) -> None:
    """Any user may nest directories as deep as they like, one name at a time."""
    levels = 1_500
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(b"n", dir_fd=here)
        inner = os.open(b"n", os.O_RDONLY, dir_fd=here)
        os.mkdir(b"side", dir_fd=inner)
        os.close(here)
        here = inner
    os.close(here)
    before = open_descriptors()
    with opened_root(os.fsencode(tmp_path)) as root, descending(root) as descent:
        inodes: dict[int, int] = {}
        for depth in (levels, 3, 700, 701, 600, levels - 1, 0, levels):
            status = os.fstat(descent.enter((b"n",) * depth))
            assert inodes.setdefault(depth, status.st_ino) == status.st_ino
            assert open_descriptors() - before < 100
        for depth in range(levels, 0, -1):  # all the way up again
            assert list_inside(descent.enter((*(b"n",) * depth, b"side"))) == []
    assert open_descriptors() == before
    remove_tree(os.fsencode(tmp_path / "n"))
    assert list(tmp_path.iterdir()) == []
    assert open_descriptors() == before


def test_a_tree_is_removed_whatever_its_modes(tmp_path: Path) -> None:
    write(tmp_path / "tree/closed/inner/file")
    (tmp_path / "outside").mkdir()
    write(tmp_path / "outside/stays")
    (tmp_path / "tree/closed/link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "tree/pipe")
    for name in ("tree/closed/inner", "tree/closed"):
        (tmp_path / name).chmod(0)
    remove_tree(os.fsencode(tmp_path / "tree"))
    assert not (tmp_path / "tree").exists()
    assert (tmp_path / "outside/stays").exists()
    remove_tree(os.fsencode(tmp_path / "tree"))  # nothing is there: nothing is done
