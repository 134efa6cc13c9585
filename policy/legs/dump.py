"""`dump`: what a server, or a program, exports of itself, verified by its kind."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from policy.encryption import Encryption, parse_encryption
from policy.fields import Fields
from policy.legs.common import DEFAULT_SHRINK, CommonFields, LegCommon, parse_to
from policy.parts import Keep
from policy.values import Duration, Percentage, Place

LATER = {"later": True}
"""Of what came after plans had been stored."""


class Compression(enum.Enum):
    """How text of SQL is compressed."""

    ZSTD = "zstd"
    GZIP = "gzip"
    NONE = "none"

    @property
    def ending(self) -> str:
        """What a file's name ends with."""
        return {"zstd": ".zst", "gzip": ".gz", "none": ""}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpLeg(LegCommon):
    """Dumps of a server, a database with its files, or a program."""

    to: Place
    keep: Keep
    per_database: bool = False
    compression: Compression = field(default=Compression.ZSTD, metadata=LATER)
    max_shrink: Percentage = field(default=DEFAULT_SHRINK, metadata=LATER)
    """By what share rows or bytes may be fewer than in the last one that was verified."""
    changes_within: Duration | None = field(default=None, metadata=LATER)
    """How long the content may stay the same; None: for ever."""
    encryption: Encryption | None = field(default=None, metadata=LATER)


def parse(fields: Fields, common: CommonFields) -> DumpLeg:
    """Read a dump leg."""
    return DumpLeg(
        **common,
        to=parse_to(fields),
        keep=fields.keep(),
        per_database=fields.text("per") == "database",
        compression=Compression(fields.text("compress") or "zstd"),
        max_shrink=fields.percentage("max_shrink") or DEFAULT_SHRINK,
        changes_within=fields.duration("changes_within"),
        encryption=parse_encryption(fields),
    )
