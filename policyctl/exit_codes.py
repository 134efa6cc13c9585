"""Exit codes, as documented in docs/reference/exit-codes.md. Unknown ones mean failure."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the program's end means."""

    OK = 0
    BUG = 1
    """An exception that nobody foresaw; worth a report."""
    USAGE = 2
    INVALID_POLICY = 3
    CHANGES = 4
    """`plan --exit-code`: there is something to apply. `docs --check`: pages are not as they should
    be."""
    FAILED = 5
    """A leg failed, an apply was refused, a tree is away, or `status` found something unhealthy."""
    DEGRADED = 6
    """Done, but not all of it. `cluster`: files of jobs were kept that can be made no more."""
    LOCKED = 75
    """The leg is already running (EX_TEMPFAIL of sysexits.h)."""
    INTERRUPTED = 130
    TERMINATED = 143
