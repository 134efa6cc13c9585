"""What a drill has come to: what came back, how long that took, and what is wrong with it. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from engine.records.measurement import human_bytes, length_words

_LEAST_SECONDS = 0.001


class Status(enum.Enum):
    """How a drill ended."""

    OK = "ok"
    """What was drawn came back, and nothing that could be checked speaks against it."""
    FAILED = "failed"
    """Something did not come back, or is not what it should be."""
    REFUSED = "refused"
    """It could not begin: no room, no disk, no copy, or a run wrote the copy just then."""
    INTERRUPTED = "interrupted"
    """Somebody ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One path that is not what it should be."""

    place: str
    """Where it was restored from, as `restore --from` takes it."""
    path: bytes
    """Below the source's root, or below its item."""
    what: str
    item: str = ""
    """The item that it lies in, of a source that has items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """One drill."""

    drill: str
    source: str
    place: str
    """The destination that it restored from; empty where it did not come as far."""
    began: datetime
    ended: datetime | None = None
    """None: it goes on, or was killed."""
    status: Status | None = None
    reason: str = ""
    seed: int
    """Of the draw."""
    data_as_of: datetime | None = None
    """The live data as they were then came back, the oldest of them; None: not known."""
    files: int = 0
    """That came back."""
    bytes: int = 0
    seconds: float = 0.0
    """How long the restore took, without listing and checking."""
    compared: int = 0
    """Files whose content was compared with another copy, or with unchanged live data."""
    databases: int = 0
    """That were asked whether they are sound."""
    whole: int | None = None
    """Bytes of the whole source; None: not known."""
    faults: tuple[Fault, ...] = ()
    """The first of them."""
    fault_count: int = 0

    @property
    def told(self) -> bool:
        """Whether it says something of its place."""
        return self.status is not None and self.status is not Status.INTERRUPTED

    @property
    def estimate(self) -> float | None:
        """Seconds that a restore of the whole source takes at the measured rate; None: unknown."""
        if not self.bytes or not self.seconds or self.whole is None:
            return None
        return self.seconds * max(1.0, self.whole / self.bytes)

    def slower_than(self, stated: int | None) -> bool:
        """Whether the whole source takes longer than was stated, in seconds."""
        return stated is not None and self.estimate is not None and self.estimate > stated


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFacts:
    """What the records hold of the drills of one name."""

    expected_since: datetime | None = None
    """When a plan that has it was first applied; None: not known."""
    drills: tuple[Drilled, ...] = ()
    """The newest first."""

    def last(self, place: str | None = None) -> Drilled | None:
        """The newest that has ended, of a place where one is named."""
        return next((one for one in self.drills if one.ended and place in {None, one.place}), None)

    def success(self, place: str | None = None) -> Drilled | None:
        """The newest that ended well."""
        good = (one for one in self.drills if one.status is Status.OK)
        return next((one for one in good if place in {None, one.place}), None)

    def measured(self, place: str | None = None) -> Drilled | None:
        """The newest by which it is known how long a restore takes."""
        known = (one for one in self.drills if one.estimate is not None)
        return next((one for one in known if place in {None, one.place}), None)


def came_words(one: Drilled) -> str:
    """What came back, and how quickly: `512 files, 1.0 GiB in 40 s (25.6 MiB/s)`."""
    rate = human_bytes(round(one.bytes / max(one.seconds, _LEAST_SECONDS)))
    amount = f"{one.files:,} file{'' if one.files == 1 else 's'}, {human_bytes(one.bytes)}"
    return f"{amount} in {length_words(one.seconds)} ({rate}/s)"


def checked_words(one: Drilled) -> str:
    """What was done to know that it is right; where nothing was, that is said."""
    parts = []
    if one.compared:
        parts.append(f"{one.compared:,} compared by content")
    if one.databases:
        parts.append(f"{one.databases:,} asked whether they are sound, as databases")
    if not parts:
        return "nothing could be compared: no other copy answers, and all changed since"
    return ", ".join(parts)


def estimate_words(one: Drilled, stated: int | None) -> str:
    """How long the whole takes: `all of nfs, 1.5 TiB, in about 17 h, of 12 h stated`."""
    if one.estimate is None or one.whole is None:
        return ""
    of = f", of {length_words(stated)} stated" if stated is not None else ""
    return (
        f"all of {one.source}, {human_bytes(one.whole)}, in about {length_words(one.estimate)}{of}"
    )
