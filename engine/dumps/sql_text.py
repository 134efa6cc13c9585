"""Reading dumps that are text of SQL: whether they are whole, and how many rows are in them.

Each reader is fed with pieces of any length, and keeps no more than a line. Text is counted, never
carried out: a dump is somebody else's data.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

from engine.dumps.figures import Figures, NotWhole, Part

_COPY_END = b"\n\\.\n"
"""What ends the rows of a COPY (PostgreSQL, COPY, "Text Format"); no row can hold it."""
_LONGEST_LINE = 1 << 30
"""Bytes: the most that MySQL sends at once (max_allowed_packet), and a row may be that long."""


_CONNECTING = b"\n\\connect "
"""What comes before each database of a cluster; in a row the backslash would be doubled."""


class _Ending:
    """The last line of a text that says something, whatever stands before it.

    Whether a dump is whole must not hang on what its tenants have written into it.
    """

    _MOST = 4096
    """Bytes at the end that are looked at."""

    def __init__(self) -> None:
        self._end = b""

    def feed(self, chunk: bytes) -> None:
        self._end = (self._end + chunk[-self._MOST :])[-self._MOST :]

    @property
    def line(self) -> bytes:
        if not self._end.endswith(b"\n"):
            return b""
        lines = (line for line in reversed(self._end.split(b"\n")) if line not in {b"", b"--"})
        return next((one for one in lines if not one.startswith(b"\\unrestrict ")), b"")


class TextReader(Protocol):
    """Takes a dump piece by piece."""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises `NotWhole`."""

    def finish(self) -> Figures:
        """What was in it, once all of it has been fed. Raises `NotWhole`."""


class _Tally:
    """Tables, rows and bytes of each database of a dump, in their order."""

    def __init__(self, first: str) -> None:
        self.found: dict[str, list[int]] = {}
        self.enter(first)

    def enter(self, database: str) -> None:
        self.now = self.found.setdefault(database, [0, 0, 0])

    def add(self, *, tables: int = 0, rows: int = 0, size: int = 0) -> None:
        self.now[0] += tables
        self.now[1] += rows
        self.now[2] += size

    def parts(self) -> tuple[Part, ...]:
        return tuple(
            Part(database=name, tables=tables, rows=rows, size=size)
            for name, (tables, rows, size) in sorted(self.found.items())
            if name or tables or rows or len(self.found) == 1
        )


class PostgresqlReader:
    """Text of `pg_dumpall` and of `pg_restore`."""

    def __init__(self, trailer: bytes, database: str = "") -> None:
        self._trailer = trailer
        self._tally = _Tally(database)
        self._digest = hashlib.sha256()
        self._rest = b""
        self._rows_follow = False
        """Whether what comes are rows, up to the end of a COPY."""
        self._ends = _Ending()
        self._announced = False
        """Whether the comment stood there that comes before each COPY, and nothing else since: a
        function's body may hold a line that looks like one."""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises `NotWhole`."""
        self._ends.feed(chunk)
        data, at = self._rest + chunk, 0
        while at < len(data):
            step = self._rows(data, at) if self._rows_follow else self._line(data, at)
            if step is None:
                break
            at = step
        self._rest = data[at:]
        if len(self._rest) > _LONGEST_LINE:
            raise NotWhole("one of its lines is longer than any row can be")

    def finish(self) -> Figures:
        """What was in it. Raises `NotWhole`."""
        if self._ends.line != self._trailer:
            raise NotWhole(f"it is cut off: it does not end with {self._trailer.decode()!r}")
        return Figures(parts=self._tally.parts(), content=self._digest.hexdigest())

    def _rows(self, data: bytes, at: int) -> int | None:
        """Count rows from a line's end on; where to go on, None: more is needed."""
        end = data.find(_COPY_END, at)
        lost = data.find(_CONNECTING, at, end if end >= 0 else len(data))
        if lost >= 0:  # no row begins so: what looked like a COPY was a text of somebody's
            self._rows_follow = False
            return lost + 1
        stop = end if end >= 0 else len(data) - len(_COPY_END) + 1
        if stop <= at and end < 0:
            return None
        self._tally.add(rows=data.count(b"\n", at, stop), size=stop - at)
        self._digest.update(memoryview(data)[at:stop])
        if end >= 0:
            self._rows_follow = False
            return end + len(_COPY_END)
        return stop

    def _line(self, data: bytes, at: int) -> int | None:
        end = data.find(b"\n", at)
        if end < 0:
            return None
        line = data[at:end]
        # A key that is drawn anew for each dump (pg_dump 15.14).
        if line.startswith((b"\\restrict ", b"\\unrestrict ")):
            return end + 1
        self._digest.update(line)
        self._tally.add(size=len(line) + 1)
        return self._statement(line, end) if line and line != b"--" else end + 1

    def _statement(self, line: bytes, end: int) -> int:
        if line.startswith(_HEADINGS):
            self._announced = line.startswith(_DATA)
        elif self._announced and line.endswith(b" FROM stdin;"):  # a table's name may have lines
            self._announced, self._rows_follow = False, True
            return end  # the line's own end may be all that stands before the end of the rows
        elif line.startswith(_TABLES):
            self._tally.add(tables=1)
        elif line.startswith(b"\\connect "):
            self._tally.enter(connected(line.decode("utf-8", "backslashreplace")))
        return end + 1


