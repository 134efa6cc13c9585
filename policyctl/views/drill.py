"""How drills went."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.drill.outcome import Drilled, Status, came_words, checked_words, estimate_words
from policyctl.exit_codes import ExitCode
from policyctl.views.console import Json, paint
from policyctl.views.paths import path_json, show_path

if TYPE_CHECKING:
    from policyctl.drilling import Attempt

_SHOWN = 20


def exit_code_of(one: Attempt) -> ExitCode:
    """The exit code of one drill; nobody knows of a good one that could not be told (law 6)."""
    if one.done is None:
        return ExitCode.LOCKED
    if one.done.signal is not None:
        terminated = one.done.signal == signal.SIGTERM
        return ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
    if one.done.drilled.status is not Status.OK or one.done.untold:
        return ExitCode.FAILED
    return ExitCode.DEGRADED if _is_slow(one) else ExitCode.OK


def _stated(one: Attempt) -> int | None:
    within = one.drill.drill.within
    return within.seconds if within is not None else None


def _is_slow(one: Attempt) -> bool:
    return one.done is not None and one.done.drilled.slower_than(_stated(one))


def attempt_lines(one: Attempt) -> Iterator[str]:
    """Lines for people."""
    if one.done is None:
        yield f"{one.drill.name}: {paint('not begun', 'red', sys.stdout)}: {one.locked}"
        return
    found = one.done.drilled
    good = found.status is Status.OK
    head = paint(found.status.value if found.status else "", "green" if good else "red", sys.stdout)
    place = f", {found.source} from {found.place}" if found.place else ""
    yield f"{found.drill}{place}: {head}" + (f": {found.reason}" if found.reason else "")
    if found.files:
        yield f"  came back: {came_words(found)}"
        yield f"  checked: {checked_words(found)}"
        estimate = estimate_words(found, _stated(one))
        if estimate:
            slow = paint(": longer than stated", "red", sys.stdout) if _is_slow(one) else ""
            yield f"  {estimate}{slow}"
    yield from _fault_lines(found)
    if one.done.kept:
        yield f"  kept: {show_path(one.done.kept)}"
    if found.files or found.faults:
        yield f"  its seed is {found.seed}: `--seed {found.seed}` draws the same files again"
    if one.done.untold:
        yield f"  {paint('not told', 'red', sys.stdout)}: {one.done.untold}"


def _fault_lines(found: Drilled) -> Iterator[str]:
    for fault in found.faults[:_SHOWN]:
        inside = f"{fault.item}: " if fault.item else ""
        yield f"  {fault.place}: {inside}{show_path(fault.path)}: {fault.what}"
    if found.fault_count > _SHOWN:
        yield f"  … and {found.fault_count - _SHOWN:,} more: --json lists the first thousand"


def advice_lines(attempts: Iterable[Attempt]) -> Iterator[str]:
    """What to type next; nothing where all is well."""
    for one in attempts:
        if one.done is not None and one.done.drilled.fault_count:
            yield (
                f"{one.drill.name}: find out which side is right before anything else: `policyctl "
                "explain PATH` lists the other copies, `policyctl restore PATH --from COPY` brings "
                "one back beside the others; two that agree outvote one"
            )


def attempts_json(attempts: Sequence[Attempt]) -> list[dict[str, Json]]:
    """The same for programs."""
    return [_attempt_json(one) for one in attempts]


def _attempt_json(one: Attempt) -> dict[str, Json]:
    if one.done is None:
        return {"drill": one.drill.name, "status": "locked", "reason": one.locked}
    kept = path_json(one.done.kept, "kept") if one.done.kept else {"kept": None}
    return {
        **drilled_json(one.done.drilled),
        "stated_seconds": _stated(one),
        "slower_than_stated": _is_slow(one),
        **kept,
        "not_told": one.done.untold or None,
    }


def drilled_json(one: Drilled) -> dict[str, Json]:
    """One drill as the records hold it."""
    return {
        "drill": one.drill,
        "source": one.source,
        "from": one.place,
        "began": one.began.isoformat(),
        "ended": _moment(one.ended),
        "status": one.status.value if one.status is not None else None,
        "reason": one.reason,
        "seed": one.seed,
        "data_as_of": _moment(one.data_as_of),
        "files": one.files,
        "bytes": one.bytes,
        "seconds": round(one.seconds, 3),
        "compared_files": one.compared,
        "databases": one.databases,
        "source_bytes": one.whole,
        "estimated_seconds": round(one.estimate, 1) if one.estimate is not None else None,
        "fault_count": one.fault_count,
        "faults": [
            {**path_json(fault.path), "item": fault.item, "from": fault.place, "what": fault.what}
            for fault in one.faults
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
