"""Asking a database: what it holds, and whether it is sound.

A database is somebody else's: its texts may be no UTF-8, and it may need collations and functions
that only its application has (Plex has both). Then stand-ins take their place, which order and
compute nothing that is meant; what depends on them is not asked.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote_from_bytes

from engine.sqlite.copies import Check, Contents, SchemaEntry
from policy.values import display

_NO_COLLATION = re.compile("no such collation sequence: (.*)", re.DOTALL)
_NO_FUNCTION = re.compile(r"(?:no such|unknown) function: (.*?)(?:\(\))?", re.DOTALL)
_MOST_STAND_INS = 100
_MOST_PROBLEMS = 3
"""Of what a check finds: the first few say enough."""
Row = tuple[object, ...]


class Reader:
    """A connection to somebody else's database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.foreign: list[str] = []
        """What stands in for something that only its application has."""
        connection.text_factory = bytes
        for setting in ("trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {setting}")

    def ask(self, statement: str) -> list[Row]:
        """The rows of an answer. Raises `sqlite3.Error`."""
        while True:
            try:
                return self.connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                if len(self.foreign) == _MOST_STAND_INS or not self._stand_in(str(error)):
                    raise

    def ask_number(self, statement: str) -> int:
        """The one number of an answer, in its last column."""
        value = self.ask(statement)[0][-1]
        assert isinstance(value, int)
        return value

    def _stand_in(self, message: str) -> bool:
        collation, function = _NO_COLLATION.fullmatch(message), _NO_FUNCTION.fullmatch(message)
        if collation is not None:
            self.connection.create_collation(collation[1], _by_bytes)
            self.foreign.append(collation[1])
        elif function is not None:
            self.connection.create_function(function[1], -1, _no_value, deterministic=True)
            self.foreign.append(function[1])
        else:
            return False
        return True


def _no_value(*_: object) -> None:
    """NULL, with which no CHECK of a table fails."""


def _by_bytes(first: str, second: str) -> int:
    return (first > second) - (first < second)


@contextmanager
def opened(directory: int, name: bytes, query: str, *, wait: float = 0.0) -> Iterator[Reader]:
    """Open a database in a directory that is held open; locks are waited for so many seconds.

    SQLite takes the descriptor's link in /proc for any symlink, and goes to where it points to.
    """
    path = quote_from_bytes(b"/proc/self/fd/%d/%s" % (directory, name))
    connection = sqlite3.connect(
        f"file:{path}?{query}", uri=True, isolation_level=None, timeout=wait
    )
    try:
        yield Reader(connection)
    finally:
        connection.close()


def read_contents(reader: Reader, *, counted: bool) -> Contents:
    """What is compared of a source and its copy. Raises `sqlite3.Error`."""
    rows = reader.ask("SELECT type, name, sql, rootpage > 0 FROM sqlite_master")
    schema = tuple(
        SchemaEntry(kind=_text(kind), name=_text(name), sql=_sql(sql), stored=bool(stored))
        for kind, name, sql, stored in rows
    )
    return Contents(
        schema=schema,
        pages=reader.ask_number("PRAGMA page_count"),
        rows=tuple(_counts(reader, schema)) if counted else None,
    )


def _counts(reader: Reader, schema: tuple[SchemaEntry, ...]) -> Iterator[tuple[bytes, int]]:
    for one in schema:
        if one.kind == b"table" and one.stored:
            try:
                name = one.name.decode().replace('"', '""')
            except UnicodeDecodeError:
                continue  # statements are UTF-8: such a table cannot be named
            count = f'SELECT count(*) FROM "{name}"'  # noqa: S608 - quoted above
            yield one.name, reader.ask_number(count)


def find_problems(reader: Reader, check: Check) -> tuple[Check, str]:
    """Which check was made, and what it found; nothing where the database is sound.

    Raises `sqlite3.Error`.
    """
    found = _run_check(reader, check)
    if reader.foreign and check is not Check.QUICK:
        # Indexes are in an order that the stand-ins do not know.
        check = Check.QUICK
        found = _run_check(reader, check)
    return check, "" if found == ["ok"] else "; ".join(found)


def _run_check(reader: Reader, check: Check) -> list[str]:
    rows = reader.ask(f"PRAGMA {check.value}({_MOST_PROBLEMS})")
    return [display(_text(row[0]).replace(b"\n", b" ")) for row in rows]


def said(error: sqlite3.Error) -> str:
    """What SQLite says, on one line: it may quote a name out of somebody else's database."""
    return display(str(error).encode("utf-8", "surrogateescape"))


def _text(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _sql(value: object) -> bytes | None:
    return None if value is None else _text(value)
