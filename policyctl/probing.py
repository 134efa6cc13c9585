"""What `probe` does: which checks are meant, carried out one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import CheckPlan, Plan
from engine.system.checks.carry_out import Looked, carry_out
from engine.system.host.lock import Locked
from policyctl.boundary import Refused
from policyctl.running import Running


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One check, as it went."""

    check: CheckPlan
    done: Looked | None = None
    locked: str = ""
    """Why it did not begin: another one of its name goes on."""


def probe(root: Path, named: Sequence[str], job: Path | None = None) -> Iterator[Attempt]:
    """Carry out checks, all where none is named; a signal ends the row. Raises `Refused`.

    `job`: the plan of a job in a cluster.
    """
    running = Running.of_applied(root, job=job)
    for one in _wanted(running.plan, named):
        try:
            done = carry_out(
                running.plan, one, places=running.places, clock=lambda: datetime.now(UTC)
            )
        except Locked as locked:
            yield Attempt(check=one, locked=str(locked))
            continue
        yield Attempt(check=one, done=done)
        if done.signal is not None:
            return


def _wanted(plan: Plan, named: Sequence[str]) -> tuple[CheckPlan, ...]:
    """Raises `Refused` for what the applied plan does not have, or another runner makes."""
    here = [one.name for one in plan.checks if one.here]
    if not here and not named:
        raise Refused(
            "the applied plan has no checks that this host makes: state some under `checks:` in "
            "the manifest, and apply"
        )
    found = []
    for name in dict.fromkeys(named or here):
        one = plan.check(name)
        if one is None:
            known = ", ".join(each.name for each in plan.checks) or "none"
            raise Refused(f"the applied plan has no check {name!r}; it has: {known}")
        if not one.here:
            raise Refused(f"the check {name!r} has another runner, and is not made by this host")
        found.append(one)
    return tuple(found)
