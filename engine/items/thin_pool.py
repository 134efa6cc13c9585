"""What `lvs` says of a thin pool, as typed records: volumes, our snapshots, clones, strays. Pure.

A snapshot is ours where all of this holds: its name is a volume's with a moment, it carries one of
our tags, and its origin is that volume. Where one of these fails although the name is of our form,
it is a *stray*: told, never removed and never taken for a volume. A volume that was deleted leaves
strays, since they may be the last copy of it; so does one that somebody renamed.

A rollback (`engine.rollback`) swaps a volume for another one and keeps both. The snapshots of the
one that was set aside have it for their origin, and stay ours: its name says whose place it had.
Once it is removed they have no origin any more, and are ours by a tag that the rollback gave them,
as long as the volume of that name comes from the same rollback.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.generations.names import moment_of, name_of
from engine.items.thin_names import (
    Line,
    LvName,
    is_clone_name,
    parse_aside_name,
    parse_snapshot_name,
    snapshot_name,
)
from engine.plan.typed_json import Unreadable, parse_json
from policy.values import Percentage, parse_percentage

FIELDS: Final = (
    *("vg_name", "lv_name", "lv_uuid", "pool_lv", "origin", "lv_size"),
    *("data_percent", "metadata_percent", "lv_tags", "lv_attr"),
)
"""What `lvs` is asked for. States are read from `lv_attr`, whose letters no setting changes."""
_NEEDED: Final = ("vg_name", "lv_name", "lv_uuid", "lv_attr")
"""Never empty; the others are, and `report/compact_output` leaves empty ones out."""
_ATTRIBUTES: Final = 10
SNAPSHOT_TAG: Final = "policyctl/"
CLONE_TAG: Final = "policyctl-open/"
"""Each is followed by a leg's name: who took the snapshot, who reads through the clone."""
_LINE_TAG: Final = re.compile(r"policyctl-(?:before|after)/(.+)")
_OUR_TAGS: Final = ("policyctl/", "policyctl-")


