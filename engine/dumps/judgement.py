"""Whether a dump may stand for the data: compared with the last one that was verified (law 18).

Fourteen daily dumps of an empty database once rotated the last good one out. So a dump that shrank,
that is empty or that does not change any more is kept and told, and nothing older goes for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from engine.dumps.figures import Part
from engine.dumps.record import DumpRecord, FileRecord, same_file
from engine.records.measurement import human_bytes
from policy.values import Duration, Percentage, display

_NOISE = 10
"""Rows by which a small database may shrink without a word, if some are left."""
_SMALL = 64 * 1024
"""Bytes below which a size says nothing where rows are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a leg says about its dumps."""

    max_shrink: Percentage
    changes_within: Duration | None


def with_history(
    files: tuple[FileRecord, ...], before: DumpRecord | None, began: datetime
) -> tuple[FileRecord, ...]:
    """The files of a dump, each with since when its content is what it is."""
    return tuple(_since(one, before, began) for one in files)


def _since(one: FileRecord, before: DumpRecord | None, began: datetime) -> FileRecord:
    former = same_file(before.files, one) if before is not None else None
    if not one.content:
        return one
    same = former is not None and former.content == one.content and former.unchanged_since
    since = _moment(former.unchanged_since, began) if same and former is not None else began
    return replace(one, unchanged_since=since.isoformat())


def _moment(text: str, began: datetime) -> datetime:
    """A moment of a record, which may be anybody's; what is none counts from now on."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return began
    return found if found.tzinfo is not None else began


def is_another(identity: str, before: DumpRecord | None) -> bool:
    """Whether a server is not the one of the last dump, where both can be told (law 24)."""
    return before is not None and bool(identity and before.identity) and identity != before.identity


def judge_dump(
    files: tuple[FileRecord, ...],
    before: DumpRecord | None,
    limits: Limits,
    began: datetime,
    *,
    vouched: bool = True,
) -> Iterator[str]:
    """What is wrong with a dump whose files are all whole, a sentence each.

    `vouched`: whether the one before was verified. That one was empty says nothing else.
    """
    if _is_empty(files) and not (vouched and before is not None and _is_empty(before.files)):
        yield "not one row is in it"
    for file in before.files if before is not None else ():
        now = same_file(files, file)
        if now is None:
            yield f"{display(file.name)} is not in it any more"
        else:
            yield from _shrunk(file, now, limits.max_shrink)
    if limits.changes_within is not None:
        yield from _stands_still(files, limits.changes_within, began)


def _is_empty(files: tuple[FileRecord, ...]) -> bool:
    counted = [part.rows for file in files for part in file.parts if part.rows is not None]
    return bool(counted) and not sum(counted)


def _shrunk(before: FileRecord, now: FileRecord, most: Percentage) -> Iterator[str]:
    for part in before.parts:
        name = part.database or display(before.name)
        there = next((one for one in now.parts if one.database == part.database), None)
        if there is None:
            yield f"the database {name} is not in it any more"
            continue
        if _fell(part.rows, there.rows, most, noise=_NOISE):
            yield f"{name} has {there.rows:,} rows, and had {part.rows:,}"
        elif _fell(part.tables, there.tables, most, noise=1):
            yield f"{name} has {there.tables:,} tables, and had {part.tables:,}"
        elif _fell(_measure(part), there.size, most, noise=0 if _alone(part) else _SMALL):
            sizes = human_bytes(there.size or 0), human_bytes(part.size or 0)
            yield f"{name} has {sizes[0]}, and had {sizes[1]}"


def _alone(part: Part) -> bool:
    """Whether its bytes are the only measure that there is of it."""
    return part.rows is None and part.tables is None


def _measure(part: Part) -> int | None:
    """Its bytes, where they say something: beside rows a few are those of a schema."""
    large = part.size is not None and part.size > _SMALL
    return part.size if large or _alone(part) else None


def _fell(before: int | None, now: int | None, most: Percentage, *, noise: int) -> bool:
    if before is None or now is None or now >= before:
        return False
    gone = before - now
    return gone > before * most.fraction and (now == 0 or gone > noise)


def _stands_still(
    files: tuple[FileRecord, ...], within: Duration, began: datetime
) -> Iterator[str]:
    """Where none of it changes any more; one database that rests is none of a dead server."""
    known = [one for one in files if one.content]
    moments = [_moment(one.unchanged_since, began) for one in known if one.unchanged_since]
    if not moments or len(moments) < len(known):
        return
    newest = max(moments)
    if (began - newest).total_seconds() > within.seconds:
        yield (
            f"its content has been the same since {newest:%Y-%m-%d %H:%M} UTC, for more than "
            f"{within}, as that of a server is which nobody uses any more"
        )
