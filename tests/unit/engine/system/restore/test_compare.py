"""Two copies compared: what speaks against one of them is named, path by path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.system.host.descent import opened_root
from engine.system.restore.compare import Names, Rules, Tree, compare, count
from tests.integration.lab import write

SAME = Rules(same_moment=True)
OTHER = Rules(same_moment=False)


@contextmanager
def trees(root: Path) -> Iterator[tuple[Tree, Tree]]:
    with opened_root(os.fsencode(root)) as descriptor:
        yield Tree(root=descriptor, top=(b"one",)), Tree(root=descriptor, top=(b"two",))


def filled(root: Path) -> None:
    for copy in ("one", "two"):
        for name in ("a/file", "a/odd\nname", "b"):
            write(root / copy / name, b"12345")
            os.utime(root / copy / name, (1000, 1000))
        (root / copy / "link").symlink_to("/etc")


def differences(root: Path, rules: Rules = SAME) -> list[tuple[Names, str]]:
    with trees(root) as (one, two):
        return [(found.path, found.what) for found in compare(one, two, rules).differences]


def test_equal_trees_differ_in_nothing_and_are_counted(tmp_path: Path) -> None:
    filled(tmp_path)
    assert differences(tmp_path) == []
    with trees(tmp_path) as (one, _):
        found = count(one)
    assert (found.entries, found.bytes) == (6, 15)


def test_each_difference_of_the_same_moment_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "one/a/file").write_bytes(b"12")
    (tmp_path / "two/a/odd\nname").unlink()
    write(tmp_path / "two/c/deep/file")
    write(tmp_path / "two/.policyctl-deleted/x")
    os.utime(tmp_path / "one/b", (2000, 2000))
    assert differences(tmp_path) == [
        ((b"a", b"file"), "it has 2 bytes, and 5 in the other copy"),
        ((b"a", b"odd\nname"), "it is not in the other copy"),
        ((b"b",), "it has another time in the other copy"),
        ((b"c",), "it did not come, and is in the other copy"),
    ]


def test_bytes_that_have_changed_on_a_disk_are_found(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "two/b").write_bytes(b"12X45")
    os.utime(tmp_path / "two/b", (1000, 1000))
    said = [((b"b",), "its content is another one in the other copy, of the same size")]
    assert differences(tmp_path) == said
    assert differences(tmp_path, OTHER) == said
    assert differences(tmp_path, Rules(same_moment=True, most_read=4)) == []


def test_of_another_moment_only_what_contradicts_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "one/a/file").write_bytes(b"newer and longer")
    (tmp_path / "two/b").unlink()
    (tmp_path / "two/b").mkdir()
    (tmp_path / "one/a/odd\nname").write_bytes(b"cut")
    os.utime(tmp_path / "one/a/odd\nname", (1000, 1000))
    assert differences(tmp_path, OTHER) == [
        ((b"a", b"odd\nname"), "it has 3 bytes, and 5 in the other copy"),
    ]


def test_two_states_of_one_second_contradict_nothing(tmp_path: Path) -> None:
    """Else a copy would be doubted because its file was written again within the same second."""
    second = 1_000_000_000
    filled(tmp_path)
    (tmp_path / "one/b").write_bytes(b"other")

    def told(mine: int, theirs: int, rules: Rules = OTHER) -> bool:
        for copy, time in (("one", mine), ("two", theirs)):
            os.utime(tmp_path / copy / "b", ns=(time, time))
        return bool(differences(tmp_path, rules))

    assert not told(second + 100_000_000, second + 900_000_000)
    assert told(second + 100_000_000, second + 100_000_000)
    assert told(second + 100_000_000, second + 100_000_100)  # as CIFS and NTFS keep it
    assert told(second, second + 900_000_000)  # one of them may keep whole seconds alone
    assert told(second + 100_000_000, second + 900_000_000, SAME)


def test_what_is_no_part_of_one_of_them_is_passed_over(tmp_path: Path) -> None:
    filled(tmp_path)
    write(tmp_path / "two/c/film")
    write(tmp_path / "one/d/film")
    rules = Rules(same_moment=True, skipped=lambda names: names[:1] in {(b"c",), (b"d",)})
    assert differences(tmp_path, rules) == []


def test_law_41_no_symlink_is_followed_on_either_side(tmp_path: Path) -> None:
    filled(tmp_path)
    write(tmp_path / "elsewhere/file", b"12345")
    (tmp_path / "two/a/file").unlink()
    (tmp_path / "two/a/odd\nname").unlink()
    (tmp_path / "two/a").rmdir()
    (tmp_path / "two/a").symlink_to(tmp_path / "elsewhere")
    assert ((b"a",), "it is of another type in the other copy") in differences(tmp_path)
    assert ((b"a", b"file"), "it is not in the other copy") in differences(tmp_path)


def test_nothing_at_all_is_no_other_state(tmp_path: Path) -> None:
    """A copy that somebody has emptied; files of another moment may differ, come and go."""
    filled(tmp_path)
    for one in (tmp_path / "one/a/file", tmp_path / "one/a/odd\nname"):
        one.unlink()
    assert differences(tmp_path, OTHER) == []
    (tmp_path / "one/a").rmdir()
    (tmp_path / "one/b").unlink()
    (tmp_path / "one/link").unlink()
    lost = "it is empty, and the other copy, of another moment, is not"
    assert differences(tmp_path, OTHER) == [((), lost)]
    (tmp_path / "one").rmdir()
    write(tmp_path / "one", b"")
    write(tmp_path / "three", b"")
    with opened_root(os.fsencode(tmp_path)) as root:
        file, empty = (Tree(root=root, top=(name,)) for name in (b"two", b"three"))
        mine = Tree(root=root, top=(b"one",))
        assert [one.what for one in compare(mine, file, OTHER).differences] == [lost]
        assert compare(mine, empty, OTHER).differences == []
        assert compare(mine, Tree(root=root, top=(b"away",)), OTHER).differences == []
