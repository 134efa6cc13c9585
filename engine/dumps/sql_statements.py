"""Text of SQL, statement by statement: quotes and comments are told from what is carried out.

Text is counted, never carried out: a dump is somebody else's data, and whatever they have written
into a value, a name or a comment changes no figure. It comes in pieces of any length, of which no
more is held than a token, or the beginning of a statement.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from engine.dumps.figures import Figures, NotWhole, Part

State = Callable[[bytes, int], int | None]
"""Reads from a place in what has come; gives where to go on, None: it needs more."""
_MOST_HELD = 1 << 20
"""Bytes: no token, and no line that is a command of its own, is that long."""
_LONGEST_WORD = 4096
_HEAD = 4096
"""Bytes of a statement by which it is told what it does."""


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


class Tally:
    """Tables, rows and bytes of each database of a dump, in their order."""

    def __init__(self, first: str) -> None:
        self.found: dict[str, list[int]] = {}
        self.enter(first)

    def enter(self, database: str) -> None:
        """What comes now belongs to this one."""
        self.now = self.found.setdefault(database, [0, 0, 0])

    def add(self, *, tables: int = 0, rows: int = 0, size: int = 0) -> None:
        """Count up."""
        self.now[0] += tables
        self.now[1] += rows
        self.now[2] += size

    def parts(self) -> tuple[Part, ...]:
        """What has been counted."""
        return tuple(
            Part(database=name, tables=tables, rows=rows, size=size)
            for name, (tables, rows, size) in sorted(self.found.items())
            if name or tables or rows or len(self.found) == 1
        )


class Statements(ABC):
    """Reads one text. Each dialect says what its tokens are, and what a statement means."""

    def __init__(self, database: str) -> None:
        self.tally = Tally(database)
        self.ends = _Ending()
        self.state: State = self.code
        self.begun = b""
        """How the statement that is being read begins, quotes and all; empty between two."""
        self.told = b""
        """The last few bytes of it outside of quotes."""
        self._digest = hashlib.sha256()
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """The next piece. Raises `NotWhole`."""
        self.ends.feed(chunk)
        data, at = self._rest + chunk, 0
        while at < len(data):
            step = self.state(data, at)
            if step is None:
                break
            at = step
        self._rest = data[at:]
        if len(self._rest) > _MOST_HELD:
            raise NotWhole("one of its lines is longer than any can be")

    def figures(self) -> Figures:
        """What was in it."""
        return Figures(parts=self.tally.parts(), content=self._digest.hexdigest())

    # ── What a dialect says ──────────────────────────────────────────────────────────────────

    @property
    @abstractmethod
    def tokens(self) -> re.Pattern[bytes]:
        """What has a meaning outside of quotes.

        The group `word` may go on in the next piece, and so may `part`, which is only matched at
        the end of one.
        """

    @abstractmethod
    def token(self, kind: str, data: bytes, start: int, end: int) -> int:
        """Take up a token; where to go on."""

    # ── What is read ─────────────────────────────────────────────────────────────────────────

    def note(self, content: bytes) -> None:
        """Count bytes, and take them into what stands for the content.

        The ends of lines are left out of that, but not of rows.
        """
        self.tally.add(size=len(content))
        self._digest.update(content.replace(b"\n", b""))

    def note_rows(self, content: bytes) -> None:
        """The same of rows, every byte of which is content."""
        self.tally.add(size=len(content))
        self._digest.update(content)

    def take(self, content: bytes) -> None:
        """Read a part of a statement that stands outside of quotes."""
        self.note(content)
        said = content if self.begun else content.lstrip()
        self.begun = (self.begun + said[:_HEAD])[:_HEAD]
        self.told = (self.told + said)[-16:]

    def take_quoted(self, content: bytes) -> None:
        """Read a part of a statement that stands in quotes."""
        self.note(content)
        self.begun = (self.begun + content[:_HEAD])[:_HEAD]
        self.told = (self.told + b'"')[-16:]

    def ended(self) -> None:
        """Begin with the next statement."""
        self.begun, self.told = b"", b""

    # ── States ───────────────────────────────────────────────────────────────────────────────

    def code(self, data: bytes, at: int) -> int | None:
        """Outside of everything: up to the next token."""
        found = self.tokens.search(data, at)
        if found is None:
            self.take(data[at:])
            return len(data)
        start, end = found.span()
        kind = found.lastgroup or ""
        if end == len(data) and kind in {"word", "part"} and end - start < _LONGEST_WORD:
            if start == at:
                return None
            self.take(data[at:start])
            return start
        self.take(data[at:start])
        return self.token(kind, data, start, end)

    def until(self, end: bytes, read: Callable[[bytes], None]) -> State:
        """A state that lasts to the first such bytes, and reads them along."""

        def state(data: bytes, at: int) -> int | None:
            found = data.find(end, at)
            stop = found + len(end) if found >= 0 else len(data) - len(end) + 1
            if stop <= at:
                return None
            read(data[at:stop])
            if found >= 0:
                self.state = self.code
            return stop

        return state

    def escaped(self, quote: bytes) -> State:
        """A state in quotes in which a backslash takes the next byte with it."""
        special = re.compile(rb"\\(?:.|\Z)|" + quote, re.DOTALL)

        def state(data: bytes, at: int) -> int | None:
            found = special.search(data, at)
            if found is None:
                self.take_quoted(data[at:])
                return len(data)
            if found[0] == b"\\":
                if found.start() == at:
                    return None
                self.take_quoted(data[at : found.start()])
                return found.start()
            self.take_quoted(data[at : found.end()])
            if found[0] == quote:
                self.state = self.closed(quote)
            return found.end()

        return state

    def closed(self, quote: bytes) -> State:
        """A state right after quotes with escapes: where they stand twice, they are still open."""

        def state(data: bytes, at: int) -> int | None:
            if data.startswith(quote, at):
                self.take_quoted(quote)
                self.state = self.escaped(quote)
                return at + len(quote)
            self.state = self.code
            return at

        return state
