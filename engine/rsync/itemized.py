r"""What rsync says it changed (`--out-format=%i %n`), read back as changes for the next reader.

The first eleven bytes of a line are rsync(1)'s --itemize-changes; the rest is a name, in which
rsync escapes what is not printable as `\\#ooo`. All else that rsync prints passes through.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.records.journal import Change
from engine.rsync.output import unescaped

FORMAT = b"--out-format=%i %n"
_ITEM = re.compile(rb"^([<>ch.*][fdLDSe][^ ]{9}|\*deleting  ) (.*)$", re.DOTALL)
_MANY = 2_000


class ItemReader:
    """Takes rsync's output in chunks; gives on what is no item, and notes what is.

    Changes are handed over in lots of some thousand, and at `close`.
    """

    def __init__(self, note: Callable[[list[Change]], None]) -> None:
        self._note = note
        self._rest = b""
        self._changes: list[Change] = []

    def feed(self, chunk: bytes) -> bytes:
        """Read a chunk; what comes back are the whole lines that are no items."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        kept = b"".join(line + b"\n" for line in lines if not self._take(line))
        if len(self._changes) >= _MANY:
            self._hand_over()
        return kept

    def close(self) -> None:
        """Hand over what is left; a line that was cut off is none of ours."""
        self._rest = b""
        self._hand_over()

    def _take(self, line: bytes) -> bool:
        found = _ITEM.match(line.rpartition(b"\r")[2])
        if not found:
            return False
        change = change_of(found[1], found[2])
        if change is not None:
            self._changes.append(change)
        return True

    def _hand_over(self) -> None:
        if self._changes:
            self._note(self._changes)
            self._changes = []


def change_of(item: bytes, name: bytes) -> Change | None:
    """One item as a change; None for the root itself, whose attributes every pass brings along."""
    path = unescaped(name)
    directory = path.endswith(b"/")
    path = path.rstrip(b"/").removeprefix(b"./")
    if path in {b"", b"."}:
        return None
    return Change(path, deep=directory and item.startswith(b"*"))
