"""How full a change makes each destination, how long the transfer takes, and what is refused.

Pure. What leaves a place stays there as an orphan, and makes no room before it is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.changes.changes import Refusal
from engine.records.measurement import human_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Room at a destination, as last seen; bytes."""

    free: int | None
    total: int | None
    measured: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast data last went to a destination."""

    bytes: int
    seconds: float
    runs: int

    def seconds_for(self, size: int) -> float:
        """How long so many bytes take."""
        return size * self.seconds / self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationData:
    """What comes and goes at one destination, and how full that makes it."""

    destination: str
    room: Room | None
    """None where nobody has looked yet, or another place has taken its name."""
    gained: int
    """Bytes of copies that have yet to be there."""
    left: int
    """Bytes of copies that no leg will keep any more."""
    unmeasured: tuple[str, ...]
    """Lines whose data come here, and were not measured."""
    max_used: float
    """A share, 0 to 1."""
    rate: Rate | None
    """None where no run has sent enough to tell."""
    accepted: bool = False
    """Whether it may be filled beyond its limit, as somebody has said."""
    renamable: int = 0
    """Bytes of new copies that are old ones under another name."""
    migrate: bool = False
    """Whether those are renamed, and not sent."""

    @property
    def arriving(self) -> int:
        """Bytes that are sent there."""
        return self.gained - (self.renamable if self.migrate else 0)

    @property
    def left_behind(self) -> int:
        """Bytes that stay until `gc` removes them."""
        return self.left - (self.renamable if self.migrate else 0)

    @property
    def used_before(self) -> float | None:
        """The share in use as last seen; None where that is not known."""
        return self._used(0)

    @property
    def used_after(self) -> float | None:
        """The share in use once everything has come, and nothing has been removed."""
        return self._used(self.arriving)

    @property
    def frees(self) -> float | None:
        """The share that is free again once `gc` has removed what was left behind."""
        total = self.room.total if self.room else None
        return self.left_behind / total if total else None

    @property
    def over(self) -> bool:
        """Whether the change would fill it beyond its limit."""
        used = self.used_after
        return used is not None and used > self.max_used and self.arriving > 0

    @property
    def seconds(self) -> float | None:
        """How long the transfer takes at the last rate."""
        return self.rate.seconds_for(self.arriving) if self.rate and self.arriving else None

    def _used(self, more: int) -> float | None:
        if self.room is None or self.room.free is None or not self.room.total:
            return None
        return (self.room.total - self.room.free + more) / self.room.total


# ── Rates ────────────────────────────────────────────────────────────────────────────────────

_TELLING = 1 << 30
"""A run that sent so much tells how fast the way is."""
_BETTER_THAN_NOTHING = 1 << 20
_RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one run sent to a destination, and how long it took."""

    bytes: int
    seconds: float


def rate_of(runs: Iterable[Sent]) -> Rate | None:
    """The rate of the newest runs that sent enough to tell; they come newest first."""
    known = [one for one in runs if one.seconds > 0]
    for least in (_TELLING, _BETTER_THAN_NOTHING):
        telling = [one for one in known if one.bytes >= least][:_RUNS]
        if telling:
            return Rate(
                bytes=sum(one.bytes for one in telling),
                seconds=sum(one.seconds for one in telling),
                runs=len(telling),
            )
    return None


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────


def full_refusals(
    destinations: Iterable[DestinationData], command: str = "policyctl apply"
) -> Iterator[Refusal]:
    """Refuse to fill a destination beyond its limit (law 25); `command` is what applies."""
    for one in destinations:
        used, room = one.used_after, one.room
        if not one.over or one.accepted or used is None or room is None or room.total is None:
            continue
        limit = one.max_used * room.total
        too_much = (used * room.total) - limit
        yield Refusal(
            code="destination-full",
            message=(
                f"{one.destination} would be {percent(used)} used, of {percent(one.max_used)} "
                f"allowed: {human_bytes(one.arriving)} come, {human_bytes(int(too_much))} more "
                "than fit"
            ),
            hint=_way_out(one, int(too_much), command),
        )


def _way_out(one: DestinationData, too_much: int, command: str) -> str:
    accept = f"`{command} --accept {one.destination}`"
    if one.renamable and not one.migrate:
        spared = human_bytes(one.renamable)
        enough = "" if one.renamable >= too_much else ", which is not enough"
        return (
            f"{spared} of it lie there under another name: `{command} --migrate` renames "
            f"them{enough}; if it may be filled all the same, {accept}"
        )
    return (
        f"leave something out, make room there (`{command} --measure` looks again), or raise its "
        f"`max_used`; if it may be filled all the same, {accept}"
    )


def percent(share: float) -> str:
    """A share as a person says it: `31 %`, `90.4 %`."""
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text} %"
