"""Text of `pg_dumpall` and of `pg_restore`: statements, and rows after `COPY … FROM stdin`."""

from __future__ import annotations

import re

from engine.dumps.figures import Figures, NotWhole
from engine.dumps.sql_statements import State, Statements

_COPY_END = b"\n\\.\n"
"""What ends the rows of a COPY (PostgreSQL, COPY, "Text Format"); no row can hold it."""
_CONNECTING = b"\n\\connect "
"""What comes before each database of a cluster; in a row the backslash would be doubled."""
_TOKENS = re.compile(
    rb"(?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)"
    rb"|(?P<dollar>\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$)"
    rb"|(?P<line>--)|(?P<block>/\*)|(?P<string>')|(?P<name>\")|(?P<end>;)|(?P<command>\\)"
    rb"|(?P<part>[-/]\Z|\$[A-Za-z0-9_\x80-\xff]*\Z)"
)
"""PostgreSQL, "Lexical Structure"; and psql's commands, which begin with a backslash."""
_BLOCK = re.compile(rb"/\*|\*/|[/*]\Z")
_TABLES = (b"CREATE TABLE ", b"CREATE UNLOGGED TABLE ", b"CREATE FOREIGN TABLE ")
_STRINGS = re.compile(rb"SET standard_conforming_strings = (on|off)")


class PostgresqlReader(Statements):
    """Such a text."""

    tokens = _TOKENS

    def __init__(self, trailer: bytes, database: str = "") -> None:
        super().__init__(database)
        self._trailer = trailer
        self._escapes = False
        """Whether a backslash escapes in any string; the text says so, as the server did."""
        self._depth = 0
        """Of comments within comments."""

    def finish(self) -> Figures:
        """What was in it. Raises `NotWhole`."""
        if self.ends.line != self._trailer:
            raise NotWhole(f"it is cut off: it does not end with {self._trailer.decode()!r}")
        return self.figures()

    def token(self, kind: str, data: bytes, start: int, end: int) -> int:
        """Take up a token; where to go on."""
        token = data[start:end]
        match kind:
            case "end":
                self._end()
                self.note(token)
                return end
            case "command" if not self.begun:
                self.state = self._command
                return start
            case "line":
                self.state = self.until(b"\n", self.note)
            case "block":
                self._depth, self.state = 1, self._block
            case "string" | "name" | "dollar":
                self.take_quoted(token)
                self.state = self._quoted(kind, token)
                return end
            case "word" if token in {b"e", b"E"} and data.startswith(b"'", end):
                self.take_quoted(data[start : end + 1])
                self.state = self.escaped(b"'")
                return end + 1
            case _:
                self.take(token)
                return end
        self.note(token)
        return end

    def _quoted(self, kind: str, token: bytes) -> State:
        if kind == "string" and self._escapes:
            return self.escaped(token)
        # Quotes that stand twice end there, and begin again.
        return self.until(token, self.take_quoted)

    def _end(self) -> None:
        """What a statement has done."""
        said = _STRINGS.fullmatch(self.begun)
        if said is not None:
            self._escapes = said[1] == b"off"
        elif self.begun.startswith(_TABLES):
            self.tally.add(tables=1)
        elif self.begun.startswith(b"COPY ") and self.told.endswith(b" FROM stdin"):
            # The line's own end may be all that stands before the end of the rows.
            self.state = self._rows
        self.ended()

    # ── States ───────────────────────────────────────────────────────────────────────────────

    def _rows(self, data: bytes, at: int) -> int | None:
        """Rows from a line's end on."""
        end = data.find(_COPY_END, at)
        lost = data.find(_CONNECTING, at, end if end >= 0 else len(data))
        if lost >= 0:  # no row begins so: what looked like a COPY was none
            self.state = self.code
            return lost + 1
        stop = end if end >= 0 else len(data) - len(_CONNECTING) + 1
        if stop <= at and end < 0:
            return None
        self.tally.add(rows=data.count(b"\n", at, stop))
        self.note_rows(data[at:stop])
        if end >= 0:
            self.state = self.code
            return end + len(_COPY_END)
        return stop

    def _command(self, data: bytes, at: int) -> int | None:
        """A line of psql's own."""
        end = data.find(b"\n", at)
        if end < 0:
            return None
        line = data[at:end]
        self.state = self.code
        # A key that is drawn anew for each dump (pg_dump 15.14).
        if not line.startswith((b"\\restrict ", b"\\unrestrict ")):
            self.note(data[at : end + 1])
        if line.startswith(b"\\connect "):
            self.tally.enter(connected(line.decode("utf-8", "backslashreplace")))
            self._escapes = False
        return end + 1

    def _block(self, data: bytes, at: int) -> int | None:
        """A comment, in which others may lie."""
        found = _BLOCK.search(data, at)
        if found is None:
            self.note(data[at:])
            return len(data)
        if len(found[0]) == 1:
            self.note(data[at : found.start()])
            return found.start() if found.start() > at else None
        self.note(data[at : found.end()])
        self._depth += 1 if found[0] == b"/*" else -1
        if not self._depth:
            self.state = self.code
        return found.end()


_CONNECT = re.compile(r"""\\connect (?:-reuse-previous=on )?"?(?:dbname=')?(.*?)'?"?\s*""")


def connected(line: str) -> str:
    """The database that a line of psql's `connect` names: bare, quoted, in a connection string."""
    found = _CONNECT.fullmatch(line)
    name = found[1] if found is not None else line
    return re.sub(r"\\(.)", r"\1", name).replace('""', '"')
