"""A check, from its lock to its record, on every way out."""

from __future__ import annotations

import os
import signal as signals
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.checks.judge import failed, fewer, judge_ending
from engine.checks.outcome import Checked, Status, Verdict
from engine.checks.request import (
    AnswerUnreadable,
    answer_from_json,
    declaration_of,
    request_of,
    request_to_json,
)
from engine.plan.model import CheckPlan, Plan
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.host.secrets import variables_for
from engine.system.host.signals import Interrupted, interruptible
from engine.system.state.looks import Looks
from engine.system.state.state import open_state
from engine.system.telling.tell import tell_check
from policy.checks import CommandCheck, HttpCheck

_WORKER = (os.fsencode(sys.executable), b"-m", b"engine.system.checks.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A check that has ended."""

    checked: Checked
    untold: str = ""
    """Why its figures could not be told."""
    signal: int | None = None
    """By which it was ended."""


def carry_out(
    plan: Plan, check: CheckPlan, *, places: Places, clock: Callable[[], datetime]
) -> Looked:
    """Carry out one check, note it and tell it.

    Raises `Locked` where it goes on already, and `StateUnusable`.
    """
    with (
        hold(places.check_lock(check.name)),
        open_state(places.state_file) as state,
        interruptible(),
    ):
        looks, signal = Looks(state.connection), None
        begun = Checked(check=check.name, began=clock())
        try:
            before = looks.facts(check.name).last
            looks.note(begun)
            since = looks.since(declaration_of(plan, check.check))
            verdict = fewer(check.check, _look(plan, check, places, since), before)
        except Interrupted as end:
            signal = end.number
            verdict = Verdict(status=Status.INTERRUPTED, reason=str(end))
        done = replace(begun, ended=clock(), verdict=verdict)
        looks.note(done)
        return Looked(checked=done, untold=tell_check(plan, check, state, places), signal=signal)


def _look(plan: Plan, one: CheckPlan, places: Places, since: datetime | None) -> Verdict:
    check = one.check
    try:
        if isinstance(check, CommandCheck):
            argv = tuple(os.fsencode(word) for word in check.run)
            done = run(Command(argv=argv, timeout=check.timeout.seconds))
            late = _late(one, done)
            return late or judge_ending(done.code, done.stdout, done.stderr)
        request = request_to_json(request_of(plan, check, since))
        done = run(
            Command(
                argv=(*_WORKER, _root(places), request.encode()),
                timeout=check.timeout.seconds,
                env=_variables(one),
            )
        )
        return _late(one, done) or _answer(done)
    except CommandNotStarted as error:
        return Verdict(status=Status.REFUSED, reason=str(error))


def _root(places: Places) -> bytes:
    """What stands before the paths of the final system; empty: nothing."""
    return os.fsencode(os.path.abspath(places.root)) if places.staged else b""  # noqa: PTH100 - symlinks stay


def _variables(one: CheckPlan) -> dict[str, str]:
    headers = one.check.headers if isinstance(one.check, HttpCheck) else ()
    found = variables_for(None)
    for header in headers:
        found.update(variables_for(header.secret))
    return found


def _late(one: CheckPlan, done: Completed) -> Verdict | None:
    return failed(f"it was not done within {one.check.timeout}") if done.timed_out else None


def _answer(done: Completed) -> Verdict:
    try:
        return answer_from_json(done.stdout.decode("utf-8", "replace"))
    except AnswerUnreadable:
        if done.code < 0:
            name = signals.Signals(-done.code).name
            return failed(f"the process that looked was killed by {name}")
        said = f": {done.last_words}" if done.last_words else ""
        return Verdict(
            status=Status.REFUSED, reason=f"the process that looked ended with {done.code}{said}"
        )
