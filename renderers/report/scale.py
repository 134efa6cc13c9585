"""Places on a line, in percent of its length: what is drawn so fits any width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of the line: where it begins and how long it is, in percent."""

    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the line, with what it says."""

    x: float
    text: str
    strong: bool
    """Whether a day begins there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A line from one number to another one."""

    begins: float
    ends: float

    @classmethod
    def of_time(cls, begins: datetime, ends: datetime) -> Scale:
        """A line of time."""
        return cls(begins=begins.timestamp(), ends=ends.timestamp())

    def at(self, value: float) -> float:
        """Where a value lies; what is outside stands at the end."""
        share = (value - self.begins) / (self.ends - self.begins)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def span(self, begins: float, ends: float, *, least: float = 0.0) -> Span:
        """What lies between two values; `least` percent wide, so that it can be seen."""
        x = self.at(begins)
        width = max(self.at(ends) - x, least)
        return Span(x=round(min(x, 100 - width), 2), width=round(width, 2))

    def hours(self, zone: ZoneInfo, *, every: int) -> Iterator[Tick]:
        """The full hours of a line of time that the local clock shows, each `every` hours."""
        moment = datetime.fromtimestamp(self.begins, UTC)
        while moment.timestamp() <= self.ends:
            local = moment.astimezone(zone)
            if local.minute == 0 and local.hour % every == 0:
                midnight = local.hour == 0
                text = f"{local:%a}" if midnight else f"{local:%H}"
                yield Tick(x=self.at(moment.timestamp()), text=text, strong=midnight)
            moment += timedelta(minutes=15)  # zones lie a quarter of an hour apart
