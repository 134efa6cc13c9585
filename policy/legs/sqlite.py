"""`sqlite`: every SQLite database found, copied whole through its own backup interface."""

from __future__ import annotations

from dataclasses import dataclass

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon, parse_to
from policy.parts import Keep
from policy.values import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteLeg(LegCommon):
    """Copies of databases."""

    to: Place
    keep: Keep
    at_once: int = 1
    """Items whose databases are copied at a time."""


def parse(fields: Fields, common: CommonFields) -> SqliteLeg:
    """Read a sqlite leg."""
    return SqliteLeg(
        **common,
        to=parse_to(fields),
        keep=fields.keep(),
        at_once=fields.integer("at_once") or 1,
    )
