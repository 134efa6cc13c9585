"""Texts of SQL as the real programs write them, around what tenants may have thought of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
EVIL: st.SearchStrategy[str] = st.lists(
    st.sampled_from(
        [
            "'", '"', "`", "\\", ";", "\n", "(", ")", "--", "-- ", "#", "/*", "*/", "/*!50001 ",
            "$", "$$", "$a$", "e", "E", "é", " VALUES ", "\nCREATE TABLE x (\n", "\nUSE `other`;\n",
            "\nCOPY public.t (v) FROM stdin;\n", "\n\\.\n", "\n\\connect other\n", ";\n", ";;\n",
            "\nINSERT INTO `t` VALUES (1),(2);\n", "\nDELIMITER ;\n", "\nDELIMITER x\n",
            "-- Data for Name: t; Type: TABLE DATA\n", "SET standard_conforming_strings = off;",
            "\n/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\n",
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip
SEVERAL = st.lists(EVIL, min_size=1, max_size=3)
MODES = ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")


def doubled(text: str, quote: str, *, escapes: bool = False) -> str:
    """With each quote twice; `escapes`: and each backslash."""
    text = text.replace("\\", "\\\\") if escapes else text
    return quote + text.replace(quote, quote * 2) + quote


def quoted(value: str) -> str:
    """As `mysqldump` writes a value (mysql_real_escape_string)."""
    for one, other in (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(one, other)
    return f"'{value}'"


def _backslashed(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _on_one_line(text: str) -> str:
    return text.replace("\n", " ")


class _Text:
    """Some statements, and how many tables and rows are in them."""

    def __init__(self, draw: Draw, kinds: Sequence[Callable[[str], str]], first: str) -> None:
        self.draw = draw
        self.tables, self.rows = 0, 0
        chosen = draw(st.lists(st.sampled_from(kinds), max_size=9))
        self.text = first + "".join(kind(draw(EVIL)) for kind in chosen)


class PostgresqlText(_Text):
    """What `pg_restore` writes."""

    def __init__(self, draw: Draw) -> None:
        self._escapes = False
        kinds = (
            self._table,
            self._copy,
            self._string,
            self._function,
            self._escaped,
            self._switch,
            self._line,
            self._block,
        )
        super().__init__(draw, kinds, "-- PostgreSQL database dump\n")
        self.text += "\n--\n-- PostgreSQL database dump complete\n--\n\n"

    def _plain(self, text: str) -> str:
        return doubled(text, "'", escapes=self._escapes)

    def _table(self, text: str) -> str:
        self.tables += 1
        name = doubled(text or "t", '"')
        return f"CREATE TABLE public.{name} (\n    v text DEFAULT {self._plain(text)}\n);\n"

    def _copy(self, text: str) -> str:
        values = self.draw(st.just([]) | SEVERAL)
        self.rows += len(values)
        rows = (one.replace("\\", "\\\\").replace("\n", "\\n") + "\n" for one in values)
        name = doubled(text or "t", '"')
        return f"COPY public.{name} (v) FROM stdin;\n{''.join(rows)}\\.\n\n"

    def _string(self, text: str) -> str:
        return f"COMMENT ON TABLE t IS {self._plain(text)};\n"

    def _escaped(self, text: str) -> str:
        return f"COMMENT ON TABLE t IS E{_backslashed(text)};\n"

    def _function(self, text: str) -> str:
        tag = "$_$"  # as pg_dump does it: one that is not in the text
        while tag[:-1] in text:
            tag = f"{tag[:-1]}X$"
        return f"CREATE FUNCTION f() RETURNS text\n    AS {tag}{text}{tag};\n"

    def _switch(self, _: str) -> str:
        self._escapes = not self._escapes
        return f"SET standard_conforming_strings = {'off' if self._escapes else 'on'};\n"

    def _line(self, text: str) -> str:
        return f"-- Name: {_on_one_line(text)}; Type: TABLE\n"

    def _block(self, text: str) -> str:
        inner = text.replace("/", "").replace("*", "")
        return f"SELECT 1 /* {inner} /* {inner} */ {inner} */;\n"


class MysqlText(_Text):
    """What `mariadb-dump` writes."""

    def __init__(self, draw: Draw) -> None:
        kinds = (self._table, self._insert, self._view, self._routine, self._line, self._block)
        first = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n"
        mode = "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'"
        super().__init__(draw, kinds, f"{first}/*!40101 {mode} */;\n")
        self.text += "-- Dump completed\n"

    def _table(self, text: str) -> str:
        self.tables += 1
        name = doubled(text or "t", "`")
        return f"CREATE TABLE {name} (\n  {name} text COMMENT {_backslashed(text)}\n);\n"

    def _insert(self, text: str) -> str:
        values = self.draw(SEVERAL)
        self.rows += len(values)
        rows = ",".join(f"({number},{quoted(one)})" for number, one in enumerate(values))
        name = doubled(text or "t", "`")
        return f"INSERT INTO {name} ({name}) VALUES {rows};\n"

    def _view(self, text: str) -> str:
        name = doubled(text or "v", "`")
        return f"/*!50001 CREATE VIEW {name} AS SELECT\n {quoted(text)} AS {name} */;\n"

    def _routine(self, text: str) -> str:
        return routine(text, self.draw(st.sampled_from(MODES)))

    def _line(self, text: str) -> str:
        return f"-- Table structure for table {_on_one_line(text)}\n"

    def _block(self, text: str) -> str:
        return f"/* {text.replace('*/', '')} */\n# {_on_one_line(text)}\n"


def routine(text: str, mode: str) -> str:
    """As it is dumped: by the mode in which it was written."""
    escapes = "NO_BACKSLASH" not in mode
    string = doubled(text, "'", escapes=escapes)
    other = doubled(text or "x", '"', escapes=escapes and "ANSI" not in mode)
    return (
        f"/*!50003 SET sql_mode              = '{mode}' */ ;\nDELIMITER ;;\n"
        "CREATE PROCEDURE `p`()\nBEGIN\nCREATE TABLE x (v text);\n"
        f"INSERT INTO t VALUES ({string});\nSELECT 1 AS {other};\n"
        f"/* {text.replace('*/', '')} */\nEND ;;\nDELIMITER ;\n"
        "/*!50003 SET sql_mode              = @saved_sql_mode */ ;\n"
    )
