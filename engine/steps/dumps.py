"""What a run does that dumps a server, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.dumps.artefact import Artefact
from engine.dumps.judgement import Limits
from engine.dumps.record import DumpRecord
from engine.dumps.servers import ServerSeen
from engine.reach.targets import Target
from policy.encryption import Encryption


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeArtefact:
    """Make one artefact in the folder of the next generation, and read it back to its end.

    Where that fails, the others are made all the same (law 35).
    """

    feed: str
    artefact: Artefact
    target: Target
    """The folder that holds all generations."""
    encryption: Encryption | None
    former: bytes | None
    """The newest generation: files that have not changed are linked to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeDump:
    """Compare the dump with the last one that was verified, and leave its record in it."""

    feed: str
    target: Target
    server: ServerSeen
    began: datetime
    before: DumpRecord | None
    vouched: bool
    """Whether that one was verified."""
    limits: Limits
    smaller_allowed: bool
    record_lost: bool
    """Whether dumps were verified before, and the record of none can be read."""
    other_allowed: bool
    """Whether another server may answer than the one whose dump was verified last."""


DumpStep = MakeArtefact | JudgeDump