_DATA = b"-- Data for Name: "
_HEADINGS = (_DATA, b"-- Name: ")
_TABLES = (b"CREATE TABLE ", b"CREATE UNLOGGED TABLE ", b"CREATE FOREIGN TABLE ")
_CONNECT = re.compile(r"""\\connect (?:-reuse-previous=on )?"?(?:dbname=')?(.*?)'?"?\s*""")


def connected(line: str) -> str:
    """The database that a line of psql's `connect` names: bare, quoted, in a connection string."""
    found = _CONNECT.fullmatch(line)
    name = found[1] if found is not None else line
    return re.sub(r"\\(.)", r"\1", name).replace('""', '"')


class MysqlReader:
    """Text of `mysqldump` and `mariadb-dump`, which write each row within one line."""

    _TRAILER = b"-- Dump completed"

    def __init__(self, database: str = "") -> None:
        self._tally = _Tally(database)
        self._digest = hashlib.sha256()
        self._ends = _Ending()
        self._rest: list[bytes] = []
        self._inserting = False
        self._routine = False
        """Whether what comes is the body of a routine, whose lines may look like any other."""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises `NotWhole`."""
        self._ends.feed(chunk)
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._rest.append(line)
            self._line(b"".join(self._rest))
            self._rest = []
        if rest:
            self._rest.append(rest)

    def finish(self) -> Figures:
        """What was in it. Raises `NotWhole`."""
        if not self._ends.line.startswith(self._TRAILER):
            raise NotWhole(f"it is cut off: it does not end with {self._TRAILER.decode()!r}")
        return Figures(parts=self._tally.parts(), content=self._digest.hexdigest())

    def _line(self, line: bytes) -> None:
        self._digest.update(line)
        if line.startswith(b"USE `"):
            self._tally.enter(_unquoted(line[4:].rstrip(b";")))
        self._tally.add(size=len(line) + 1)
        if line.startswith(b"DELIMITER "):
            self._routine = line != b"DELIMITER ;"
        elif self._routine:
            pass
        elif line.startswith(b"CREATE TABLE "):
            self._tally.add(tables=1)
        elif self._inserting or line.startswith(b"INSERT INTO "):
            rows = line if self._inserting else line.partition(b" VALUES")[2]
            self._tally.add(rows=_brackets(rows))
            self._inserting = not line.endswith(b";")


def _brackets(values: bytes) -> int:
    """How many brackets open outside of strings: one for each row.

    Without what is escaped, each quote begins a string or ends one; a doubled one ends it and
    begins the next.
    """
    plain = values.replace(b"\\\\", b"").replace(b"\\'", b"")
    return sum(part.count(b"(") for part in plain.split(b"'")[::2])


def _unquoted(name: bytes) -> str:
    return name.strip()[1:-1].replace(b"``", b"`").decode("utf-8", "backslashreplace")


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
