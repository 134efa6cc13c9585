"""Reading dumps that are text of SQL: whether they are whole, and how many rows are in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.dumps.figures import Figures
from engine.dumps.mysql_text import MysqlReader
from engine.dumps.postgresql_text import PostgresqlReader


class TextReader(Protocol):
    """Takes a dump piece by piece."""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises `NotWhole`."""

    def finish(self) -> Figures:
        """What was in it, once all of it has been fed. Raises `NotWhole`."""


def reader_for(begin: bytes) -> TextReader | None:
    """What reads a text that begins so, if it is a dump as such programs write them."""
    if b"-- PostgreSQL database cluster dump" in begin:
        return reader_named("cluster", "")()
    if b"-- PostgreSQL database dump" in begin:
        return reader_named("archive", "")()
    if b"-- MariaDB dump" in begin or b"-- MySQL dump" in begin:
        return reader_named("mysql", "")()
    return None


def reader_named(name: str, database: str) -> Callable[[], TextReader]:
    """A reader by the name of what it reads, for the process that is to read it."""
    match name:
        case "cluster":
            trailer = b"-- PostgreSQL database cluster dump complete"
            return lambda: PostgresqlReader(trailer, database)
        case "archive":
            return lambda: PostgresqlReader(b"-- PostgreSQL database dump complete", database)
        case _:
            return lambda: MysqlReader(database)
