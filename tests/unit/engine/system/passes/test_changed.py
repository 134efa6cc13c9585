"""From the journal's names to what there is to send and to delete."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.plan.selection import Ignore, Line, Selection
from engine.records.journal import Change, linked_file, unknown_file
from engine.system.host.descent import opened_root
from engine.system.passes.changed import Changed, Spool, select_changes
from policy.patterns import parse_path_pattern
from tests.integration.lab import HOSTILE, at, write

ALL = Selection(lines=(Line(pattern=parse_path_pattern(b""), taken=True),))
DEEP = True


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def select(tmp_path: Path, source: Path) -> Callable[..., Changed]:
    def selected(
        *rows: tuple[bytes, bool] | bytes,
        selection: Selection = ALL,
        excluded: frozenset[bytes] = frozenset(),
    ) -> Changed:
        directory = tmp_path / "run"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        lists = Changed.in_directory(os.fsencode(directory), "data")
        changes = [Change(row) if isinstance(row, bytes) else Change(*row) for row in rows]
        # The journal gives rows in the order of their bytes.
        changes.sort()
        with opened_root(os.fsencode(source)) as root:
            select_changes(changes, root, selection, excluded, lists)
        return lists

    return selected


def lists_of(lists: Changed) -> dict[str, list[bytes]]:
    """What is in each list, those left out that are empty."""
    found = {
        "send": sorted(lists.send),
        "gone": sorted(lists.gone),
        "replaced": sorted(lists.replaced),
        "deep": sorted(lists.deep),
        "unreadable": sorted(lists.unreadable),
    }
    return {name: paths for name, paths in found.items() if paths}


def test_what_is_there_is_sent_and_what_is_not_is_gone(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "a/file", b"12345")
    (source / "link").symlink_to("nowhere")
    lists = select(b"a/file", b"a/none", b"link", b"none/at/all", (b"dir", DEEP))
    assert lists_of(lists) == {
        "send": [b"a/file", b"link"],
        "gone": [b"a/none", b"dir", b"none"],
    }
    assert lists.size == 5


def test_only_the_topmost_name_counts_of_what_is_gone(
    source: Path, select: Callable[..., Changed]
) -> None:
    """`a.b` sorts between `a` and `a/b`, by its bytes."""
    write(source / "a.b")
    lists = select(b"a/b", b"a/b/c", b"a.b", (b"a", DEEP), b"a/x")
    assert lists_of(lists) == {"gone": [b"a"], "send": [b"a.b"]}
    lists = select(b"a/b/c", b"a/b/d", b"a.b")
    assert lists_of(lists) == {"gone": [b"a"], "send": [b"a.b"]}


def test_a_directory_that_came_is_taken_whole(source: Path, select: Callable[..., Changed]) -> None:
    write(source / "d/one")
    write(source / "d/inner/two")
    (source / "d/empty").mkdir()
    lists = select((b"d", DEEP), b"d/one", (b"d/inner", DEEP), b"d/gone")
    assert lists_of(lists) == {
        "send": [b"d", b"d/empty", b"d/inner", b"d/inner/two", b"d/one"],
        "deep": [b"d"],
    }


def test_a_directory_whose_attributes_changed_is_not_walked(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "d/one")
    assert lists_of(select(b"d")) == {"send": [b"d"]}


def test_what_lies_where_a_directory_was_goes_after_it(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "file", b"now a file")
    (source / "link").symlink_to("file")
    lists = select((b"file", DEEP), b"link/inner/x", b"link/inner/y")
    assert lists_of(lists) == {"gone": [b"file", b"link"], "replaced": [b"file", b"link"]}


def test_law_15_all_names_of_a_file_come_together(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "a/one")
    for name in ("b", "z"):
        (source / name).mkdir()
        (source / name / "two").hardlink_to(source / "a/one")
    write(source / "a/alone")
    lists = select(b"a/alone", b"b/two")
    assert set(lists.send) == {b"a/alone", b"a/one", b"b/two", b"z/two"}
    together = list(lists.send)
    places = sorted(together.index(path) for path in (b"a/one", b"b/two", b"z/two"))
    assert places == list(range(places[0], places[0] + 3))


def test_law_15_a_file_of_several_names_waits_for_the_directory_that_one_replaces(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "a/one")
    (source / "was-a-directory").hardlink_to(source / "a/one")
    lists = select((b"was-a-directory", DEEP))
    assert lists_of(lists)["gone"] == [b"was-a-directory"]
    assert set(lists.replaced) == {b"a/one", b"was-a-directory"}
    assert list(lists.send) == []


def test_names_are_looked_for_by_the_inode_that_was_written(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "a/one")
    (source / "two").hardlink_to(source / "a/one")
    inode = (source / "two").stat().st_ino
    assert set(select(linked_file(inode)).send) == {b"a/one", b"two"}
    (source / "two").unlink()
    assert set(select(linked_file(inode)).send) == {b"a/one"}


def test_names_are_looked_for_by_the_time_where_the_file_is_not_known(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "d/one")
    (source / "two").hardlink_to(source / "d/one")
    (source / "two").unlink()
    changed = (source / "d/one").stat().st_ctime
    assert set(select(unknown_file(changed)).send) == {b"d/one"}
    assert set(select(unknown_file(changed + 120)).send) == set()
    both = (unknown_file(changed + 120), unknown_file(changed))
    assert set(select(*both).send) == {b"d/one"}, "the earlier one counts"


def test_directories_in_the_way_are_deleted_and_all_names_sent_again(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "a/one")
    (source / "two").hardlink_to(source / "a/one")
    write(source / "three")
    lists = select(b"a/one", b"three")
    lists.make_way([b"two", b"three"])
    assert sorted(lists.gone) == [b"three", b"two"]
    assert sorted(lists.replaced) == [b"a/one", b"three", b"two"]


def test_many_names_of_one_file_take_no_square_of_their_number(
    source: Path, select: Callable[..., Changed]
) -> None:
    write(source / "0")
    for number in range(1, 3_000):
        (source / f"{number}").hardlink_to(source / "0")
    assert select(b"0").send.count == 3_000


def test_what_the_leg_does_not_carry_is_not_looked_at(
    source: Path, select: Callable[..., Changed]
) -> None:
    selection = Selection(
        lines=(
            Line(pattern=parse_path_pattern(b"not"), taken=False),
            Line(pattern=parse_path_pattern(b""), taken=True),
        ),
        ignores=(Ignore(pattern=parse_path_pattern(b"tmp"), anchored=False, directory=True),),
        blocked=((b"d", b"theirs"),),
    )
    for name in ("not/x", "d/tmp/x", "d/theirs/x", "d/kept", "strange/x"):
        write(source / name)
    excluded = frozenset({b"strange"})
    rows = ((b"d", DEEP), b"not/x", b"not", b"not/gone", b"strange/x", b"strange", b"d/theirs/gone")
    lists = select(*rows, selection=selection, excluded=excluded)
    assert lists_of(lists) == {"send": [b"d", b"d/kept"], "deep": [b"d"]}
    # Of another type it would have been carried, and may lie at the destination as that.
    lists = select(b"d/tmp", selection=selection)
    assert lists_of(lists) == {"gone": [b"d/tmp"]}


def test_law_41_nothing_is_found_behind_a_symlink(
    tmp_path: Path, source: Path, select: Callable[..., Changed]
) -> None:
    write(tmp_path / "outside/f")
    (source / "a").symlink_to(tmp_path / "outside")
    assert lists_of(select(b"a/f", (b"a/inner", DEEP))) == {"gone": [b"a"], "replaced": [b"a"]}


def test_law_34_names_are_bytes(source: Path, select: Callable[..., Changed]) -> None:
    for name in HOSTILE:
        write(at(source, b"d", name))
    paths = [b"d/" + name for name in HOSTILE]
    assert sorted(select(*paths).send) == sorted(paths)
    assert sorted(select((b"d", DEEP)).send) == sorted([b"d", *paths])
    shutil.rmtree(source / "d")
    (source / "d").mkdir()
    assert sorted(select(*paths).gone) == sorted(paths)


def test_changes_are_told_to_the_next_reader(source: Path, select: Callable[..., Changed]) -> None:
    write(source / "d/x")
    write(source / "file")
    lists = select((b"d", DEEP), b"gone", (b"file", DEEP))
    assert set(lists.changes()) == {
        Change(b"d", deep=True),
        Change(b"gone", deep=True),
        Change(b"file", deep=True),
        Change(b"d"),
        Change(b"d/x"),
        Change(b"file"),
    }
    assert not lists.empty
    assert select().empty


def test_a_spool_gives_back_what_it_was_given(tmp_path: Path) -> None:
    spool = Spool(os.fsencode(tmp_path / "spool"))
    assert list(spool) == []
    paths = [*HOSTILE, b"x" * 3_000_000, b"last"]
    for path in paths:
        spool.add(path)
    spool.close()
    assert list(spool) == list(spool) == paths
    spool.add(b"one more")
    spool.close()
    assert (list(spool)[-1], spool.count) == (b"one more", len(paths) + 1)
