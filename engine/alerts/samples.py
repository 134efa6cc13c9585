"""What a series is, and one value of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A series' name, what it means, and by which labels it is told apart; each is a gauge."""

    name: str
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of a series."""

    metric: Metric
    labels: tuple[str, ...]
    """The values of the metric's labels, in its order."""
    value: float


def sample(metric: Metric, labels: tuple[str, ...], value: float | datetime) -> Sample:
    """One value, or the time of something as one."""
    number = value.timestamp() if isinstance(value, datetime) else float(value)
    return Sample(metric=metric, labels=labels, value=number)
