"""Calendars as lines of cron, as a CronJob of Kubernetes reads them. Pure.

Owns what cron can say and what it cannot. The controller reads five fields (robfig/cron, the
standard parser) in the job's time zone. A local time that is skipped starts nothing, as in systemd;
one that is repeated starts twice, where systemd starts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from policy.calendar import Calendar

BY_HAND = "0 0 1 1 *"
"""Stands in a job that is suspended, and starts by hand only: some line has to."""
_Values = tuple[int, ...] | None
_SUNDAY = 6


class CronImpossible(ValueError):
    """A calendar that no line of cron can say; the message says why, and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronLine:
    """One line: each field is a set of numbers, None any."""

    minutes: _Values
    hours: _Values
    days: _Values
    months: _Values
    weekdays: _Values
    """Counted from Sunday = 0."""

    @property
    def text(self) -> str:
        """The line as it is written."""
        return " ".join(_written(values) for values in _parts(self))


def cron_lines(calendars: Sequence[Calendar]) -> tuple[CronLine, ...]:
    """As few lines as say it together. Raises `CronImpossible`."""
    lines = [_line(one) for one in calendars]
    while (merged := _merged_once(lines)) is not None:
        lines = merged
    return tuple(sorted(lines, key=lambda line: line.text))


def _line(calendar: Calendar) -> CronLine:
    if calendar.seconds != (0,):
        raise CronImpossible(f"{calendar.text!r} has seconds, and cron counts minutes")
    if calendar.years is not None:
        raise CronImpossible(f"{calendar.text!r} names years, which cron knows nothing of")
    every_weekday = len(calendar.weekdays) == _SUNDAY + 1
    if calendar.days is not None and not every_weekday:
        raise CronImpossible(
            f"{calendar.text!r} asks for a weekday and a day of the month at once: cron would take "
            "the days that are either"
        )
    weekdays = None if every_weekday else tuple(sorted((one + 1) % 7 for one in calendar.weekdays))
    return CronLine(
        minutes=calendar.minutes,
        hours=calendar.hours,
        days=calendar.days,
        months=calendar.months,
        weekdays=weekdays,
    )


def _merged_once(lines: Sequence[CronLine]) -> list[CronLine] | None:
    """The same times in one line less; None where no two lines can be one."""
    for index, one in enumerate(lines):
        for other in lines[index + 1 :]:
            both = _both(one, other)
            if both is not None:
                rest = [line for line in lines if line is not one and line is not other]
                return [*rest, both]
    return None


def _both(one: CronLine, other: CronLine) -> CronLine | None:
    """Two lines as one, where they differ in one field at most."""
    names = [field.name for field in fields(CronLine)]
    differing = [name for name in names if getattr(one, name) != getattr(other, name)]
    if not differing:
        return one
    if len(differing) > 1:
        return None
    (name,) = differing
    return replace(one, **{name: _union(getattr(one, name), getattr(other, name))})


def _union(one: _Values, other: _Values) -> _Values:
    return None if one is None or other is None else tuple(sorted({*one, *other}))


def _parts(line: CronLine) -> Iterator[_Values]:
    yield from (line.minutes, line.hours, line.days, line.months, line.weekdays)


def _written(values: _Values) -> str:
    """A field: `*`, or a short list of numbers and closed ranges.

    Never `*/n`: to the controller a field that begins with a star asks for nothing, and of weekday
    and day of the month it then takes the days that are both.
    """
    if values is None:
        return "*"
    parts, rest = [], values
    while rest:
        length = _progression(rest)
        taken = length if length > 2 else 1
        parts.append(_part(rest[:taken]))
        rest = rest[taken:]
    return ",".join(parts)


def _progression(values: tuple[int, ...]) -> int:
    """How many of the values, from the first on, lie at one same distance."""
    length = min(len(values), 2)
    while length < len(values) and values[length] - values[length - 1] == values[1] - values[0]:
        length += 1
    return length


def _part(values: tuple[int, ...]) -> str:
    if len(values) == 1:
        return str(values[0])
    step = values[1] - values[0]
    return f"{values[0]}-{values[-1]}" + (f"/{step}" if step > 1 else "")
