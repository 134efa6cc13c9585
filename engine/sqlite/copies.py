"""Copies of SQLite databases: what is said of each, and when a copy is as good as its source.

A process of its own makes them (`engine.system.sqlite.worker`). It says one line of JSON for each
database, as soon as that is done.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass

from engine.plan.typed_json import Registry
from engine.sqlite.files import Way

QUICK_ABOVE = 1 << 30
"""Bytes above which a copy is checked quickly: the whole check reads each index in its order."""
COUNTED_MOST = 64 << 20
"""Bytes up to which rows are counted, in the source and in the copy."""


class CopyStatus(enum.Enum):
    """How the copy of a database went. Only of the first a copy is there."""

    OK = "ok"
    CORRUPT = "corrupt"
    """SQLite finds damage in it."""
    NOT_A_DATABASE = "not-a-database"
    """It begins as one, and is none: damaged from the start on, or encrypted."""
    UNREADABLE = "unreadable"
    """It could not be opened or read; of a directory: what is in it is not known."""
    INCOMPLETE = "incomplete"
    """Data would be missing: the copy is not what the source holds, or cannot be recovered."""
    UNWRITTEN = "unwritten"
    """The copy could not be written."""
    TOO_SLOW = "too-slow"
    """Its time ended, or the time of all."""


class Check(enum.Enum):
    """What SQLite is asked of a copy."""

    INTEGRITY = "integrity_check"
    QUICK = "quick_check"
    """Everything but that indexes hold what their tables hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCopy:
    """What became of one database."""

    path: bytes
    """Below the root."""
    status: CopyStatus
    reason: str = ""
    """In a sentence; also of a good copy that one should know something about."""
    size: int = 0
    """Bytes of the copy, or of the main file where there is none."""
    tables: int = 0
    rows: int | None = None
    """In all tables; None where they were not counted."""
    check: Check | None = None
    """Which one it passed, or failed."""
    way: Way | None = None
    """How the source was opened."""
    linked: bool = False
    """Whether it is the file of the generation before, which is equal."""
    milliseconds: int = 0


class NotCopied(Exception):
    """A database of which no copy can be made; its text says why."""

    def __init__(self, status: CopyStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRules:
    """How the databases of a tree are to be copied."""

    frozen: bool
    """Whether nothing changes the tree: a read-only snapshot."""
    each: float
    """Seconds that one database may take."""
    all: float
    """Seconds from the start that all may take, the search included."""
    quick_above: int = QUICK_ABOVE
    former: bytes = b""
    """The generation beside the target to whose files equal copies are linked; empty: none."""


def worker_arguments(root: bytes, target: bytes, rules: CopyRules) -> tuple[bytes, ...]:
    """Arguments of `python` for the process that copies all databases below a root."""
    return (
        *(b"-m", b"engine.system.sqlite.worker"),
        *(b"--each", b"%.3f" % rules.each, b"--all", b"%.3f" % rules.all),
        *(b"--quick-above", b"%d" % rules.quick_above),
        *((b"--former", rules.former) if rules.former else ()),
        *(() if rules.frozen else (b"--live",)),
        *(b"--", root, target),
    )


def choose_check(size: int, quick_above: int) -> Check:
    """How a copy of so many bytes is checked."""
    return Check.QUICK if size > quick_above else Check.INTEGRITY


# ── What a database holds ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaEntry:
    """A row of `sqlite_master`; its texts may be no UTF-8."""

    kind: bytes
    name: bytes
    sql: bytes | None
    stored: bool
    """Whether it has pages of its own, as virtual tables and views have not."""

    @property
    def counts(self) -> bool:
        """Whether it is a table that somebody made."""
        return self.kind == b"table" and not self.name.startswith(b"sqlite_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is compared of a source and its copy."""

    schema: tuple[SchemaEntry, ...]
    pages: int
    rows: tuple[tuple[bytes, int], ...] | None
    """Tables and their rows; None where they were not counted."""

    @property
    def tables(self) -> int:
        """Tables that somebody made."""
        return sum(one.counts for one in self.schema)

    @property
    def all_rows(self) -> int | None:
        """Rows in all of them."""
        if self.rows is None:
            return None
        made = {one.name for one in self.schema if one.counts}
        return sum(count for name, count in self.rows if name in made)


def difference(source: Contents, copy: Contents) -> str:
    """What the copy has not as the source has it; empty where nothing.

    A copy without any row passes every check of integrity: only this tells it from a good one.
    """
    if source.tables and not copy.tables:
        return f"the copy holds no table, the source {source.tables}"
    if schema_differs(source, copy):
        return "the copy has other tables, indexes, views or triggers than the source"
    if source.pages != copy.pages:
        return f"the copy has {copy.pages} pages, the source {source.pages}"
    for mine, other in zip(source.rows or (), copy.rows or (), strict=False):
        if mine != other:
            name = mine[0].decode("utf-8", "backslashreplace")
            return f"the copy has {other[1]} rows in {name}, the source {mine[1]}"
    return ""


def schema_differs(source: Contents, copy: Contents) -> bool:
    """Whether something was made, dropped or altered in one of them alone."""
    return source.schema != copy.schema


# ── The worker's lines ───────────────────────────────────────────────────────────────────────

_FORM = Registry()


def write_line(copy: DatabaseCopy) -> bytes:
    """One line of JSON; a path that is no UTF-8 as `{"b64": …}`."""
    return json.dumps(_FORM.codec(DatabaseCopy).encode(copy), sort_keys=True).encode() + b"\n"


def read_line(line: bytes) -> DatabaseCopy:
    """Read one line. Raises `typed_json.Unreadable`."""
    return _FORM.loads(DatabaseCopy, line.decode("utf-8", "replace"))


def read_lines(output: bytes) -> Iterator[DatabaseCopy]:
    """Read what the worker printed; a last line that was cut off is none, nor is an empty one.

    Raises `typed_json.Unreadable`.
    """
    yield from (read_line(line) for line in output.split(b"\n")[:-1] if line)
