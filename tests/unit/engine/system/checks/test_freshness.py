"""The newest file below a path."""

from __future__ import annotations

import os
from pathlib import Path

from engine.checks.judge import Seen
from engine.system.checks.freshness import look
from policy.checks import FreshnessCheck
from policy.patterns import parse_component, parse_path_pattern
from policy.values import ByteSize, Duration


def write(path: Path, size: int = 10, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def looked(root: Path, path: str, files: str | None = None, at_least: int = 1) -> tuple[Seen, ...]:
    check = FreshnessCheck(
        name="it",
        schedule=(),
        path=parse_path_pattern(path.encode()),
        newer_than=Duration(60),
        files=parse_component(files.encode()) if files is not None else None,
        at_least=ByteSize(at_least),
    )
    return look(check, os.fsencode(root))


def test_the_newest_of_all_depths_is_found(tmp_path: Path) -> None:
    write(tmp_path / "srv/a/old", age=100)
    write(tmp_path / "srv/a/b/c/new", size=7, age=1)
    (found,) = looked(tmp_path, "srv/a")
    assert (found.path, found.name, found.size) == (b"/srv/a", b"b/c/new", 7)
    assert found.written == 999_999


def test_each_that_a_pattern_matches_is_looked_at_by_itself(tmp_path: Path) -> None:
    for name in ("shop", "wiki", ".hidden"):
        write(tmp_path / f"srv/per-db/{name}/x.dump")
    (tmp_path / "srv/per-db/empty").mkdir()
    write(tmp_path / "srv/per-db/file")
    found = looked(tmp_path, "srv/per-*/*")
    assert [one.path for one in found] == [
        *(b"/srv/per-db/.hidden", b"/srv/per-db/empty", b"/srv/per-db/file"),
        *(b"/srv/per-db/shop", b"/srv/per-db/wiki"),
    ]
    assert found[1].written is None
    assert found[2].name == b""


def test_names_and_sizes_choose_what_counts(tmp_path: Path) -> None:
    write(tmp_path / "d/a.gz", size=5, age=50)
    write(tmp_path / "d/b.gz", size=1, age=1)
    write(tmp_path / "d/b.tmp", size=99)
    (found,) = looked(tmp_path, "d", "*.gz", at_least=2)
    assert (found.name, found.passed_over) == (b"a.gz", 1)
    (found,) = looked(tmp_path, "d", "*.zst")
    assert (found.written, found.passed_over) == (None, 0)


def test_an_empty_file_counts_as_none(tmp_path: Path) -> None:
    write(tmp_path / "d/dump.sql", size=0)
    (found,) = looked(tmp_path, "d")
    assert (found.written, found.passed_over) == (None, 1)


def test_law_41_a_symlink_below_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/new")
    write(tmp_path / "d/old", age=500)
    (tmp_path / "d/file").symlink_to(tmp_path / "elsewhere/new")
    (tmp_path / "d/directory").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "d/pipe")
    (found,) = looked(tmp_path, "d")
    assert found.name == b"old"


def test_what_we_have_put_there_ourselves_counts_as_none(tmp_path: Path) -> None:
    """A snapshot holds what was deleted since, and would look fresh after its maker has stopped."""
    write(tmp_path / "d/old", age=500)
    write(tmp_path / "d/.policyctl-snapshots/photos/2026-11-29T18-23-03Z.snaps/new")
    write(tmp_path / "d/a/.policyctl-before-20261129T182303Z-0/new")
    (found,) = looked(tmp_path, "d")
    assert found.name == b"old"


def test_names_that_are_no_text_are_found_too(tmp_path: Path) -> None:
    write(tmp_path / "d" / os.fsdecode(b"a\xff\n"))
    (found,) = looked(tmp_path, "d")
    assert found.name == b"a\xff\n"


def test_what_cannot_be_told_is_a_problem_and_not_nothing(tmp_path: Path) -> None:
    write(tmp_path / "hosts/a/dumps/x")
    (tmp_path / "hosts/loop").symlink_to("loop")
    found = looked(tmp_path, "hosts/*/dumps")
    assert [one.path for one in found] == [b"/hosts/a/dumps", b"/hosts/loop/dumps"]
    assert "Too many levels of symbolic links" in found[1].problem


def test_nothing_there_is_nothing_seen(tmp_path: Path) -> None:
    assert looked(tmp_path, "srv/x") == ()
    assert looked(tmp_path, "srv/*/x") == ()
    write(tmp_path / "srv")
    assert looked(tmp_path, "srv/*") == ()


def test_what_cannot_be_looked_at_is_a_problem(tmp_path: Path) -> None:
    """Directories deeper than any path may be: who may write there can make them."""
    write(tmp_path / "d/fresh")
    here = os.open(tmp_path / "d", os.O_RDONLY)
    for _ in range(20):
        os.mkdir(b"x" * 250, dir_fd=here)
        below = os.open(b"x" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (found,) = looked(tmp_path, "d")
    assert found.problem.startswith("it cannot be looked at in xxx")
    assert found.problem.endswith(": File name too long")
