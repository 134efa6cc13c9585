"""What is said of copies, and when one is as good as its source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.plan.typed_json import Unreadable
from engine.sqlite.copies import (
    Check,
    Contents,
    CopyRules,
    CopyStatus,
    DatabaseCopy,
    SchemaEntry,
    choose_check,
    difference,
    read_line,
    read_lines,
    worker_arguments,
    write_line,
)
from engine.sqlite.files import Way

COPIES = st.builds(
    DatabaseCopy,
    path=st.binary(),
    status=st.sampled_from(CopyStatus),
    reason=st.text(),
    size=st.integers(0, 1 << 60),
    tables=st.integers(0),
    rows=st.none() | st.integers(0),
    check=st.none() | st.sampled_from(Check),
    way=st.none() | st.sampled_from(Way),
    linked=st.booleans(),
    milliseconds=st.integers(0),
)


def table(name: bytes) -> SchemaEntry:
    return SchemaEntry(kind=b"table", name=name, sql=b"CREATE TABLE " + name, stored=True)


SOURCE = Contents(
    schema=(table(b"a"), table(b"sqlite_sequence"), table(b"b\xff")),
    pages=4,
    rows=((b"a", 1000), (b"sqlite_sequence", 2), (b"b\xff", 3)),
)


def test_what_is_the_same_differs_in_nothing() -> None:
    assert difference(SOURCE, SOURCE) == ""
    assert (SOURCE.tables, SOURCE.all_rows) == (2, 1003)


def test_law_18_an_empty_copy_is_told_from_a_good_one() -> None:
    empty = Contents(schema=(), pages=0, rows=())
    assert difference(SOURCE, empty) == "the copy holds no table, the source 2"
    assert difference(empty, empty) == ""


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        (replace(SOURCE, schema=SOURCE.schema[:2]), "the copy has other tables"),
        (replace(SOURCE, schema=(table(b"A"), *SOURCE.schema[1:])), "the copy has other tables"),
        (replace(SOURCE, pages=3), "the copy has 3 pages, the source 4"),
        (
            replace(SOURCE, rows=((b"a", 999), *(SOURCE.rows or ())[1:])),
            "the copy has 999 rows in a, the source 1000",
        ),
        (
            replace(SOURCE, rows=(*(SOURCE.rows or ())[:2], (b"b\xff", 0))),
            r"the copy has 0 rows in b\xff, the source 3",
        ),
    ],
)
def test_law_18_whatever_the_copy_lacks_is_said(copy: Contents, said: str) -> None:
    assert said in difference(SOURCE, copy)


def test_rows_that_were_not_counted_are_not_compared() -> None:
    uncounted = replace(SOURCE, rows=None)
    assert difference(uncounted, SOURCE) == difference(SOURCE, uncounted) == ""
    assert uncounted.all_rows is None


def test_large_copies_are_checked_quickly() -> None:
    assert choose_check(1 << 30, 1 << 30) is Check.INTEGRITY
    assert choose_check((1 << 30) + 1, 1 << 30) is Check.QUICK


@given(st.lists(COPIES))
def test_law_34_the_workers_lines_are_read_as_they_were_meant(copies: list[DatabaseCopy]) -> None:
    lines = [write_line(one) for one in copies]
    assert all(line.count(b"\n") == 1 for line in lines)
    assert list(read_lines(b"".join(lines))) == copies


def test_a_line_that_was_cut_off_is_none() -> None:
    line = write_line(DatabaseCopy(path=b"x", status=CopyStatus.OK))
    assert list(read_lines(line + line[:-1])) == [read_line(line)]
    assert list(read_lines(b"")) == []


@pytest.mark.parametrize("line", [b"", b"{}", b"Traceback", b"\xff", b'{"path": "x"}'])
def test_what_the_worker_does_not_say_is_refused(line: bytes) -> None:
    with pytest.raises(Unreadable):
        read_line(line)


def test_the_workers_arguments() -> None:
    rules = CopyRules(frozen=True, each=300.0, all=1800.5, quick_above=1 << 20)
    assert worker_arguments(b"/mnt/-x\xff", b"/to", rules) == (
        *(b"-m", b"engine.system.sqlite.worker", b"--each", b"300.000", b"--all", b"1800.500"),
        *(b"--quick-above", b"1048576", b"--", b"/mnt/-x\xff", b"/to"),
    )
    assert b"--live" in worker_arguments(b"/a", b"/b", replace(rules, frozen=False))
    linked = worker_arguments(b"/a", b"/b", replace(rules, former=b"2026-11-28T03-00-00Z"))
    assert linked[linked.index(b"--") - 2 :][:2] == (b"--former", b"2026-11-28T03-00-00Z")
