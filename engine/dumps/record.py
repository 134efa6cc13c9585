"""The record that lies in each dump: what is in it, and by what it is known again.

It rides along to every later place, so that a dump can be judged there by itself, on a machine that
knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from engine.dumps.figures import Part
from engine.plan.typed_json import Registry, Unreadable, parse_json
from policy.encryption import ENDING
from policy.legs.dump import Compression
from policy.sources import RECORD

NAME = RECORD.encode()
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file of a dump."""

    name: bytes
    """Below the generation's folder."""
    size: int
    sha256: str
    nature: str
    """In words, for people."""
    database: str = ""
    parts: tuple[Part, ...] = ()
    content: str = ""
    unchanged_since: str = ""
    """When a dump with this content was made first, or said to be right, in ISO form; empty where
    nobody can tell."""
    files: int | None = field(default=None, metadata={"later": True})
    """How many files are in it, if it is a folder; their sums stand in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpRecord:
    """One dump."""

    format: int = FORMAT
    source: str
    server: str
    client: str
    identity: str = ""
    """Of the server, as it is told from others."""
    began: str
    """In ISO form, UTC."""
    files: tuple[FileRecord, ...]
    told: tuple[str, ...] = field(default=(), metadata={"later": True})
    """What its run has said against it; empty: it was verified."""
    sums: str = field(default="", metadata={"later": True})
    """The sum of the list of sums that lies beside the record; empty: there is none."""

    @property
    def moment(self) -> datetime:
        """When its run began."""
        return datetime.fromisoformat(self.began)


def same_file(files: Iterable[FileRecord], wanted: FileRecord) -> FileRecord | None:
    """The one of some files that holds what a file of another dump does.

    It has the same name, or the same but for how its content is kept. One that holds a single
    database is known by that: its name may have changed, since another came that is like it.
    """
    found = [
        one for one in files if one.nature == wanted.nature and one.database == wanted.database
    ]
    if wanted.database:
        return next(iter(found), None)
    exact = (one for one in found if one.name == wanted.name)
    alike = (one for one in found if _stem(one.name) == _stem(wanted.name))
    return next(exact, None) or next(alike, None)


def _stem(name: bytes) -> bytes:
    """A name without what says how its content is kept."""
    plain = name.removesuffix(ENDING.encode())
    for one in Compression:
        plain = plain.removesuffix(one.ending.encode())
    return plain


class RecordUnreadable(ValueError):
    """What lies there is no record."""


@cache
def _registry() -> Registry:
    return Registry()


def record_to_json(record: DumpRecord) -> str:
    """Write a record."""
    return _registry().dumps(DumpRecord, record)


def record_from_json(text: str) -> DumpRecord:
    """Read a record. Raises `RecordUnreadable`."""
    try:
        found = _registry().codec(DumpRecord).decode(parse_json(text))
    except (Unreadable, ValueError) as error:
        raise RecordUnreadable(str(error)) from None
    assert isinstance(found, DumpRecord)
    return found
