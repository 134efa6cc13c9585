"""What `drill` does: which drills are meant, carried out one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import DrillPlan, Plan
from engine.system.drill.rehearse import Asked, Rehearsed, rehearse
from engine.system.host.lock import Locked
from policyctl.boundary import Refused
from policyctl.running import Running


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One drill, as it went."""

    drill: DrillPlan
    done: Rehearsed | None = None
    locked: str = ""
    """Why it did not begin: another one of its name goes on."""


def drill(
    root: Path,
    named: Sequence[str],
    *,
    place: str | None,
    seed: Callable[[], int],
    keep: bool,
    say: Callable[[str], None],
) -> Iterator[Attempt]:
    """Carry out drills, all where none is named; a signal ends the row. Raises `Refused`."""
    running = Running.of_applied(root)
    for one in _wanted(running.plan, named, place):
        asked = Asked(seed=seed(), place=place, keep=keep)
        try:
            done = rehearse(
                running.plan,
                one,
                asked,
                places=running.places,
                clock=lambda: datetime.now(UTC),
                say=say,
            )
        except Locked as locked:
            yield Attempt(drill=one, locked=str(locked))
            continue
        yield Attempt(drill=one, done=done)
        if done.signal is not None:
            return


def _wanted(plan: Plan, named: Sequence[str], place: str | None) -> tuple[DrillPlan, ...]:
    """Raises `Refused` for what the applied plan does not have."""
    known = ", ".join(one.name for one in plan.drills)
    if not known:
        raise Refused(
            "the applied plan has no drills: state some under `drills:` in the manifest, and apply"
        )
    found = []
    for name in dict.fromkeys(named or [one.name for one in plan.drills]):
        one = plan.drill(name)
        if one is None:
            raise Refused(f"the applied plan has no drill {name!r}; it has: {known}")
        found.append(one)
    if place is not None and plan.destination(place) is None:
        places = ", ".join(one.name for one in plan.destinations)
        raise Refused(f"there is no destination {place!r}; there are: {places}")
    return tuple(found)
