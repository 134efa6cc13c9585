"""What the state database holds, as typed records, and how they are rows of its tables."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from engine.reach.targets import Landing
from engine.records.reports import FeedReport, RunStatus
from engine.rsync.set_aside import RUN_ID_FORMAT
from policy.patterns import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as the history holds it; without an end it is running, or was killed."""

    run_id: str
    leg: str
    started: datetime
    ended: datetime | None
    status: RunStatus | None
    """None: it has not told yet."""
    mode: str = "full"
    due: datetime | None = None
    reason: str = ""
    bytes_sent: int = 0
    files: int = 0
    deletions: int = 0
    entries: int | None = None
    data_as_of: datetime | None = None
    """The live data as they were then are in the copies; None: not known, or not all of them."""
    told: str = ""
    """Why the figures could not be told; empty where they were."""
    items: tuple[ItemRecord, ...] = ()
    """One for each feed, where the run came as far as that."""

    def end(self, ended: datetime, feeds: Sequence[FeedReport]) -> RunRecord:
        """The same run with what its feeds told at its end."""
        entries = [one.entries for one in feeds if one.entries is not None]
        known = [one.data_as_of for one in feeds if one.data_as_of is not None]
        return replace(
            self,
            ended=ended,
            bytes_sent=sum(one.bytes_sent for one in feeds),
            files=sum(one.files for one in feeds),
            deletions=sum(one.deleted for one in feeds),
            entries=sum(entries) if entries else None,
            data_as_of=min(known) if feeds and len(known) == len(feeds) else None,
            items=tuple(item_of(one) for one in feeds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """What became of one feed in one run."""

    name: str
    """What the feed reads."""
    status: RunStatus
    reason: str = ""
    mode: str = "full"
    bytes_sent: int = 0
    files: int = 0
    deletions: int = 0
    entries: int | None = None
    pending: int = 0
    """Changes in the journal that wait for the next run."""
    data_as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRecord:
    """Room at a destination when it was last looked at; None where it does not say."""

    free: int | None
    total: int | None
    measured: datetime


class Stream(NamedTuple):
    """One feed of one leg at one place; what is known of another place says nothing here."""

    leg: str
    source: str
    """Name of what is read."""
    place: str
    """Where it is written."""


class Below(NamedTuple):
    """All streams of a leg at places below one of its own: those of its items."""

    leg: str
    head: str
    tail: str
    """What the text of each such place begins and ends with."""

    def holds(self, stream: Stream) -> bool:
        """Whether a stream is one of them."""
        place = stream.place
        return (
            stream.leg == self.leg
            and place.startswith(self.head)
            and place.endswith(self.tail)
            and len(place) > len(self.head) + len(self.tail)
        )


class Left(NamedTuple):
    """Entries that a leg has noted as its own and that an orphan is, or lies in."""

    stream: Stream
    entries: Component | None
    """None: all of them."""

    def holds(self, stream: Stream, name: bytes) -> bool:
        """Whether an entry of a stream is one of them."""
        return stream == self.stream and (self.entries is None or self.entries.matches(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """What the last successful pass of a feed found in its source."""

    rules: str
    """Digest of the rules it went by: under other rules its numbers compare with nothing."""
    entries: int | None
    file_system: str
    mounts: tuple[bytes, ...]
    full_began: datetime | None = None
    """When the last successful full pass began; None: not known, so a full one is due."""
    size: int | None = None
    """Bytes of all files that the last full pass saw; None: not known."""
    tree: bytes | None = None
    """The path of what it read, as the plan of then has it; None: not known. Empty: what lies at
    this place has changed hands since."""
    landing: tuple[Landing, ...] | None = None
    """What was mounted below its copies; None: not known."""


def landing_rows(landing: tuple[Landing, ...] | None) -> Iterator[bytes]:
    """What is mounted below the copies, as it stands beside the source's mount points.

    A NUL begins each row, which no path has, and stands between the two parts. A row without parts
    says that there was a look: nothing else tells no mount from no knowledge.
    """
    if landing is not None:
        yield b"\0"
        yield from (b"\0%b\0%b" % (one.path, os.fsencode(one.file_system)) for one in landing)


def landing_of(rows: Iterable[bytes]) -> tuple[Landing, ...] | None:
    """Read these rows back, among others."""
    parts = [row.split(b"\0")[1:] for row in rows if row.startswith(b"\0")]
    found = (Landing(path=one[0], file_system=os.fsdecode(one[1])) for one in parts if one[1:])
    return tuple(sorted(found)) if parts else None


def new_run_id(now: datetime) -> str:
    """Name a run by its start in UTC; the tail tells runs of one second apart."""
    return f"{now.astimezone(UTC):{RUN_ID_FORMAT}}-{secrets.token_hex(3)}"


RunRow = tuple[
    str, str, str, str, str | None, str | None, str, str, int, int, int, int | None, str | None, str
]
ItemRow = tuple[str, str, str, str, int, int, int, int | None, int, str | None]


def run_record(row: RunRow) -> RunRecord:
    """A row of the table `run`; its items are a table of their own."""
    run_id, leg, mode, started, ended, due, status, reason = row[:8]
    size, files, deletions, entries, as_of, told = row[8:]
    return RunRecord(
        run_id=run_id,
        leg=leg,
        mode=mode,
        started=moment_of(started),
        ended=moment_of(ended) if ended else None,
        due=moment_of(due) if due else None,
        status=None if status == "running" else RunStatus(status),
        reason=reason,
        bytes_sent=size,
        files=files,
        deletions=deletions,
        entries=entries,
        data_as_of=moment_of(as_of) if as_of else None,
        told=told,
    )


def item_of(report: FeedReport) -> ItemRecord:
    """What became of one feed, for the history."""
    return ItemRecord(
        name=report.feed,
        status=report.status,
        reason=report.reason,
        mode=report.mode,
        bytes_sent=report.bytes_sent,
        files=report.files,
        deletions=report.deleted,
        entries=report.entries,
        pending=report.pending,
        data_as_of=report.data_as_of,
    )


def item_row(run_id: str, one: ItemRecord) -> tuple[str | int | None, ...]:
    """A feed's record as a row of the table `item`."""
    return (
        run_id,
        one.name,
        one.status.value,
        one.reason,
        one.mode,
        one.bytes_sent,
        one.files,
        one.deletions,
        one.entries,
        one.pending,
        moment_text(one.data_as_of),
    )


def item_record(row: ItemRow) -> ItemRecord:
    """A row of the table `item`, without the run's id."""
    name, status, reason, mode, size, files, deletions, entries, pending, as_of = row
    return ItemRecord(
        name=name,
        status=RunStatus(status),
        reason=reason,
        mode=mode,
        bytes_sent=size,
        files=files,
        deletions=deletions,
        entries=entries,
        pending=pending,
        data_as_of=moment_of(as_of) if as_of else None,
    )


def moment_text(moment: datetime | None) -> str | None:
    """A moment as the database holds it."""
    return moment.isoformat() if moment is not None else None


def moment_of(text: str) -> datetime:
    """A moment that the database holds, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def number_of(value: object) -> int | None:
    """A number that the database holds; None for nothing."""
    return value if isinstance(value, int) else None
