"""When a destination will be full, by how its use has grown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

WINDOW = timedelta(days=60)
"""Growth of longer ago says little of what comes."""
HORIZON = timedelta(days=730)
"""What is further away is never, for a person who plans."""
LEAST_POINTS = 5
LEAST_SPAN = timedelta(days=7)
FALL = 0.05
"""A share of what was used, freed from one point to the next: somebody cleaned up, and the growth
is counted anew from there. Otherwise the fall would pass for a trend, and hide the growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomDay:
    """Room at a destination at the end of one day, in bytes."""

    day: date
    free: int
    total: int

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self.total - self.free


def full_on(days: Sequence[RoomDay], max_used: float, *, today: date) -> date | None:
    """The day on which use passes `max_used`, a share from 0 to 1, at the rate of the last days.

    By a least-squares line over the days of the last 60, from the last sudden fall of use or
    change of the disk's size on; at least 7 days and 5 points. None where use does not grow, is
    not known for long enough, or gets there only after two years. Where it is passed already it
    is the day of the last figure.
    """
    window = _window(days, today)
    if len(window) < LEAST_POINTS or window[-1].day - window[0].day < LEAST_SPAN:
        return None
    last = window[-1]
    limit = last.total * max_used
    if last.used > limit:
        return last.day
    rate, level = _line(window)
    if rate <= 0:
        return None
    left = max(0.0, (limit - level) / rate)
    if left > HORIZON.days:
        return None
    found = last.day + timedelta(days=int(left))
    return found if found - today <= HORIZON else None


def _window(days: Sequence[RoomDay], today: date) -> list[RoomDay]:
    """The days that say how use grows now, in order; those of a clock that was wrong aside."""
    near = sorted(
        (one for one in days if today - WINDOW < one.day <= today), key=lambda one: one.day
    )
    begin = 0
    for at, (before, after) in enumerate(pairwise(near), start=1):
        if after.total != before.total or after.used < before.used * (1 - FALL):
            begin = at
    return near[begin:]


def _line(window: Sequence[RoomDay]) -> tuple[float, float]:
    """Bytes a day, and the bytes that the line says for the last day."""
    times = [float((one.day - window[-1].day).days) for one in window]
    sizes = [float(one.used) for one in window]
    middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
    spread = sum((time - middle) ** 2 for time in times)
    together = sum((time - middle) * (size - mean) for time, size in zip(times, sizes, strict=True))
    rate = together / spread
    return rate, mean - rate * middle
