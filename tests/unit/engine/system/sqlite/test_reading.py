"""Asking databases that other programs made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.sqlite.copies import Check
from engine.system.host.descent import opened_root
from engine.system.sqlite.reading import Reader, find_problems, opened, read_contents, said
from tests.databases import make


@contextmanager
def reader_of(path: Path) -> Iterator[Reader]:
    with (
        opened_root(os.fsencode(path.parent)) as root,
        opened(root, os.fsencode(path.name), "mode=ro") as reader,
    ):
        yield reader


def make_foreign(path: Path) -> Path:
    """With a collation and a function that only its application has, as Plex makes them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_collation("icu_root", lambda a, b: (a[::-1] > b[::-1]) - (a < b))
        connection.create_function("folded", 1, lambda text: f"{text}!", deterministic=True)
        for one in (
            "CREATE TABLE titles (id INTEGER PRIMARY KEY, title TEXT COLLATE icu_root)",
            "CREATE INDEX by_title ON titles (title)",
            "CREATE INDEX by_folded ON titles (folded(title))",
            "CREATE TABLE named (name TEXT COLLATE icu_root PRIMARY KEY) WITHOUT ROWID",
            "INSERT INTO titles (title) VALUES ('ab'), ('ba'), ('ca'), ('ac')",
            "INSERT INTO named VALUES ('x'), ('y')",
        ):
            connection.execute(one)
    return path


def test_contents_are_what_was_put_in(tmp_path: Path) -> None:
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE plain (a)",
        'CREATE TABLE "quo""te\nd" (id INTEGER PRIMARY KEY AUTOINCREMENT)',
        "CREATE TABLE keyed (name TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "CREATE VIEW seen AS SELECT * FROM plain",
        "INSERT INTO plain VALUES (1), (2)",
        'INSERT INTO "quo""te\nd" VALUES (NULL)',
        "INSERT INTO keyed VALUES ('a'), ('b'), ('c')",
        "INSERT INTO words VALUES ('found again')",
    )
    with reader_of(path) as reader:
        contents = read_contents(reader, counted=True)
        assert find_problems(reader, Check.INTEGRITY) == (Check.INTEGRITY, "")
    assert contents.rows is not None
    counts = dict(contents.rows)
    assert counts[b"plain"] == 2
    assert counts[b'quo"te\nd'] == counts[b"sqlite_sequence"] == 1
    assert counts[b"keyed"] == 3
    assert counts[b"words_content"] == 1
    assert not {b"words", b"seen"} & set(counts)  # nothing of theirs is stored under their names
    assert contents.tables == len([name for name in counts if name != b"sqlite_sequence"]) + 1


def test_what_only_its_application_knows_does_not_fail_a_database(tmp_path: Path) -> None:
    path = make_foreign(tmp_path / "x.db")
    refused = pytest.raises(sqlite3.OperationalError, match=r"^(no such|unknown) ")
    with closing(sqlite3.connect(path)) as plain, refused:
        plain.execute("PRAGMA integrity_check").fetchall()
    with reader_of(path) as reader:
        contents = read_contents(reader, counted=True)
        assert dict(contents.rows or ()) == {b"titles": 4, b"named": 2}
        assert find_problems(reader, Check.INTEGRITY) == (Check.QUICK, "")
        assert set(reader.foreign) == {"icu_root", "folded"}


def test_damage_is_found_there_as_well(tmp_path: Path) -> None:
    path = make_foreign(tmp_path / "x.db")
    with path.open("r+b") as file:
        file.seek(4096 + 1)
        file.write(b"\xff" * 40)
    with reader_of(path) as reader, pytest.raises(sqlite3.DatabaseError, match="malformed"):
        find_problems(reader, Check.INTEGRITY)


def test_what_else_is_missing_is_an_error(tmp_path: Path) -> None:
    with reader_of(make(tmp_path / "x.db")) as reader:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            reader.ask("SELECT * FROM missing")
        assert reader.foreign == []


def test_texts_that_are_no_utf_8_are_read(tmp_path: Path) -> None:
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE t (a DEFAULT 'XX')",
        "INSERT INTO t VALUES (CAST(x'ff' AS TEXT))",
    )
    path.write_bytes(path.read_bytes().replace(b"'XX'", b"'\xff\xfe'"))
    with reader_of(path) as reader:
        contents = read_contents(reader, counted=True)
        assert reader.ask("SELECT a FROM t") == [(b"\xff",)]
    assert contents.schema[0].sql == b"CREATE TABLE t (a DEFAULT '\xff\xfe')"


def test_a_table_whose_name_is_no_utf_8_is_compared_but_not_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "x.db", "CREATE TABLE XXXX (a)", "CREATE TABLE t (a)")
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"X\xff\xfeX"))
    with reader_of(path) as reader:
        contents = read_contents(reader, counted=True)
    assert {one.name for one in contents.schema} == {b"X\xff\xfeX", b"t"}
    assert contents.rows == ((b"t", 0),)


def test_a_name_in_a_damaged_database_is_no_line_and_no_colour_of_ours(tmp_path: Path) -> None:
    name = "i\x1b[31m\nall is well"
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE t (a)",
        f'CREATE INDEX "{name}" ON t (a)',
        "INSERT INTO t VALUES (1)",
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET rootpage = 99 WHERE name = '{name}'",
    )
    with reader_of(path) as reader:
        try:
            problems = find_problems(reader, Check.INTEGRITY)[1]
        except sqlite3.DatabaseError as error:
            problems = said(error)
    assert "i\\x1b[31m" in problems
    assert problems.isprintable()
