"""Where a leg that owned nothing began to copy, as the state database holds it.

Whatever it owns there is its own work then, although no pass has come to its end yet. Without that
a first backup that was cut off would wait for a person as soon as the source had lost a file.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from engine.system.state.records import Stream

_THIS = "leg = ? AND source = ? AND place = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPass:
    """What a first pass began to copy."""

    tree: bytes
    """Its path as the plan has it."""
    file_system: str
    mounts: tuple[bytes, ...]
    """Mount points below it."""

    def goes_on(self, now: FirstPass) -> bool:
        """Whether that is still what is read, with all that was mounted in it."""
        same = (self.tree, self.file_system) == (now.tree, now.file_system)
        return same and set(self.mounts) <= set(now.mounts)


class FirstPasses:
    """The table `begun`, one row a stream; of no interest once a pass has succeeded."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, stream: Stream) -> FirstPass | None:
        """What began there; None: nothing, or what lies there became the leg's otherwise."""
        row = self._connection.execute(
            f"SELECT tree, file_system, mounts FROM begun WHERE {_THIS}",  # noqa: S608 - a constant
            stream,
        ).fetchone()
        if row is None:
            return None
        mounts = tuple(one for one in bytes(row[2]).split(b"\0") if one)
        return FirstPass(tree=bytes(row[0]), file_system=str(row[1]), mounts=mounts)

    def note(self, stream: Stream, begun: FirstPass) -> None:
        """Note that it begins now."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO begun VALUES (?, ?, ?, ?, ?, ?)",
                (*stream, begun.tree, begun.file_system, b"\0".join(begun.mounts)),
            )
