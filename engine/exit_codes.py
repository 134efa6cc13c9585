"""What rsync's exit codes mean for a run: one table, and unknown codes have failed.

Owns the judgement only; which codes a run tolerates is its leg's business.
"""

from __future__ import annotations

import enum
import re


class Outcome(enum.Enum):
    """How one rsync ended."""

    OK = "ok"
    OK_NOTED = "ok, noted"
    """Files vanished while they were read: the next pass sees them gone."""
    DEGRADED = "degraded"
    """Something was not copied; an error, unless the leg tolerates what cannot be read."""
    GUARD = "stopped by the guard"
    """More deletions were wanted than allowed."""
    TIMED_OUT = "timed out"
    FAILED = "failed"


_REFUSAL = re.compile(rb"^\S*rrsync\S* error: (?!Another instance )", re.MULTILINE)
VANISHED = 24
"""Some files had gone by the time that they were to be sent."""
_TABLE: dict[int, tuple[Outcome, str]] = {
    0: (Outcome.OK, "rsync did all of it"),
    1: (Outcome.FAILED, "rsync did not understand its options"),
    2: (Outcome.FAILED, "the two rsyncs do not understand each other"),
    3: (Outcome.FAILED, "rsync could not enter its source or its destination"),
    4: (Outcome.FAILED, "one of the two rsyncs cannot do what was asked"),
    5: (Outcome.FAILED, "rsync could not start its conversation with the other side"),
    6: (Outcome.FAILED, "an rsync daemon could not write its log"),
    10: (Outcome.FAILED, "the network connection broke"),
    11: (Outcome.FAILED, "reading or writing files failed: a full or failing disk, for instance"),
    12: (Outcome.FAILED, "the connection to the other rsync broke"),
    13: (Outcome.FAILED, "rsync could not tell its errors"),
    14: (Outcome.FAILED, "the two halves of rsync lost each other"),
    15: (Outcome.FAILED, "rsync was asked for its state, and ended"),
    16: (Outcome.FAILED, "one of rsync's processes was killed"),
    19: (Outcome.FAILED, "rsync was stopped by a user signal"),
    20: (Outcome.FAILED, "rsync was told to stop"),
    21: (Outcome.FAILED, "rsync lost one of its own processes"),
    22: (Outcome.FAILED, "rsync ran out of memory"),
    23: (Outcome.DEGRADED, "not everything could be read or written"),
    VANISHED: (Outcome.OK_NOTED, "some files vanished while the pass ran"),
    25: (Outcome.GUARD, "the deletion limit stopped deletions"),
    30: (Outcome.TIMED_OUT, "the other side was silent for too long"),
    35: (Outcome.TIMED_OUT, "the other side did not answer in time"),
    124: (Outcome.FAILED, "the command on the other side failed"),
    125: (Outcome.FAILED, "the command on the other side was killed"),
    126: (Outcome.FAILED, "the command on the other side could not be run"),
    127: (Outcome.FAILED, "there is no rsync on the other side"),
    255: (Outcome.FAILED, "ssh could not connect, or lost its connection"),
}


def outcome_of(code: int) -> Outcome:
    """Judge an exit code of rsync; a negative one is the signal that killed it."""
    return _TABLE[code][0] if code in _TABLE else Outcome.FAILED


def may_pass(code: int) -> bool:
    """Whether the same command may succeed a little later: the connection, not the data."""
    return code in {10, 12, 30, 35, 255}


def is_refusal(complaint: bytes) -> bool:
    """Whether an rrsync has said no, which ends the conversation as a broken connection does.

    It lets one rsync in at a time, and one whose connection broke may take a while to notice.
    """
    return _REFUSAL.search(complaint) is not None


def told_all(code: int) -> bool:
    """Whether rsync came to its end, so that it has said everything that it changed."""
    return code in {0, 23, 24, 25}


def cut_off(code: int) -> bool:
    """Whether some rsync was killed on this machine, so that it could not clear up after itself.

    A receiver that is killed leaves the file it was writing as `.name.XXXXXX`, in no list of names.
    """
    return code < 0 or code in {12, 14, 15, 16, 19, 20, 21}


def meaning_of(code: int) -> str:
    """The exit code in words."""
    if code < 0:
        return f"rsync was killed by signal {-code}"
    return _TABLE[code][1] if code in _TABLE else "rsync ended with a code that it never documented"
