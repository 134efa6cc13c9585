"""Readers of SQL: the same figures however a text comes in pieces, and none of half a text."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dumps.figures import Figures, NotWhole, Part
from engine.dumps.mysql_text import MysqlReader
from engine.dumps.postgresql_text import PostgresqlReader, connected
from engine.dumps.sql_text import TextReader, reader_for, reader_named
from tests.unit.engine.dumps.tenants import MODES, MysqlText, PostgresqlText, quoted, routine

CLUSTER = rb"""--
-- PostgreSQL database cluster dump
--

\restrict Ab3

CREATE ROLE "a
b";

\connect template1

--
-- PostgreSQL database dump
--

-- PostgreSQL database dump complete
--

\unrestrict Ab3
\connect -reuse-previous=on "dbname='it\'s a=b'"

CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $$
COPY public.t (id) FROM stdin;
\.
SELECT 'x'
$$;
CREATE TABLE public.t (
    id integer,
    v text
);
CREATE UNLOGGED TABLE public.u (
    id integer
);
CREATE TABLE public.empty (
);
--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.t (id, v) FROM stdin;
1	\\.
2	-- PostgreSQL database cluster dump complete
3	\nCREATE TABLE x
4	\N
\\connect other
\.


--
-- Data for Name: empty; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.empty  FROM stdin;
\.


--
-- Data for Name: u; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.u (id) FROM stdin;


\.


--
-- PostgreSQL database dump complete
--

--
-- PostgreSQL database cluster dump complete
--

"""
MARIADB = rb"""/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 127.0.0.1    Database:
-- ------------------------------------------------------

--
-- Current Database: `a``b (c`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a``b (c` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;

USE `a``b (c`;
DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (
  `v` varchar(90) DEFAULT '(' COMMENT 'INSERT INTO'
) ENGINE=InnoDB;
INSERT INTO `t` VALUES
(1,'),(2,'),
(2,'it''s (\'; \\'),
(3,'INSERT INTO `t` VALUES (1);\n-- Dump completed');
INSERT INTO `t` VALUES (4,NULL),(5,0x28),(6,'');

USE `second`;
CREATE TABLE `t` (
  `v` int
) ENGINE=InnoDB;
INSERT INTO `t` (`v`) VALUES (1);
-- Dump completed
"""
Make = Callable[[], TextReader]
TEXTS: dict[str, tuple[bytes, Make]] = {
    "cluster": (CLUSTER, reader_named("cluster", "")),
    "mysql": (MARIADB, reader_named("mysql", "")),
}
EACH = pytest.mark.parametrize("name", TEXTS)


def read(make: Make, pieces: Sequence[bytes]) -> Figures:
    reader = make()
    for one in pieces:
        reader.feed(one)
    return reader.finish()


def cut_at(text: bytes, places: Sequence[int]) -> list[bytes]:
    return [text[a:b] for a, b in pairwise([0, *sorted(places), len(text)])]


def test_what_is_in_a_cluster() -> None:
    found = read(TEXTS["cluster"][1], [CLUSTER])
    assert [(one.database, one.tables, one.rows) for one in found.parts] == [
        ("it's a=b", 3, 7),
        ("template1", 0, 0),
    ]


def test_what_is_in_databases_of_mysql() -> None:
    found = read(TEXTS["mysql"][1], [MARIADB])
    assert [(one.database, one.tables, one.rows) for one in found.parts] == [
        ("a`b (c", 1, 6),
        ("second", 1, 1),
    ]


@EACH
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 64, 1000])
def test_pieces_of_one_length_change_nothing(name: str, length: int) -> None:
    text, make = TEXTS[name]
    pieces = cut_at(text, range(length, len(text), length))
    assert read(make, pieces) == read(make, [text])


@EACH
@given(data=st.data())
def test_however_it_comes_in_pieces_it_is_the_same(name: str, data: st.DataObject) -> None:
    text, make = TEXTS[name]
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=30))
    assert read(make, cut_at(text, places)) == read(make, [text])


@EACH
def test_law_18_cut_off_anywhere_it_is_not_whole(name: str) -> None:
    text, make = TEXTS[name]
    marker = b"\n-- PostgreSQL database cluster dump complete\n"
    end = text.rindex(marker) + len(marker) if name == "cluster" else len(text)
    for length in range(end):
        with pytest.raises(NotWhole, match="cut off"):
            read(make, [text[:length]])


@EACH
def test_nothing_at_all_is_not_whole(name: str) -> None:
    with pytest.raises(NotWhole):
        read(TEXTS[name][1], [])


# What COPY writes of a value: a backslash, a line's end and a tab are escaped in it.
VALUES = st.one_of(
    st.sampled_from(
        [r"\\.", r"\N", "", "COPY public.t (v) FROM stdin;", r"\\connect x", "CREATE TABLE x ("]
    ),
    st.text(st.characters(blacklist_characters="\n\r\t\\", blacklist_categories=["Cs"])),
)


