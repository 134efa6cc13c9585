"""Whether what came of a source is much less than the last time (laws 1, 11 and 18). Pure.

A source is judged before it is read. One that is emptied, unmounted or cut to nothing after that
is seen by what came of it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.records.measurement import human_bytes
from engine.runs.deletions import much_smaller
from engine.runs.observation import Waiver

_TENTH = 10
_LEAST = 1 << 20
"""Bytes: less than that tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What a source held; None: not known."""

    entries: int | None
    size: int | None
    """Bytes of its files."""


def shrunk(before: Amount, now: Amount) -> str:
    """What is to be said of a source that has shrunk; empty where it has not."""
    hint = f"if that is right, run it once with --allow {Waiver.SMALLER_SOURCE.value}"
    if much_smaller(before.entries, now.entries):
        return (
            f"{now.entries:,} entries came, and there were {before.entries:,} at the last success: "
            f"nothing older goes for it; {hint}"
        )
    if before.size is None or now.size is None or before.size < _LEAST:
        return ""
    if now.size * _TENTH < before.size:
        return (
            f"{human_bytes(now.size)} came, where there were {human_bytes(before.size)} at the "
            f"last success: nothing older goes for it; {hint}"
        )
    return ""