class Health(enum.Enum):
    """What a pool says of itself (lvs(8), the ninth attribute)."""

    GOOD = "-"
    FAILED = "F"
    OUT_OF_DATA = "D"
    METADATA_READ_ONLY = "M"
    UNKNOWN = "X"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A thin pool."""

    name: LvName
    size: int
    """Bytes."""
    data_used: Percentage | None
    metadata_used: Percentage | None
    """None: the pool is not active, so nobody knows."""
    health: Health
    needs_check: bool
    """Its metadata were damaged, and thin_check(8) has to see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinVolume:
    """A thin volume, whatever it is for."""

    name: LvName
    uuid: str
    origin: str
    """The volume that it is a snapshot of; empty where it is none, or where that is gone."""
    size: int
    """Bytes that it seems to have, however few of them the pool holds."""
    active: bool
    suspended: bool
    """Whoever writes to it waits. Only an interrupted command leaves a volume so."""
    opened: bool
    """Something has its device open: a mount, a process, a mapping on it. False too where LVM does
    not know, as of one that is not active."""
    tags: frozenset[str]
    skipped: bool = False
    """Activation skips it, as it does thin snapshots unless it is told otherwise. That it has an
    origin does not tell a snapshot from a volume: one that was restored from its snapshot has one,
    and so has a linked clone."""

    def snapshot_text(self, moment: datetime, leg: str) -> str:
        """How people name the snapshot that a run makes."""
        return snapshot_name(self.name.volume, moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinSnapshot:
    """A snapshot of ours."""

    volume: ThinVolume
    """The snapshot itself."""
    of: str
    """The volume that it was taken of."""
    moment: datetime
    leg: str
    """Who took it, by the name that the leg had then."""

    @property
    def text(self) -> str:
        """How people name it."""
        return self.volume.name.text

    @property
    def current(self) -> bool:
        """Whether it is of the volume that bears the name now."""
        return self.volume.origin == self.of

    @property
    def aside(self) -> bool:
        """Whether it is of a volume that a rollback has set aside, and that is still there."""
        return self.volume.origin not in {"", self.of}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClone:
    """A clone of ours, made to read a snapshot through; who reads holds the lock of its leg."""

    volume: ThinVolume
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A volume that had another one's name until a rollback, or would have it but for an undo."""

    volume: ThinVolume
    of: str
    """The name that it had."""
    line: Line
    moment: datetime
    """The start of the rollback."""


class StrayReason(enum.Enum):
    """Why something with a name of ours is not ours."""

    ORIGIN_GONE = "its volume is gone, so it may be the last copy of it"
    OTHER_ORIGIN = "it is a snapshot of another volume than its name says"
    NO_TAG = "it does not have exactly one of our tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Something with a name of ours that is not ours."""

    volume: ThinVolume
    why: StrayReason


Member = ThinVolume | ThinSnapshot | OpenClone | SetAside | Stray


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolContent:
    """A pool and all that is in it, each part sorted by name."""

    pool: Pool
    volumes: tuple[ThinVolume, ...]
    """Whatever has no name of ours: snapshots that others took too."""
    snapshots: tuple[ThinSnapshot, ...]
    clones: tuple[OpenClone, ...]
    set_aside: tuple[SetAside, ...]
    strays: tuple[Stray, ...]


def read_pool(report: bytes, name: LvName) -> PoolContent:
    """Read a report about the whole group. Raises `Unreadable`, also where it has no such pool."""
    rows = tuple(_rows(report))
    pool = next((one for one in rows if one.name == name and one.attributes[0] == "t"), None)
    if pool is None:
        raise Unreadable(f"the group {name.group} has no thin pool {name.volume}")
    inside = (one for one in rows if one.name.group == name.group and one.pool == name.volume)
    members = sorted(map(_member, inside), key=lambda one: volume_of(one).name.volume)
    volumes = {one.name.volume: one for one in members if isinstance(one, ThinVolume)}
    found = [_settled(one, volumes) for one in members]
    return PoolContent(
        pool=_pool(pool),
        volumes=tuple(volumes.values()),
        snapshots=tuple(one for one in found if isinstance(one, ThinSnapshot)),
        clones=tuple(one for one in found if isinstance(one, OpenClone)),
        set_aside=tuple(one for one in found if isinstance(one, SetAside)),
        strays=tuple(one for one in found if isinstance(one, Stray)),
    )


def read_pools(report: bytes) -> tuple[PoolContent, ...]:
    """Read every pool of a report about all groups, in order. Raises `Unreadable`."""
    pools = {(one.name.group, one.name.volume): one for one in _rows(report)}
    found = [pools[key].name for key in sorted(pools) if pools[key].attributes[0] == "t"]
    return tuple(read_pool(report, name) for name in found)


def read_others(report: bytes) -> tuple[LvName, ...]:
    """Read which volumes are neither pools nor in one. Raises `Unreadable`."""
    rows = (one.name for one in _rows(report) if one.attributes[0] not in "tV")
    return tuple(sorted(rows, key=lambda name: (name.group, name.volume)))


def read_member(report: bytes, name: LvName) -> Member | None:
    """Read a report about one volume; None where it is not in it. Raises `Unreadable`."""
    return next((_member(one) for one in _rows(report) if one.name == name), None)


def volume_of(member: Member) -> ThinVolume:
    """The volume itself, whatever it is to us."""
    return member if isinstance(member, ThinVolume) else member.volume


def line_tag(line: Line, moment: datetime) -> str:
    """Return the tag of a volume of a rollback, and of its snapshots while it is set aside."""
    return f"policyctl-{line.value}/{name_of(moment).decode('ascii')}"


def rollbacks_of(volume: ThinVolume) -> frozenset[datetime]:
    """The starts of the rollbacks that a volume comes from."""
    found = (_LINE_TAG.fullmatch(one) for one in volume.tags)
    moments = (moment_of(one[1].encode()) for one in found if one is not None)
    return frozenset(one for one in moments if one is not None)


def their_tags(volume: ThinVolume) -> frozenset[str]:
    """The tags of a volume that are none of ours."""
    return frozenset(one for one in volume.tags if not one.startswith(_OUR_TAGS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One volume of a report, its values as they stand there."""

    name: LvName
    attributes: str
    pool: str
    fields: dict[str, str]


def _rows(report: bytes) -> Iterator[_Row]:
    try:
        document = parse_json(report.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is no UTF-8 ({error})") from None
    for group in _list(document, "report"):
        for row in _list(group, "lv"):
            yield _row(row)


def _list(value: object, key: str) -> Iterable[object]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise Unreadable(f"it has no list {key!r}")
    return found


def _row(value: object) -> _Row:
    if not isinstance(value, dict):
        raise Unreadable("a volume is no object")
    fields = {key: text for key, text in value.items() if isinstance(text, str)}
    missing = [key for key in _NEEDED if not fields.get(key)]
    if missing:
        raise Unreadable(f"a volume has no {missing[0]}")
    if len(fields["lv_attr"]) < _ATTRIBUTES:
        raise Unreadable(f"{fields['lv_attr']!r} are too few attributes")
    return _Row(
        name=LvName(group=fields["vg_name"], volume=fields["lv_name"]),
        attributes=fields["lv_attr"],
        pool=fields.get("pool_lv", ""),
        fields=fields,
    )


def _member(row: _Row) -> Member:
    volume = _volume(row)
    if is_clone_name(volume.name.volume):
        leg = _tagged(volume.tags, CLONE_TAG)
        if leg is None:
            return Stray(volume=volume, why=StrayReason.NO_TAG)
        return OpenClone(volume=volume, leg=leg)
    aside = parse_aside_name(volume.name.volume)
    if aside is not None:
        if line_tag(aside.line, aside.moment) not in volume.tags:
            return Stray(volume=volume, why=StrayReason.NO_TAG)
        return SetAside(volume=volume, of=aside.volume, line=aside.line, moment=aside.moment)
    named = parse_snapshot_name(volume.name.volume)
    if named is None:
        return volume
    leg = _tagged(volume.tags, SNAPSHOT_TAG)
    if leg is None:
        return Stray(volume=volume, why=StrayReason.NO_TAG)
    if volume.origin != named.volume and not _of_a_rollback(volume, named.volume):
        gone = StrayReason.OTHER_ORIGIN if volume.origin else StrayReason.ORIGIN_GONE
        return Stray(volume=volume, why=gone)
    return ThinSnapshot(volume=volume, of=named.volume, moment=named.moment, leg=leg)


def _of_a_rollback(snapshot: ThinVolume, of: str) -> bool:
    """Whether a rollback has set its volume aside, be that still there or not."""
    if not snapshot.origin:
        return bool(rollbacks_of(snapshot))
    aside = parse_aside_name(snapshot.origin)
    return aside is not None and aside.volume == of


def _settled(member: Member, volumes: Mapping[str, ThinVolume]) -> Member:
    """A snapshot whose volume is gone is only ours where that of its name took its place."""
    if not isinstance(member, ThinSnapshot) or member.volume.origin:
        return member
    heir = volumes.get(member.of)
    if heir is not None and rollbacks_of(heir) & rollbacks_of(member.volume):
        return member
    return Stray(volume=member.volume, why=StrayReason.ORIGIN_GONE)


def _tagged(tags: Iterable[str], prefix: str) -> str | None:
    """The leg that the one tag of ours names; None where there is none, or more than one."""
    legs = [one.removeprefix(prefix) for one in tags if one.startswith(prefix)]
    return legs[0] if len(legs) == 1 and legs[0] else None


def _volume(row: _Row) -> ThinVolume:
    state = row.attributes[4]
    return ThinVolume(
        name=row.name,
        uuid=row.fields["lv_uuid"],
        origin=row.fields.get("origin", ""),
        size=_bytes(row),
        active=state not in "-hX",
        suspended=state == "s",
        opened=row.attributes[5] == "o",
        tags=frozenset(filter(None, row.fields.get("lv_tags", "").split(","))),
        skipped=row.attributes[9] == "k",
    )


def _pool(row: _Row) -> Pool:
    health = row.attributes[8]
    known = {one.value for one in Health}
    return Pool(
        name=row.name,
        size=_bytes(row),
        data_used=_share(row, "data_percent"),
        metadata_used=_share(row, "metadata_percent"),
        health=Health(health) if health in known else Health.UNKNOWN,
        needs_check=row.attributes[4] in "cC",
    )


def _bytes(row: _Row) -> int:
    text = row.fields.get("lv_size", "")
    if not (text.isascii() and text.isdigit()):
        raise Unreadable(f"{row.name.text} has the size {text!r}, which is no number of bytes")
    return int(text)


def _share(row: _Row, key: str) -> Percentage | None:
    text = row.fields.get(key, "")
    try:
        return parse_percentage(f"{text}%") if text else None
    except ValueError:
        raise Unreadable(f"{row.name.text} has the {key} {text!r}") from None


def set_aside_of(content: PoolContent, volume: str) -> tuple[SetAside, ...]:
    """What rollbacks of a volume have set aside, the oldest first."""
    found = (one for one in content.set_aside if one.of == volume)
    return tuple(sorted(found, key=lambda one: (one.moment, one.line.value)))