@given(tables=st.lists(st.lists(VALUES, max_size=6), max_size=4), data=st.data())
def test_each_row_is_counted_whatever_stands_in_it(
    tables: list[list[str]], data: st.DataObject
) -> None:
    text = archive(tables)
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=10))
    (part,) = read(reader_named("archive", "shop"), cut_at(text, places)).parts
    assert (part.database, part.tables) == ("shop", len(tables))
    assert part.rows == sum(len(rows) for rows in tables)


def archive(tables: list[list[str]], name: str = "t") -> bytes:
    return "".join(_archive(tables, name)).encode()


def _archive(tables: list[list[str]], name: str) -> Iterator[str]:
    yield "--\n-- PostgreSQL database dump\n--\n\n"
    for _ in tables:
        yield f"CREATE TABLE public.{name} (\n    v text\n);\n\n"
    for rows in tables:
        yield "--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: o\n--\n\n"
        yield f"COPY public.{name} (v) FROM stdin;\n"
        yield from (f"{row}\n" for row in rows)
        yield "\\.\n\n\n"
    yield "--\n-- PostgreSQL database dump complete\n--\n\n"


def test_a_table_whose_name_has_two_lines_has_rows_too() -> None:
    (part,) = read(reader_named("archive", ""), [archive([["1", "2"], ["3"]], '"a\nb"')]).parts
    assert (part.tables, part.rows) == (2, 3)


def test_after_what_is_no_table_a_line_like_copy_is_no_copy() -> None:
    """Large objects are data that no COPY brings; a function of the next database comes then."""
    blobs = b"-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -\n--\nBEGIN;\nCOMMIT;\n"
    function = b"--\n-- Name: f(); Type: FUNCTION\n--\nCREATE FUNCTION f() AS $$\n"
    function += b"COPY public.t FROM stdin;\n$$;\n"
    text = archive([["1"]]).replace(b"CREATE TABLE", blobs + function + b"CREATE TABLE", 1)
    (part,) = read(reader_named("archive", ""), [text]).parts
    assert (part.tables, part.rows) == (1, 1)


def test_equal_data_are_equal_content_whatever_key_the_dump_is_guarded_by() -> None:
    other = CLUSTER.replace(b"restrict Ab3", b"restrict Zy9")
    make = TEXTS["cluster"][1]
    assert read(make, [CLUSTER]).content == read(make, [other]).content
    changed = CLUSTER.replace(b"4\t\\N", b"4\tx")
    assert read(make, [CLUSTER]).content != read(make, [changed]).content


@pytest.mark.parametrize(
    ("line", "database"),
    [
        ("\\connect shop", "shop"),
        ('\\connect "with blank"', "with blank"),
        ('\\connect "qu""ote"', 'qu"ote'),
        ("\\connect -reuse-previous=on \"dbname='a=b'\"", "a=b"),
        ("\\connect -reuse-previous=on \"dbname='it\\'s'\"", "it's"),
        ("\\connect -reuse-previous=on \"dbname='back\\\\slash'\"", "back\\slash"),
    ],
)
def test_the_database_that_follows(line: str, database: str) -> None:
    assert connected(line) == database


ROWS = st.text(st.sampled_from("ab(),;'\\\n\"`é "), max_size=12)


@given(rows=st.lists(st.lists(ROWS, min_size=1, max_size=3), max_size=8), each=st.booleans())
def test_brackets_in_values_are_no_rows(rows: list[list[str]], each: bool) -> None:
    lines = [f"({','.join(map(quoted, row))})" for row in rows]
    between, begin = (",\n", "\n") if each else (",", " ")
    body = f"INSERT INTO `t` VALUES{begin}{between.join(lines)};\n" if lines else ""
    text = f"-- MariaDB dump\nCREATE TABLE `t` (\n  `v` text\n);\n{body}-- Dump completed\n"
    (part,) = read(reader_named("mysql", "d"), [text.encode()]).parts
    assert part == Part(database="d", tables=1, rows=len(rows), size=len(text.encode()))


def test_what_stands_in_a_routine_is_no_data() -> None:
    routine = (
        "DELIMITER ;;\nCREATE PROCEDURE `p`()\nBEGIN\nCREATE TABLE x (i int);\n"
        "INSERT INTO log VALUES\n(1);\nINSERT INTO log SELECT\n1\nEND ;;\nDELIMITER ;\n"
    )
    text = f"INSERT INTO `t` VALUES (1);\n{routine}INSERT INTO `t` VALUES (2),(3);\n"
    (part,) = read(MysqlReader, [text.encode() + b"-- Dump completed\n"]).parts
    assert (part.tables, part.rows) == (0, 3)


