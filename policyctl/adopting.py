"""What `adopt` takes over: entries of a mirror, or generations whose state is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.system.adopt import entries as adopt
from engine.system.adopt import generations
from policy.legs import KeepingLeg
from policyctl.boundary import Refused
from policyctl.running import Running
from policyctl.views.adopt import (
    adoption_json,
    adoption_lines,
    generations_json,
    generations_lines,
)
from policyctl.views.console import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is told of it."""

    lines: tuple[str, ...]
    data: dict[str, Json]
    waits: bool
    """Whether something would be taken over, once a person says so."""


def adopt_copies(running: Running, place: str, leg: str, *, yes: bool) -> Shown:
    """Take over what lay in the place of a mirror. Raises `NotAdoptable`.

    And `Refused` for a leg that keeps generations in a cluster.
    """
    _refuse_elsewhere(running, leg)
    found = adopt.preview(running.plan, place, leg, running.places)
    if yes:
        adopt.adopt(found, running.places, datetime.now(UTC))
    return Shown(
        lines=tuple(adoption_lines(found, adopted=yes)),
        data=adoption_json(found, adopted=yes),
        waits=bool(found.names) and not yes,
    )


def adopt_generations(running: Running, place: str, leg: str, *, yes: bool) -> Shown:
    """Give a leg back what it had made. Raises `NotAdoptable`."""
    now = datetime.now(UTC)
    found = generations.preview(running.plan, place, leg, running.places, now)
    if yes:
        generations.adopt(found, running.places, now)
    zone = ZoneInfo(running.plan.timezone)
    return Shown(
        lines=tuple(generations_lines(found, zone, adopted=yes)),
        data=generations_json(found, adopted=yes),
        waits=any(one.names for one in found) and not yes,
    )


def _refuse_elsewhere(running: Running, leg: str) -> None:
    """The state of this host knows nothing of what a job keeps: its records lie beside that."""
    found = running.plan.leg(leg)
    if found is not None and found.leg.runner is not None and isinstance(found.leg, KeepingLeg):
        raise Refused(
            f"{leg} runs in the cluster, and nothing has to be adopted for it: its next job takes "
            "over by itself what its user has made in a directory where nobody else may write. "
            "Where it does not: `chmod go-w` that directory, and `chown` what is in it to the user "
            "of its runner; nothing was changed"
        )
