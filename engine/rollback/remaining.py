"""Bringing a volume back to a snapshot of it, and undoing that: which steps are left. Pure.

A new volume is made of the snapshot and takes the name of the one in use, which is set aside under
a name of its own. Nothing is ever removed, and the snapshot stays what it is: a second attempt
needs it. An undo is the same with both volumes in each other's place.

What is left to do follows from the record and from what the pool holds now, each time anew. So a
rollback that was cut off anywhere goes on from there, or back from there.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from engine.items.thin_names import Line, LvName, NameRefused, aside_name, check_name
from engine.items.thin_pool import (
    PoolContent,
    ThinSnapshot,
    ThinVolume,
    line_tag,
    rollbacks_of,
    set_aside_of,
    their_tags,
)
from engine.rollback.workloads import Claim, Workload
from policy.parts import Hook


class Direction(enum.Enum):
    """Where a rollback goes."""

    FORWARD = "forward"
    """To the volume that is made of the snapshot."""
    BACK = "back"
    """To the volume that was in use before."""

    @property
    def wants(self) -> Line:
        """The volume that is to have the name."""
        return Line.AFTER if self is Direction.FORWARD else Line.BEFORE

    @property
    def leaves(self) -> Line:
        """The one that is to be set aside."""
        return self.reverse.wants

    @property
    def reverse(self) -> Direction:
        """The other way."""
        return Direction.BACK if self is Direction.FORWARD else Direction.FORWARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A rollback as it is remembered: noted before anything is done, and never forgotten."""

    volume: LvName
    """By the name that both of its volumes have in turn."""
    moment: datetime
    """Its start, which names them while they are set aside."""
    source: str
    item: str
    snapshot: str
    """What it goes back to, by LVM's name."""
    before: str
    """The UUID of the volume that was in use."""
    active: bool
    """Whether that had a device, so that the other one gets one too."""
    skipped: bool
    """Whether activation skipped it."""
    direction: Direction
    stopped: tuple[Workload, ...] = ()
    """Workloads that were scaled to nothing and are to be started again, with their replicas."""
    ended: datetime | None = None
    """When it was through; None: it is half done."""

    def aside(self, line: Line) -> LvName:
        """What a volume of it is called while it is set aside."""
        return replace(self.volume, volume=aside_name(self.volume.volume, line, self.moment))

    def tag(self, line: Line) -> str:
        """The tag of a volume of it."""
        return line_tag(line, self.moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What uses the volume, and how it is stopped and started."""

    stop: tuple[Hook, ...] = ()
    start: tuple[Hook, ...] = ()
    claim: Claim | None = None
    workloads: tuple[Workload, ...] = ()


# ── Steps ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class StopUsers:
    """Stop what uses the volume."""

    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseVolume:
    """Wait until nothing has it open, and take away its device."""

    volume: LvName


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeVolume:
    """Make the volume that is to come in."""

    snapshot: LvName
    name: LvName
    tags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """Give the volume in use a name of its own."""

    volume: LvName
    uuid: str
    name: LvName
    tag: str
    snapshots: tuple[LvName, ...]
    """Those of it, which get the tag too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BringIn:
    """Give the other one the name that is free now."""

    name: LvName
    volume: LvName
    tag: str
    snapshots: tuple[LvName, ...]
    """Those of it, which lose the tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSkip:
    """Have activation skip the volume in use no more, as before."""

    volume: LvName


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVolume:
    """Make its device."""

    volume: LvName


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUsers:
    """Start what was stopped."""

    use: Use


RollbackStep = (
    StopUsers | CloseVolume | MakeVolume | PutAside | BringIn | SetSkip | OpenVolume | StartUsers
)


class RollbackRefused(Exception):
    """It cannot be done as things are; the message says why."""


# ── What is there ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The two volumes of a rollback, wherever they are now."""

    current: Line | None
    """Which of them has the name; None: neither, it was cut off between two renames."""
    before: ThinVolume | None
    after: ThinVolume | None


def find(record: Rollback, content: PoolContent) -> Found:
    """Find both volumes. Raises `RollbackRefused` where something else has the name."""
    name = record.volume.volume
    current = next((one for one in content.volumes if one.name.volume == name), None)
    before, after = (_aside(record, content, line) for line in (Line.BEFORE, Line.AFTER))
    if before is not None and before.uuid != record.before:
        raise RollbackRefused(f"{before.name.text} is not the volume that was set aside")
    if current is None:
        return Found(current=None, before=before, after=after)
    if current.uuid == record.before:
        return Found(current=Line.BEFORE, before=current, after=after)
    if record.moment in rollbacks_of(current) and after is None:
        return Found(current=Line.AFTER, before=before, after=current)
    raise RollbackRefused(f"{record.volume.text} is neither volume of this rollback")


def _aside(record: Rollback, content: PoolContent, line: Line) -> ThinVolume | None:
    found = (one for one in content.set_aside if one.volume.name == record.aside(line))
    return next((one.volume for one in found), None)


def snapshots_of(content: PoolContent, volume: str) -> tuple[ThinSnapshot, ...]:
    """All snapshots that a volume can be brought back to, the oldest first."""
    found = (one for one in content.snapshots if one.of == volume)
    return tuple(sorted(found, key=lambda one: (one.moment, one.leg)))


def recovered(current: ThinVolume, content: PoolContent, item: str, source: str) -> Rollback | None:
    """The last rollback of a volume by what the pool shows, where no record of it is left."""
    comes_from = rollbacks_of(current)
    found = (
        one
        for one in set_aside_of(content, current.name.volume)
        if one.line is Line.BEFORE and one.moment in comes_from
    )
    last = max(found, key=lambda one: one.moment, default=None)
    if last is None:
        return None
    return Rollback(
        volume=current.name,
        moment=last.moment,
        source=source,
        item=item,
        snapshot=current.origin,
        before=last.volume.uuid,
        active=current.active,
        skipped=current.skipped,
        direction=Direction.FORWARD,
        ended=last.moment,
    )


# ── What is to be done ───────────────────────────────────────────────────────────────────────


def rollback_steps(record: Rollback, content: PoolContent, use: Use) -> tuple[RollbackStep, ...]:
    """The steps that are left, in order. Raises `RollbackRefused`."""
    _check_names(record)
    found = find(record, content)
    if found.current is record.direction.wants:
        return tuple(_settling(record, found, use))
    return (
        *_leaving(record, found, use),
        *_making(record, found, content),
        *_swapping(record, found, content),
        *(() if record.skipped else (SetSkip(volume=record.volume),)),
        *((OpenVolume(volume=record.volume),) if record.active else ()),
        *_starting(use),
    )


def _check_names(record: Rollback) -> None:
    for line in Line:
        try:
            check_name(record.aside(line))
        except NameRefused as error:
            raise RollbackRefused(f"the volume cannot be set aside: {error}") from None


def _settling(record: Rollback, found: Found, use: Use) -> Iterator[RollbackStep]:
    """What is left where the volume that is wanted has its name already."""
    volume = found.after if found.current is Line.AFTER else found.before
    assert volume is not None
    if volume.skipped and not record.skipped:
        yield SetSkip(volume=record.volume)
    if record.active and not volume.active:
        yield OpenVolume(volume=record.volume)
    yield from _starting(use)


def _leaving(record: Rollback, found: Found, use: Use) -> Iterator[RollbackStep]:
    """Have nobody use the one that is to go."""
    if found.current is None:
        return
    volume = found.before if found.current is Line.BEFORE else found.after
    assert volume is not None
    if volume.suspended:
        raise RollbackRefused(
            f"{record.volume.text} is suspended, so that whoever writes to it waits: "
            f"`lvchange --refresh {record.volume.text}` first"
        )
    if use.stop or use.workloads or use.claim is not None:
        yield StopUsers(use=use)
    yield CloseVolume(volume=record.volume)


def _making(record: Rollback, found: Found, content: PoolContent) -> Iterator[RollbackStep]:
    if record.direction is Direction.BACK:
        if found.before is None:
            raise RollbackRefused(
                f"{record.aside(Line.BEFORE).text}, which was set aside, is not there any more: "
                "there is nothing to go back to"
            )
        return
    if found.after is not None:
        return
    snapshot = next(
        (one for one in content.snapshots if one.volume.name.volume == record.snapshot), None
    )
    if snapshot is None or snapshot.of != record.volume.volume:
        raise RollbackRefused(f"{record.snapshot} is no snapshot of {record.volume.text} of ours")
    yield MakeVolume(
        snapshot=snapshot.volume.name,
        name=record.aside(Line.AFTER),
        tags=_tags_after(record, found),
    )


def _tags_after(record: Rollback, found: Found) -> frozenset[str]:
    """Everybody's own tags go along; and of which rollbacks the volume comes."""
    before = found.before
    if before is None:
        raise RollbackRefused(f"the volume {record.volume.text} is not there, nor set aside")
    earlier = (line_tag(Line.AFTER, one) for one in rollbacks_of(before) if one != record.moment)
    return frozenset((*their_tags(before), *earlier, record.tag(Line.AFTER)))


def _swapping(record: Rollback, found: Found, content: PoolContent) -> Iterator[RollbackStep]:
    wanted, other = record.direction.wants, record.direction.leaves
    going = found.before if other is Line.BEFORE else found.after
    if found.current is other:
        assert going is not None
        yield PutAside(
            volume=record.volume,
            uuid=going.uuid,
            name=record.aside(other),
            tag=record.tag(other),
            snapshots=_with_origin(content, record.volume),
        )
    yield BringIn(
        name=record.aside(wanted),
        volume=record.volume,
        tag=record.tag(wanted),
        snapshots=_with_origin(content, record.aside(wanted)),
    )


def _with_origin(content: PoolContent, origin: LvName) -> tuple[LvName, ...]:
    return tuple(one.volume.name for one in content.snapshots if one.volume.origin == origin.volume)


def _starting(use: Use) -> Iterator[RollbackStep]:
    if use.start or use.workloads:
        yield StartUsers(use=use)