def test_a_long_value_is_read_without_much_memory() -> None:
    text = b"INSERT INTO `t` VALUES (1,'" + b"x\\'" * (4 << 20) + b"');\n-- Dump completed\n"
    tracemalloc.start()
    try:
        (part,) = read(MysqlReader, [text]).parts
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert part.rows == 1
    assert peak < 5 * len(text)


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (CLUSTER[:200], PostgresqlReader),
        (archive([]), PostgresqlReader),
        (MARIADB[:200], MysqlReader),
        (b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n", MysqlReader),
    ],
)
def test_a_dump_is_known_by_how_it_begins(begin: bytes, kind: type) -> None:
    assert isinstance(reader_for(begin), kind)


@pytest.mark.parametrize("begin", [b"", b"SELECT 1;\n", b"\0\1\2", b"-- notes about a dump\n"])
def test_any_other_text_has_no_reader(begin: bytes) -> None:
    assert reader_for(begin) is None


def test_what_a_tenant_writes_into_it_makes_no_dump_a_cut_one() -> None:
    """The text of a function looks like data that never end; the dump ends as it must."""
    body = b"-- Data for Name: t\n-- x FROM stdin;\nno row\n"
    end = b"-- PostgreSQL database cluster dump complete"
    reader = PostgresqlReader(end)
    reader.feed(CLUSTER.replace(end, body + b"\n" + end))
    assert reader.finish().parts


def test_after_a_tenants_text_the_next_database_is_counted_again() -> None:
    body = b"-- Data for Name: t\n-- x FROM stdin;\n"
    reader = PostgresqlReader(b"-- PostgreSQL database cluster dump complete")
    reader.feed(body + CLUSTER)
    assert [one.rows for one in reader.finish().parts if one.database == "it's a=b"] == [7]


def test_a_table_whose_name_looks_like_a_delimiter_makes_no_dump_a_cut_one() -> None:
    reader = MysqlReader()
    reader.feed(b"CREATE TABLE `a\nDELIMITER x\nb` (\n);\n-- Dump completed\n")
    assert reader.finish().parts


# ── What tenants write into it ───────────────────────────────────────────────────────────────


@given(data=st.data())
def test_no_text_of_a_tenant_changes_the_figures_of_postgresql(data: st.DataObject) -> None:
    made = PostgresqlText(data.draw)
    content = made.text.encode()
    places = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    (part,) = read(reader_named("archive", "shop"), cut_at(content, places)).parts
    assert part == Part(database="shop", tables=made.tables, rows=made.rows, size=part.size)
    assert read(reader_named("archive", "shop"), [content]).parts == (part,)


@given(data=st.data())
def test_no_text_of_a_tenant_changes_the_figures_of_mysql(data: st.DataObject) -> None:
    made = MysqlText(data.draw)
    content = made.text.encode()
    places = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    found = read(reader_named("mysql", "shop"), cut_at(content, places)).parts
    whole = Part(database="shop", tables=made.tables, rows=made.rows, size=len(content))
    assert found == (whole,)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", ["\\", "\\'", '"', "`;;\n", "\nDELIMITER ;\nCREATE TABLE x (\n"])
def test_a_routine_is_read_by_the_mode_in_which_it_was_written(mode: str, text: str) -> None:
    table = "CREATE TABLE `t` (\n  `i` int\n);\nINSERT INTO `t` VALUES (1);\n"
    whole = f"-- MariaDB dump\n{table}{routine(text, mode)}{table}-- Dump completed\n"
    (part,) = read(MysqlReader, [whole.encode()]).parts
    assert (part.tables, part.rows) == (2, 2)


@pytest.mark.parametrize(
    ("switch", "text"), [("on", r"'\'"), ("off", r"'\'CREATE'"), ("off", r"'\\'"), ("off", r"'\'")]
)
def test_the_text_says_whether_a_backslash_escapes(switch: str, text: str) -> None:
    table = "CREATE TABLE t (\n);\n"
    said = f"SET standard_conforming_strings = {switch};\n{table}COMMENT ON TABLE t IS {text};\n"
    end = "--\n-- PostgreSQL database dump complete\n--\n\n"
    (part,) = read(reader_named("archive", ""), [f"{said}{table}{end}".encode()]).parts
    closed = text != r"'\'" or switch == "on"
    assert part.tables == 1 + closed


def test_no_more_is_held_than_a_token() -> None:
    """However long a statement, a string or a comment is."""
    pieces = {
        "archive": [b"CREATE FUNCTION f() AS $$", b"COMMENT ON t IS '", b"/* ", b"-- ", b"SELECT "],
        "mysql": [b"INSERT INTO t VALUES ('", b"CREATE TABLE `", b"/* ", b"# ", b"SELECT "],
    }
    for name, begins in pieces.items():
        for begin in begins:
            reader = reader_named(name, "")()
            reader.feed(begin)
            tracemalloc.start()
            try:
                for _ in range(20):
                    reader.feed(b"(\\'\" a" + b"a" * 200_000)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 2 << 20, (name, begin, peak)
