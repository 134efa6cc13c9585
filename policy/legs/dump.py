"""`dump`: a server's own dump, verified by its kind."""

from __future__ import annotations

from dataclasses import dataclass

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon, parse_to
from policy.parts import Keep
from policy.values import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpLeg(LegCommon):
    """A server's own dump."""

    to: Place
    keep: Keep
    per_database: bool = False


def parse(fields: Fields, common: CommonFields) -> DumpLeg:
    """Read a dump leg."""
    return DumpLeg(
        **common,
        to=parse_to(fields),
        keep=fields.keep(),
        per_database=fields.text("per") == "database",
    )
