"""SQLite's files on a disk: how one is recognised, and what a recovery of it must bring back.

From SQLite's description of its file format (sqlite.org/fileformat2.html) and of how a journal is
judged (sqlite.org/lockingv3.html). A database is its main file and what lies beside it: rows that
were committed may be in `NAME-wal` alone, and `NAME-journal` may hold what a cut transaction has
overwritten. `NAME-shm` is only an index of the former, and is made again.

A recovery says nothing of a companion that is damaged: it takes what it can, and the result passes
every check of integrity. So what it must come to is read here, from the same bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

MAGIC = b"SQLite format 3\0"
SMALLEST = 512
"""Bytes of the smallest database that holds anything: one page of the smallest size."""
HEADER = 100
"""Bytes at the beginning of the main file."""
WAL = b"-wal"
JOURNAL = b"-journal"
SHM = b"-shm"
COMPANIONS = (WAL, JOURNAL)
"""What may hold data that the main file has not."""
WAL_HEADER = 32
FRAME_HEADER = 24
JOURNAL_TAIL = 16
LONGEST_PATH = 512 - len(JOURNAL)
"""Bytes of the longest path that SQLite opens (MAX_PATHNAME of its unix file layer)."""

_JOURNAL_HEADER = 28
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_WAL_MAGIC = 0x377F0682
_PAYLOAD_FRACTIONS = bytes((64, 32, 32))
_NEWEST_SCHEMA_FORMAT = 4
_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))
_SECTOR_SIZES = frozenset(1 << bits for bits in range(5, 17))
_UNKNOWN = 0xFFFFFFFF
Names = tuple[bytes, ...]
Inode = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFile:
    """A file that begins as a database does."""

    names: Names
    """Its path below the root, name by name."""
    size: int
    """Bytes of the main file."""
    inode: Inode
    links: int
    """How many names the file has."""
    companions: tuple[bytes, ...]
    """Suffixes of those that lie beside it and are not empty."""


class Way(enum.Enum):
    """How a database is opened."""

    IMMUTABLE = "immutable"
    """Where it lies: nothing changes it, and nothing lies beside it."""
    RECOVERED = "recovered"
    """As a private copy of the frozen files, in which SQLite recovers what lies beside."""
    LOCKED = "locked"
    """Where it lies, under SQLite's own locks: others may write it."""


def way_to_open(database: DatabaseFile, *, frozen: bool, path_length: int) -> Way:
    """How to open one. `immutable` would overlook what lies beside it."""
    if not frozen:
        return Way.LOCKED
    if database.companions or path_length > LONGEST_PATH:
        return Way.RECOVERED
    return Way.IMMUTABLE


def names_without_companions(databases: Sequence[DatabaseFile]) -> dict[Names, Names]:
    """Names of a database by which SQLite does not find its companions, each with one that has.

    They lie beside the one name that its application uses.
    """
    found = {one.inode: one.names for one in databases if one.companions and one.links > 1}
    return {
        one.names: found[one.inode]
        for one in databases
        if one.inode in found and not one.companions
    }


def header_problem(header: bytes) -> str:
    """What SQLite would refuse in the first bytes of a main file; empty where it is sound."""
    sound = page_size(header) in _PAGE_SIZES and header[21:24] == _PAYLOAD_FRACTIONS
    if not sound or header[47] > _NEWEST_SCHEMA_FORMAT:
        return "it begins as a database, but what follows is none: damaged, or encrypted"
    if header[19] > 2:
        return "it is of a version that this SQLite does not read"
    return ""


def page_size(header: bytes) -> int:
    """Bytes of a page, of any value where the header is damaged."""
    size = _number(header, 16, 2)
    return 65536 if size == 1 else size


# ── Write-ahead logs ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class WalHeader:
    """How a write-ahead log begins."""

    page_size: int
    salts: bytes
    """They mark the frames that were written since the log was begun anew."""


def read_wal_header(header: bytes) -> WalHeader | None:
    """Read it; None where it is damaged, and SQLite would take the whole log as empty."""
    magic, size = _number(header, 0, 4), _number(header, 8, 4)
    if len(header) < WAL_HEADER or magic & ~1 != _WAL_MAGIC or size not in _PAGE_SIZES:
        return None
    if _checksum(header[:24], "big" if magic & 1 else "little") != header[24:32]:
        return None
    return WalHeader(page_size=size, salts=header[16:24])


def committed_frames(wal: WalHeader, frame_headers: Iterable[bytes]) -> int:
    """How many frames a recovery must find: up to the last that ends a transaction."""
    last = 0
    for number, frame in enumerate(frame_headers, start=1):
        if frame[8:16] == wal.salts and frame[4:8] != b"\0\0\0\0":
            last = number
    return last


def _checksum(data: bytes, order: Literal["big", "little"]) -> bytes:
    first = second = 0
    for at in range(0, len(data), 8):
        one = int.from_bytes(data[at : at + 4], order)
        first = (first + one + second) & 0xFFFFFFFF
        two = int.from_bytes(data[at + 4 : at + 8], order)
        second = (second + two + first) & 0xFFFFFFFF
    return first.to_bytes(4, "big") + second.to_bytes(4, "big")


# ── Rollback journals ────────────────────────────────────────────────────────────────────────


def is_hot(header: bytes) -> bool:
    """Whether a journal has to be played back: one that was ended begins with zeros."""
    return header[:1] not in {b"", b"\0"}


def is_whole(read: Callable[[int, int], bytes]) -> bool:
    """Whether all of a hot journal can be played back.

    SQLite plays back what comes before any damage, and leaves the rest of a cut transaction in the
    main file. `read` gives so many bytes of the journal from a place on, fewer at its end.
    """
    first = segment = _read_segment(read(0, _JOURNAL_HEADER))
    if first is None:
        return False
    at, record = 0, 4 + first.page_size + 4
    while segment is not None:
        at += first.sector
        for _ in range(segment.records):
            if not segment.has_written(read(at, record), first.page_size):
                # One that is never synced does not say where it ends, and older records follow.
                return segment.records == _UNKNOWN
            at += record
        at = -(-at // first.sector) * first.sector
        segment = _read_segment(read(at, _JOURNAL_HEADER))
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """What was written to a journal between two times that it was synced."""

    records: int
    nonce: int
    sector: int
    """Bytes that a header takes, and of which a segment's beginning is a multiple."""
    page_size: int

    def has_written(self, record: bytes, page: int) -> bool:
        """Whether a record, which is a page with its number and its checksum, is whole."""
        if len(record) != 4 + page + 4 or record[:4] == bytes(4):
            return False
        sampled = sum(record[4 + place] for place in range(page - 200, 0, -200))
        return (self.nonce + sampled) & 0xFFFFFFFF == _number(record, 4 + page, 4)


def _read_segment(header: bytes) -> _Segment | None:
    if len(header) < _JOURNAL_HEADER or not header.startswith(_JOURNAL_MAGIC):
        return None
    records, nonce, _, sector, page = (_number(header, at, 4) for at in range(8, 28, 4))
    if page not in _PAGE_SIZES or sector not in _SECTOR_SIZES:
        return None
    return _Segment(records=records, nonce=nonce, sector=sector, page_size=page)


def names_super_journal(tail: bytes) -> bool:
    """Whether a journal's transaction went over several databases.

    Whether that was committed is written in a file elsewhere, under the path that it had then.
    """
    return len(tail) == JOURNAL_TAIL and tail[8:] == _JOURNAL_MAGIC and _number(tail, 0, 4) > 0


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")
