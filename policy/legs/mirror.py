"""`mirror`: makes the destination equal to its source; one version."""

from __future__ import annotations

from dataclasses import dataclass

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon, parse_preserve, parse_to
from policy.parts import DEFAULT_PRESERVE, Attribute
from policy.values import (
    Chmod,
    Duration,
    Percentage,
    Place,
    parse_chmod,
    parse_percentage,
    parse_size,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorLeg(LegCommon):
    """Makes the destination equal to its source."""

    to: Place
    full_every: Duration | None = None
    """None: every pass is a full one."""
    preserve: tuple[Attribute, ...] = DEFAULT_PRESERVE
    chmod: Chmod | None = None
    deleted_keep: Duration | None = None
    """How long what a run deleted or overwrote stays aside; None: not at all."""
    max_delete: int | Percentage | None = None
    bandwidth: int | None = None
    """Bytes a second."""
    tolerate_unreadable: bool = False


def parse(fields: Fields, common: CommonFields) -> MirrorLeg:
    """Read a mirror leg."""
    bandwidth = fields.parsed("bandwidth", parse_size)
    deleted = fields.child("deleted")
    return MirrorLeg(
        **common,
        to=parse_to(fields),
        full_every=fields.duration("full_every"),
        preserve=parse_preserve(fields),
        chmod=fields.parsed("chmod", parse_chmod),
        deleted_keep=deleted.duration("keep") if deleted else None,
        max_delete=_max_delete(fields),
        bandwidth=bandwidth.bytes if bandwidth else None,
        tolerate_unreadable="unreadable" in fields.texts("tolerate"),
    )


def _max_delete(fields: Fields) -> int | Percentage | None:
    number = fields.integer("max_delete")
    return fields.parsed("max_delete", parse_percentage) if number is None else number
