"""What `pause` and `resume` did, and what that means for the copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.schedule.pauses import Pause, moment, pause_sentence
from policyctl.views.console import Json

if TYPE_CHECKING:
    from policyctl.pausing import Paused, Resumed


def paused_lines(done: Paused) -> Iterator[str]:
    """Lines for people."""
    leg = done.pause.leg
    yield pause_sentence(done.pause, done.timezone)
    yield "  until then no timer starts it, its alerts are silent, and its copies get no newer"
    if done.due is not None:
        due = moment(done.due, done.timezone)
        yield f"  its first run by schedule is then that of {due}; until that its age counts again"
    if done.running:
        yield "  a run of it goes on just now: it is not stopped"
    if done.carried_on_by:
        others = ", ".join(done.carried_on_by)
        yield f"  what comes after it runs all the same, with data that get older: {others}"
    by_hand = f"by hand it runs as ever: `policyctl run {leg}`"
    yield f"  {by_hand}; this ends it: `policyctl resume {leg}`"


def paused_json(done: Paused) -> dict[str, Json]:
    """The same for programs."""
    return {
        "leg": done.pause.leg,
        "paused": True,
        "until": done.pause.until.isoformat(),
        "since": done.pause.since.isoformat(),
        "reason": done.pause.reason,
        "next_run": done.due.isoformat() if done.due is not None else None,
        "running": done.running,
        "carried_on_by": list(done.carried_on_by),
        "not_told": done.not_told or None,
    }


def check_json(leg: str, pause: Pause | None) -> dict[str, Json]:
    """Whether a leg may start by schedule."""
    return {
        "leg": leg,
        "paused": pause is not None,
        "until": pause.until.isoformat() if pause is not None else None,
        "reason": pause.reason if pause is not None else "",
    }


def resumed_lines(done: Resumed) -> Iterator[str]:
    """Lines for people."""
    if done.ended is None:
        yield f"{done.leg} is not paused: nothing was changed"
    else:
        yield f"{done.leg} is paused no more"
    if done.due is not None:
        yield f"  next run by schedule: {moment(done.due, done.timezone)} ({done.timezone})"
    if done.missed is not None:
        missed = moment(done.missed, done.timezone)
        yield f"  it missed its run of {missed}; to make up for it: policyctl run {done.leg}"


def resumed_json(done: Resumed) -> dict[str, Json]:
    """The same for programs."""
    return {
        "leg": done.leg,
        "resumed": done.ended is not None,
        "next_run": done.due.isoformat() if done.due is not None else None,
        "missed": done.missed.isoformat() if done.missed is not None else None,
        "not_told": done.not_told or None,
    }


def not_told_sentence(leg: str, why_not: str, *, paused: bool) -> str:
    """That nobody who watches knows, and what to do."""
    means = "its alerts may fire all the same" if paused else "its alerts may stay silent"
    again = "say it again" if paused else f"policyctl resume {leg}"
    return f"policyctl: done, but not told: {why_not}; {means}: mend that, then {again}"
