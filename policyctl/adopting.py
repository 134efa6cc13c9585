"""What `adopt` takes over: entries of a mirror, or generations whose state is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.system.adopt import entries as adopt
from engine.system.adopt import generations
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
    """Take over what lay in the place of a mirror. Raises `NotAdoptable`."""
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
