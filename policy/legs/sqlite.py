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


def parse(fields: Fields, common: CommonFields) -> SqliteLeg:
    """Read a sqlite leg."""
    return SqliteLeg(**common, to=parse_to(fields), keep=fields.keep())
