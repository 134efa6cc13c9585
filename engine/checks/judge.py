"""What was seen, judged: a sentence and a status. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.checks.outcome import Checked, Status, Verdict
from engine.records.measurement import human_bytes, length_words
from policy.checks import Check, FreshnessCheck, HttpCheck, SqliteIntegrityCheck
from policy.values import display

_AHEAD = timedelta(hours=1)
"""A file that is dated later than this from now says that a clock is wrong, and nothing else."""
_MOST_SAID = 3
"""Faults that a sentence names; all are counted."""
_LONGEST = 300
"""Characters of what somebody else's program says."""


def failed(reason: str, **more: int) -> Verdict:
    """Something is not as it should be."""
    return Verdict(status=Status.FAILED, reason=reason, looked=more.get("looked", 0))


def named(faults: Sequence[str]) -> str:
    """The first few faults, and how many more there are."""
    more = len(faults) - _MOST_SAID
    shown = "; ".join(faults[:_MOST_SAID])
    return f"{shown}; and {more:,} more" if more > 0 else shown


def fewer(check: Check, verdict: Verdict, before: Checked | None) -> Verdict:
    """A database that is none any more is not among those that are looked at: their number tells.

    That is said once: from then on the smaller number is what there is.
    """
    known = before.verdict.looked if before is not None and before.verdict is not None else 0
    if not isinstance(check, SqliteIntegrityCheck) or verdict.looked >= known:
        return verdict
    if verdict.status is not Status.OK:
        return verdict
    gone = f"databases found: {verdict.looked:,}, and {known:,} the last time"
    return replace(
        verdict,
        status=Status.FAILED,
        reason=f"{gone}: what was deleted, or is no database any more, is not sound",
    )


# ── Freshness ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found at one path that a pattern matches."""

    path: bytes
    name: bytes = b""
    """The newest file that counts, below it; empty: the path itself."""
    written: float | None = None
    """When it was last written, in seconds since 1970; None: no file counts."""
    size: int = 0
    passed_over: int = 0
    """Files that have the name and are too small."""
    problem: str = ""
    """Why not all of it could be looked at."""


def judge_freshness(check: FreshnessCheck, seen: Sequence[Seen], now: datetime) -> Verdict:
    """The oldest of the newest files decides."""
    if not seen:
        return failed(f"nothing is at {check.path}")
    faults = [fault for one in seen if (fault := _stale(check, one, now))]
    told = [one for one in seen if one.written is not None]
    oldest = min(told, key=lambda one: one.written or 0.0, default=None)
    newest = datetime.fromtimestamp(oldest.written or 0.0, UTC) if oldest is not None else None
    return Verdict(
        status=Status.FAILED if faults else Status.OK,
        reason=named(faults) if faults else _fresh(oldest, now),
        looked=len(seen),
        newest=newest,
        bytes=oldest.size if oldest is not None else None,
    )


def _stale(check: FreshnessCheck, seen: Seen, now: datetime) -> str:
    """What is wrong with one path; empty: nothing."""
    where = display(seen.path)
    if seen.problem:
        return f"{where}: {seen.problem}"
    if seen.written is None:
        small = f": {seen.passed_over:,} smaller than {check.at_least}" if seen.passed_over else ""
        named_so = f" ({check.files})" if check.files is not None else ""
        return f"{where}: no file that counts{named_so}{small}"
    age = now - datetime.fromtimestamp(seen.written, UTC)
    if age < -_AHEAD:
        return f"{_newest(seen)} is dated {length(-age)} from now: a clock was wrong, or is"
    if age > timedelta(seconds=check.newer_than.seconds):
        return f"{_newest(seen)} is {length(age)} old, and {check.newer_than} are allowed"
    return ""


def _newest(seen: Seen) -> str:
    return f"{display(seen.path)}: the newest file{_called(seen)}"


def _called(seen: Seen) -> str:
    return f", {display(seen.name)}," if seen.name else ""


def _fresh(oldest: Seen | None, now: datetime) -> str:
    if oldest is None or oldest.written is None:
        return ""
    age = now - datetime.fromtimestamp(oldest.written, UTC)
    return f"{_newest(oldest)} is {length(age)} old, {human_bytes(oldest.size)}"


def length(age: timedelta) -> str:
    """A length of time as people say it."""
    return length_words(max(0.0, age.total_seconds()))


# ── Answers ──────────────────────────────────────────────────────────────────────────────────


def judge_answer(check: HttpCheck, status: int, reason: str, body: bytes) -> Verdict:
    """What a server has answered with; `body` is its beginning."""
    said = f"{status} {reason}".strip()
    if check.status is not None and status != check.status:
        return failed(f"{check.url} answers {_short(said)}, and not {check.status}")
    if check.status is None and not 200 <= status < 300:
        elsewhere = ": it is not followed to another host" if 300 <= status < 400 else ""
        return failed(f"{check.url} answers {_short(said)}{elsewhere}")
    if check.contains is not None and check.contains.encode() not in body:
        wanted = display(check.contains.encode("utf-8", "replace"))
        return failed(f"the answer of {check.url} does not hold {wanted!r}")
    return Verdict(status=Status.OK, reason=f"{check.url} answers {_short(said)}", looked=1)


def judge_ending(code: int, stdout: bytes, stderr: bytes) -> Verdict:
    """How a command has ended; its last line says why, on stderr rather than on stdout."""
    said = _short(_last_line(stderr) or _last_line(stdout) if code else _last_line(stdout))
    if code == 0:
        return Verdict(status=Status.OK, reason=said, looked=1)
    ended = f"it was killed by signal {-code}" if code < 0 else f"it ended with {code}"
    return failed(f"{ended}: {said}" if said else ended)


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.splitlines()]
    return display(next((line for line in reversed(lines) if line), b""))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
