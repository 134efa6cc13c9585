"""A measurement shared out among routing lines."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.plan.model import RoutingTable
from engine.records.measurement import DirectoryVolume, Volume
from engine.routing.volumes import SourceVolumes, volumes_by_line
from tests.plans import route

NAMES = st.sampled_from([b"a", b"b", b"ab", b"x\ny", b"\xff", b"*"])
FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map(tuple), st.integers(0, 99))
PARTS = st.sampled_from(["a", "b", "a*", "?", "[!a]*"])
KEYS = st.lists(
    st.lists(PARTS, min_size=0, max_size=3).map("/".join), min_size=1, max_size=7, unique=True
)


def measured(files: dict[tuple[bytes, ...], int]) -> list[DirectoryVolume]:
    found: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    for names, size in files.items():
        entry = found[b"/".join(names[:-1])]
        entry[0] += 1
        entry[1] += size
    return [DirectoryVolume(path, *entry) for path, entry in sorted(found.items())]


@given(files=FILES, keys=KEYS)
def test_each_file_counts_for_the_line_that_decides_it(
    files: dict[tuple[bytes, ...], int], keys: list[str]
) -> None:
    # In any order: a shorter line with a literal may come before a longer one with a wildcard.
    table = RoutingTable(source="nfs", lines=tuple(route(text, "leg") for text in keys))
    expected = {line.text: Volume() for line in table.lines}
    for names, size in files.items():
        line = table.line_for(names)
        if line is None:
            continue
        expected[line.text] = expected[line.text].plus(size)

    def listing(path: bytes) -> list[tuple[bytes, int]]:
        here = tuple(path.split(b"/")) if path else ()
        return [(names[-1], size) for names, size in files.items() if names[:-1] == here]

    assert volumes_by_line(table, measured(files), listing) == expected


def table(*texts: str) -> RoutingTable:
    return RoutingTable(source="nfs", lines=tuple(route(text, "leg") for text in (*texts, "")))


def test_only_directories_that_a_line_splits_are_listed_again() -> None:
    asked = []

    def listing(path: bytes) -> list[tuple[bytes, int]]:
        asked.append(path)
        return [(b"one.jpg", 3), (b"two", 4)]

    rows = [DirectoryVolume(path, 2, 7) for path in (b"", b"a", b"a/b", b"c", b"c/d")]
    found = volumes_by_line(table("a/*.jpg", "c/d/e/f"), rows, listing)
    assert asked == [b"a"]
    assert found["/srv/nfs/a/*.jpg"] == Volume(files=1, bytes=3)
    assert found["/srv/nfs"] == Volume(files=9, bytes=32)


def test_where_a_directory_cannot_be_listed_it_counts_as_a_whole() -> None:
    rows = [DirectoryVolume(b"", 2, 7)]
    found = volumes_by_line(table("one"), rows, lambda _: None)
    assert found == {"/srv/nfs/one": Volume(), "/srv/nfs": Volume(files=2, bytes=7)}


def test_a_directory_that_is_empty_by_now_has_nothing_left() -> None:
    rows = [DirectoryVolume(b"", 2, 7)]
    found = volumes_by_line(table("one"), rows, lambda _: [])
    assert found == {"/srv/nfs/one": Volume(), "/srv/nfs": Volume()}


def test_a_very_deep_tree_is_shared_out() -> None:
    rows = [DirectoryVolume(b"/".join([b"d"] * 2000), 1, 1)]
    assert volumes_by_line(table("d/d"), rows, lambda _: [])["/srv/nfs/d/d"].files == 1


def test_a_million_files_are_shared_out_in_less_than_a_second() -> None:
    rows = [
        DirectoryVolume(f"{at // 200:03d}/{at % 200}".encode(), 50, 5_000) for at in range(20_000)
    ]
    lines = table(*(f"{at:03d}/{'*/x' if at % 9 == 0 else '7'}" for at in range(100)))
    begun = time.process_time()
    found = volumes_by_line(lines, rows, lambda _: None)
    assert time.process_time() - begun < 1.0
    assert sum(one.files for one in found.values()) == 1_000_000


NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, ""),
        (timedelta(hours=23), ""),
        (timedelta(days=1), "as measured 1 d ago"),
        (timedelta(days=3, hours=5), "as measured 3 d ago"),
        (timedelta(days=-2), ""),
    ],
)
def test_old_figures_say_so(age: timedelta | None, words: str) -> None:
    one = SourceVolumes(
        source="nfs",
        by_line={"/a": Volume(files=1, bytes=2), "/b": Volume(files=3, bytes=4)},
        ignored=Volume(),
        unreadable=0,
        measured=NOW - age if age is not None else None,
    )
    assert one.age_words(NOW) == words
    assert one.total == Volume(files=4, bytes=6)
