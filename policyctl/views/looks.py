"""What checks have found: those that were just made, and how each stands in `status`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.checks.judge import length
from engine.checks.outcome import Checked, Status
from engine.standing.checks import CheckHealth, CheckStatus
from policyctl.exit_codes import ExitCode
from policyctl.views.console import Json, paint
from policyctl.views.paths import show_text

if TYPE_CHECKING:
    from policyctl.probing import Attempt


def exit_code_of(one: Attempt) -> ExitCode:
    """The exit code of one check; nobody knows of a look that could not be told (law 6)."""
    if one.done is None:
        return ExitCode.LOCKED
    if one.done.signal is not None:
        terminated = one.done.signal == signal.SIGTERM
        return ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
    good = one.done.checked.good and not one.done.untold
    return ExitCode.OK if good else ExitCode.FAILED


def attempt_lines(one: Attempt) -> Iterator[str]:
    """Lines for people."""
    if one.done is None:
        yield f"{one.check.name}: {paint('not begun', 'red', sys.stdout)}: {one.locked}"
        return
    verdict = one.done.checked.verdict
    assert verdict is not None, "it has ended"
    good = verdict.status is Status.OK
    head = paint(verdict.status.value, "green" if good else "red", sys.stdout)
    yield f"{one.check.name}: {head}" + (f": {show_text(verdict.reason)}" if verdict.reason else "")
    if one.done.untold:
        yield f"  {paint('not told', 'red', sys.stdout)}: {one.done.untold}"


def attempts_json(attempts: Sequence[Attempt]) -> list[dict[str, Json]]:
    """The same for programs."""
    return [_attempt_json(one) for one in attempts]


def _attempt_json(one: Attempt) -> dict[str, Json]:
    if one.done is None:
        return {"check": one.check.name, "status": "locked", "reason": one.locked}
    return {**looked_json(one.done.checked), "not_told": one.done.untold or None}


def looked_json(one: Checked) -> dict[str, Json]:
    """One look as the records hold it."""
    verdict = one.verdict
    return {
        "check": one.check,
        "began": one.began.isoformat(),
        "ended": _moment(one.ended),
        "status": verdict.status.value if verdict is not None else None,
        "reason": verdict.reason if verdict is not None else "",
        "looked": verdict.looked if verdict is not None else 0,
        "newest": _moment(verdict.newest) if verdict is not None else None,
        "newest_bytes": verdict.bytes if verdict is not None else None,
    }


# ── In `status` ──────────────────────────────────────────────────────────────────────────────


def check_lines(one: CheckStatus, zone: ZoneInfo) -> Iterator[str]:
    """How one check stands."""
    parts = [f"check {one.check}: {one.health.value}"]
    if one.age is not None:
        parts.append(f", looked {_ago(one.age)}")
    if one.health in {CheckHealth.FAILING, CheckHealth.WELL} and one.reason:
        parts.append(f": {show_text(one.reason)}")
    if one.due is not None:
        parts.append(f"; next {one.due.astimezone(zone).strftime('%d %b %H:%M')}")
    yield "".join(parts)
    if one.unfinished is not None:
        began = one.unfinished.astimezone(zone).strftime("%d %b %H:%M")
        yield f"  one that began at {began} has not ended: it goes on, or was killed"


def check_json(one: CheckStatus) -> dict[str, Json]:
    """The same for programs."""
    return {
        "check": one.check,
        "kind": one.kind,
        "health": one.health.value,
        "healthy": one.sound,
        "age_seconds": _seconds(one.age),
        "allowed_seconds": _seconds(one.allowed),
        "next_run": _moment(one.due),
        "unfinished_since": _moment(one.unfinished),
        "last": looked_json(one.last) if one.last is not None else None,
        "last_success": _moment(one.success.ended) if one.success is not None else None,
    }


def _ago(age: timedelta) -> str:
    return "just now" if age < timedelta(minutes=1) else f"{length(age)} ago"


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _seconds(age: timedelta | None) -> int | None:
    return int(age.total_seconds()) if age is not None else None
