"""Walking trees, in one process and in several."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.plan.selection import Ignore
from engine.records.measurement import DirectoryVolume, Volume
from engine.system.host.descent import opened_root, remove_tree
from engine.system.measure import walk as walking
from engine.system.measure.walk import Walked, walk
from policy.patterns import parse_path_pattern
from tests.integration.lab import HOSTILE, at, write


def walked(root: Path, ignores: Sequence[Ignore] = (), told: walking.Told | None = None) -> Walked:
    with opened_root(os.fsencode(root)) as descriptor:
        return walk(descriptor, ignores, told)


def ignore(text: str, *, anchored: bool = False, directory: bool = False) -> Ignore:
    pattern = parse_path_pattern(text.encode())
    return Ignore(pattern=pattern, anchored=anchored, directory=directory)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few entries go to another process."""
    monkeypatch.setattr(walking, "_CHUNK", 3)


def test_each_directory_counts_what_lies_directly_in_it(tmp_path: Path) -> None:
    write(tmp_path / "top", b"1")
    write(tmp_path / "a/one", b"22")
    write(tmp_path / "a/two", b"333")
    write(tmp_path / "a/b/three", b"")
    (tmp_path / "empty/inner").mkdir(parents=True)
    assert walked(tmp_path).rows == (
        DirectoryVolume(b"", 1, 1),
        DirectoryVolume(b"a", 2, 5),
        DirectoryVolume(b"a/b", 1, 0),
    )


@pytest.mark.usefixtures("small_parts")
def test_law_34_any_name_is_counted_in_any_number_of_processes(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(at(tmp_path, name, b"inner", name), b"1234")
    told: list[tuple[int, int]] = []
    found = walked(tmp_path, told=lambda files, size: told.append((files, size)))
    assert found.rows == tuple(DirectoryVolume(name + b"/inner", 1, 4) for name in sorted(HOSTILE))
    assert len(told) > 5, "it was shared out"
    assert told[-1] == (len(HOSTILE), 4 * len(HOSTILE))
    assert told == sorted(told)


@pytest.mark.usefixtures("small_parts")
def test_a_file_with_several_names_counts_its_bytes_once_over_the_whole_tree(
    tmp_path: Path,
) -> None:
    for number in range(20):
        (tmp_path / f"{number:02d}").mkdir()
    write(tmp_path / "19/first", b"x" * 100)
    for number in range(19):
        os.link(tmp_path / "19/first", tmp_path / f"{number:02d}/again")
    found = walked(tmp_path)
    assert [row.files for row in found.rows] == [1] * 20
    assert [row.bytes for row in found.rows] == [100] + [0] * 19


def test_what_is_dropped_is_counted_apart(tmp_path: Path) -> None:
    write(tmp_path / "kept", b"1")
    write(tmp_path / "x.tmp", b"22")
    write(tmp_path / "cache/deep/er", b"333")
    write(tmp_path / "a/cache", b"a file of that name")
    write(tmp_path / ".policyctl-partial/half", b"4444")
    write(tmp_path / "a/lost+found/kept", b"5")
    write(tmp_path / "lost+found/found", b"66")
    write(tmp_path / "z/kept", b"777")
    os.link(tmp_path / "z/kept", tmp_path / "cache/linked")
    found = walked(tmp_path, [ignore("*.tmp"), ignore("cache", directory=True)])
    assert found.ignored == Volume(files=5, bytes=2 + 3 + 4 + 2), "a shared inode is kept data"
    assert found.rows == (
        DirectoryVolume(b"", 1, 1),
        DirectoryVolume(b"a", 1, 19),
        DirectoryVolume(b"a/lost+found", 1, 1),
        DirectoryVolume(b"z", 1, 3),
    )


def test_symlinks_are_counted_and_never_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside/film", b"x" * 1000)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(".")
    (row,) = walked(root).rows
    assert (row.path, row.files) == (b"", 2)
    assert row.bytes < 1000


@pytest.mark.usefixtures("small_parts")
def test_law_41_a_directory_swapped_for_a_symlink_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path / "outside/secret/key", b"x" * 1000)
    root = tmp_path / "root"
    for number in range(5):
        write(root / f"{number}/secret/key", b"1")

    def swap(files: int, size: int) -> None:
        """After the first part, names that are noted already lead out of the tree."""
        del size
        if files == 0 and not (root / "4").is_symlink():
            for number in range(5):
                (root / f"{number}").rename(tmp_path / f"away-{number}")
                (root / f"{number}").symlink_to(tmp_path / "outside")

    found = walked(root, told=swap)
    assert (root / "4").is_symlink(), "the test has swapped them in time"
    assert sum(row.bytes for row in found.rows) < 1000
    assert all(row.path == b"" for row in found.rows)


def test_deeper_than_any_path_may_be(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(1500):
        os.mkdir(b"deeper", dir_fd=here)
        inner = os.open(b"deeper", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open(b"file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=here))
    os.close(here)
    (row,) = walked(tmp_path).rows
    remove_tree(os.fsencode(tmp_path / "deeper"))  # pytest's own way would not get through
    assert (row.path.count(b"/"), row.files) == (1499, 1)


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.root
@pytest.mark.usefixtures("small_parts")
def test_what_cannot_be_read_is_said_and_the_rest_is_counted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name in ("a", "b", "shut", "x", "y", "cache"):
        write(tmp_path / name / "file", b"12")
    (tmp_path / "shut").chmod(0o700)
    (tmp_path / "cache").chmod(0o700)
    with opened_root(os.fsencode(tmp_path)) as root, as_nobody():
        found = walk(root, [ignore("cache", directory=True)])
    assert found.unreadable == 1, "what is dropped need not be readable"
    assert [row.path for row in found.rows] == [b"a", b"b", b"x", b"y"]


@pytest.mark.usefixtures("small_parts")
def test_a_process_that_is_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        write(tmp_path / f"{number}/file")
    mine, look = os.getpid(), walking._look

    def killed(*arguments: object) -> object:
        if os.getpid() != mine:
            os.kill(os.getpid(), 9)
        return look(*arguments)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(walking, "_look", killed)
    with pytest.raises(walking.WalkFailed):
        walked(tmp_path)
