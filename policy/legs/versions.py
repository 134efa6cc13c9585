"""`versions`: generations of files, hard-linked to the one before."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon, parse_preserve, parse_to
from policy.parts import DEFAULT_PRESERVE, Attribute, Keep
from policy.values import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsLeg(LegCommon):
    """Generations of files."""

    to: Place
    keep: Keep
    preserve: tuple[Attribute, ...] = DEFAULT_PRESERVE
    at_once: int = 1
    """Items that are copied at a time."""
    tolerate_unreadable: bool = field(default=False, metadata={"later": True})


def parse(fields: Fields, common: CommonFields) -> VersionsLeg:
    """Read a versions leg."""
    return VersionsLeg(
        **common,
        to=parse_to(fields),
        keep=fields.keep(),
        preserve=parse_preserve(fields),
        at_once=fields.integer("at_once") or 1,
        tolerate_unreadable="unreadable" in fields.texts("tolerate"),
    )
