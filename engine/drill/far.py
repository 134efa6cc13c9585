"""What rsync says of a file that it compared with one on another machine. Pure.

It compares by content without sending any: `engine.restore.fetch.compare_drawn`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.drill.judge import Claim
from engine.rsync.output import unescaped

_FILE = re.compile(rb"([<>c.]f[^ ]{9}|\.f {9}) (.*)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class FarReader:
    """Reads what rsync prints of each file that both sides have, chunk by chunk."""

    same_moment: bool
    times: bool
    """Whether both keep the files' times."""
    found: dict[bytes, tuple[Claim, bool]] = field(default_factory=dict)
    """By the path: why both ought to be equal, and whether they are."""
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        """Read a chunk; nothing of it is kept."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            item = _FILE.fullmatch(line)
            claim = self._claim(item[1]) if item is not None else None
            if item is not None and claim is not None:
                equal = item[1][2:3] != b"c" and item[1][3:4] != b"s"
                self.found[unescaped(item[2]).removeprefix(b"./")] = (claim, equal)
        return b""

    def _claim(self, item: bytes) -> Claim | None:
        if item[2:3] == b"+":
            return None  # it is not on this side at all
        if self.same_moment:
            return Claim.SAME_MOMENT
        return Claim.SAME_TIME if self.times and item[4:5] not in b"tT" else None
