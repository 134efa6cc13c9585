"""Text of `mysqldump` and `mariadb-dump`: statements, and rows in those that insert."""

from __future__ import annotations

import re
from functools import cache

from engine.dumps.figures import Figures, NotWhole
from engine.dumps.sql_statements import State, Statements

_TRAILER = b"-- Dump completed"
_PLAIN_END = b";"
_INSERT_END = b";\n"
_USE = re.compile(rb"USE `((?:[^`]|``)*)`")
_MODE = re.compile(
    rb"(?:/\*M?![0-9]* ?)?SET (?:.*[, ])?(?:@@)?(?:SESSION\.)?sql_mode\s*=\s*('[^']*'|@\w+)",
    re.IGNORECASE | re.DOTALL,
)
"""What the text says of how it is to be read: a routine is, as it was written."""


@cache
def _tokens(delimiter: bytes) -> re.Pattern[bytes]:
    """What has a meaning while statements end with a delimiter (mysql(1), "Comment Syntax")."""
    begun = [re.escape(delimiter[:length]) for length in range(1, len(delimiter))]
    parts = rb"|".join([rb"--?\Z", rb"/\Z", rb"/\*M?\Z", *(one + rb"\Z" for one in begun)])
    return re.compile(
        rb"(?P<end>" + re.escape(delimiter) + rb")"
        rb"|(?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)"
        rb"|(?P<part>" + parts + rb")"
        rb"|(?P<line>--(?=[\x00-\x20])|\#)|(?P<carried_out>/\*M?!|/\*\+)|(?P<block>/\*)"
        rb"|(?P<string>['\"])|(?P<name>`)"
    )


class MysqlReader(Statements):
    """Such a text."""

    def __init__(self, database: str = "") -> None:
        super().__init__(database)
        self._delimiter = _PLAIN_END
        """What ends a statement: another one while routines are defined, whose own end with `;`."""
        self._escapes = True
        """Whether a backslash escapes in strings."""
        self._names = False
        """Whether names stand in double quotes (ANSI_QUOTES), in which none escapes."""
        self._inside = False
        """Whether rows are being read, and a string of one is open."""

    @property
    def tokens(self) -> re.Pattern[bytes]:
        """What has a meaning outside of quotes."""
        return _tokens(self._delimiter)

    def finish(self) -> Figures:
        """What was in it. Raises `NotWhole`."""
        if not self.ends.line.startswith(_TRAILER):
            raise NotWhole(f"it is cut off: it does not end with {_TRAILER.decode()!r}")
        return self.figures()

    def token(self, kind: str, data: bytes, start: int, end: int) -> int:
        """Take up a token; where to go on."""
        token = data[start:end]
        match kind:
            case "end":
                self._end()
                self.note(token)
            case "line":
                self.note(token)
                self.state = self.until(b"\n", self.note)
            case "block":
                self.note(token)
                self.state = self.until(b"*/", self.note)
            case "string" | "name":
                self.take_quoted(token)
                self.state = self._quoted(kind, token)
            case "word" if token == b"DELIMITER" and not self.begun:
                self.state = self._command
                return start
            case _:
                self.take(token)
                if token == b"VALUES" and self._inserts():
                    self._inside, self.state = False, self._rows
        return end

    def _quoted(self, kind: str, token: bytes) -> State:
        if kind == "string" and self._escapes and not (self._names and token == b'"'):
            return self.escaped(token)
        return self.until(token, self.take_quoted)

    def _inserts(self) -> bool:
        return self._delimiter == _PLAIN_END and self.begun.startswith(b"INSERT INTO ")

    def _end(self) -> None:
        """What a statement has done; what stands between other ends are routines, and no data."""
        used, mode = _USE.fullmatch(self.begun), _MODE.match(self.begun)
        if mode is not None:
            self._escapes = b"NO_BACKSLASH_ESCAPES" not in mode[1].upper()
            self._names = b"ANSI_QUOTES" in mode[1].upper()
        elif self._delimiter == _PLAIN_END and used is not None:
            self.tally.enter(used[1].replace(b"``", b"`").decode("utf-8", "backslashreplace"))
        elif self._delimiter == _PLAIN_END and self.begun.startswith(b"CREATE TABLE "):
            self.tally.add(tables=1)
        self.ended()

    # ── States ───────────────────────────────────────────────────────────────────────────────

    def _command(self, data: bytes, at: int) -> int | None:
        """A line for the client."""
        end = data.find(b"\n", at)
        if end < 0:
            return None
        self._delimiter = data[at:end].partition(b" ")[2].strip() or _PLAIN_END
        self.note(data[at : end + 1])
        self.state = self.code
        return end + 1

    def _rows(self, data: bytes, at: int) -> int | None:
        """Rows after VALUES: each bracket that opens outside of a string begins one.

        Nothing else stands there than numbers, strings in single quotes and NULL. Without what is
        escaped, each quote begins a string or ends one; a doubled one ends it and begins the next.
        """
        found = data.find(_INSERT_END, at)
        stop = found + len(_INSERT_END) if found >= 0 else len(data) - self._held(data)
        if stop <= at:
            return None
        content = data[at:stop]
        self.note(content)
        if self._escapes:
            content = content.replace(b"\\\\", b"").replace(b"\\'", b"")
        parts = content.split(b"'")
        self.tally.add(rows=sum(one.count(b"(") for one in parts[self._inside :: 2]))
        self._inside ^= len(parts) % 2 == 0
        if found >= 0 and not self._inside:
            self.state = self.code
            self.ended()
        return stop

    def _held(self, data: bytes) -> int:
        """How many bytes at the end may mean another thing with those that come."""
        if data.endswith(_INSERT_END[:1]):
            return 1
        return (len(data) - len(data.rstrip(b"\\"))) % 2
