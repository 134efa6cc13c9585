"""Calendar expressions: the subset of systemd's OnCalendar that a manifest may use.

Owns the words of a schedule (`Mon..Fri 02:00`, `*:0/15`, `weekly`) and their meaning as sets of
local date and time components. It knows no time zone and no clock: when a calendar elapses is
computed by `engine.schedule.calendars`. Nothing is accepted here that systemd would refuse.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from itertools import starmap
from typing import Final

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
"""The last year in which systemd lets a calendar elapse."""

WEEKDAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVERY_WEEKDAY: Final = tuple(range(7))
_LONG_NAMES: Final = (
    *("monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday"),
)
_WEEKDAY_NUMBERS: Final = {name: number for number, name in enumerate(_LONG_NAMES)} | {
    name[:3]: number for number, name in enumerate(_LONG_NAMES)
}
_HALF_YEARLY: Final = "*-01,07-01"
_SHORTHANDS: Final = {
    "minutely": "*:*",
    "hourly": "*:00",
    "daily": "*-*-*",
    "weekly": "Mon",
    "monthly": "*-*-01",
    "quarterly": "*-01,04,07,10-01",
    "semiannually": _HALF_YEARLY,
    "semi-annually": _HALF_YEARLY,
    "biannually": _HALF_YEARLY,
    "bi-annually": _HALF_YEARLY,
    "yearly": "*-01-01",
    "annually": "*-01-01",
}
_EXAMPLES: Final = "for example daily, Mon..Fri 03:00 or *-*-01 04:30"
# systemd refuses longer lists (its CALENDARSPEC_COMPONENTS_MAX).
_LONGEST_LIST: Final = 240
_Values = tuple[int, ...] | None
_PART: Final = re.compile(r"([0-9]{1,9})(?:\.\.([0-9]{1,9}))?(?:/([0-9]{1,9}))?")
_FRACTION: Final = re.compile(r"[0-9]\.(?!\.)")


class CalendarError(ValueError):
    """Text that is not a calendar, with a sentence that says why and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A set of local date and time components; it elapses when all of them match.

    Each tuple is sorted and without duplicates; `None` stands for any value, and is also used
    when a list happens to name every value. Weekdays count from Monday = 0.
    """

    text: str = field(compare=False)
    weekdays: tuple[int, ...] = _EVERY_WEEKDAY
    years: tuple[int, ...] | None = None
    months: tuple[int, ...] | None = None
    days: tuple[int, ...] | None = None
    hours: tuple[int, ...] | None = (0,)
    minutes: tuple[int, ...] | None = (0,)
    seconds: tuple[int, ...] = (0,)

    def canonical(self) -> str:
        """Return the calendar written out in full; a timer must get this text, not `text`.

        Equal calendars have the same canonical text, and it parses back to an equal calendar. It is
        what systemd normalises to, but for steps without an end: systemd 252 counts `*:0/7` on past
        the end of its hour and so skips 00:00 each night, skips 00:00 of `00/5:00` on the first of
        each month, and where clocks change at midnight gives up on `00/6:00` altogether ("infinite
        loop"). A closed range (`*:00..56/7`) has none of these faults.
        """
        day = (_YEAR, self.years), (_MONTH, self.months), (_DAY, self.days)
        seconds = None if len(self.seconds) == _SECOND.size else self.seconds
        time = (_HOUR, self.hours), (_MINUTE, self.minutes), (_SECOND, seconds)
        words = _write_weekdays(self.weekdays)
        return " ".join((*words, "-".join(starmap(_write, day)), ":".join(starmap(_write, time))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    """One number of a date or a time: its name in messages, its range and its written width."""

    name: str
    low: int
    high: int
    width: int = 2

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def check(self, value: int, text: str) -> None:
        if not self.low <= value <= self.high:
            raise CalendarError(
                f"the {self.name} '{text}' is out of range: "
                f"write a number from {self.low} to {self.high}"
            )


_YEAR: Final = _Component(name="year", low=FIRST_YEAR, high=LAST_YEAR, width=4)
_MONTH: Final = _Component(name="month", low=1, high=12)
_DAY: Final = _Component(name="day", low=1, high=31)
_HOUR: Final = _Component(name="hour", low=0, high=23)
_MINUTE: Final = _Component(name="minute", low=0, high=59)
_SECOND: Final = _Component(name="second", low=0, high=59)


def parse_calendar(text: str) -> Calendar:
    """Parse a calendar expression; any text that is not one raises `CalendarError`."""
    _refuse_foreign(text)
    words = [word for word in _SHORTHANDS.get(text.lower(), text).split(" ") if word]
    weekdays = _parse_weekdays(words.pop(0)) if words[0][0].isalpha() else _EVERY_WEEKDAY
    years, months, days = _parse_date(words.pop(0)) if _next_has(words, "-") else (None,) * 3
    hours, minutes, seconds = _parse_time(words.pop(0)) if _next_has(words, ":") else ((0,),) * 3
    if words:
        raise CalendarError(_unexpected(words[0], text))
    calendar = Calendar(
        text=text,
        weekdays=weekdays,
        years=years,
        months=months,
        days=days,
        hours=hours,
        minutes=minutes,
        seconds=tuple(range(60)) if seconds is None else seconds,
    )
    if not any(_matching_dates(calendar)):
        raise CalendarError(f"'{text}' never comes: write a date that some year has")
    return calendar


def _refuse_foreign(text: str) -> None:
    """Refuse what no calendar has, and what systemd knows but this subset leaves out."""
    if not (text.isascii() and text.isprintable()):
        raise CalendarError(f"{text!a} has characters that no calendar has: write {_EXAMPLES}")
    if not text.strip():
        raise CalendarError(f"the calendar is empty: write when to run, {_EXAMPLES}")
    if text != text.strip():
        raise CalendarError(f"'{text}' has spaces around it: write '{text.strip()}'")
    if "~" in text:
        raise CalendarError(
            "'~' (counting from the end of the month) is not supported: "
            "write a day that every month has, for example *-*-28"
        )
    if _FRACTION.search(text):
        raise CalendarError("fractions of a second are not supported: write whole seconds")
    last = text.split(" ")[-1]
    if last != text and last[:1].isalpha():
        raise CalendarError(
            f"a calendar cannot end in '{last}': write the weekday first, no time zone "
            "(the manifest's `timezone` applies to all) and nothing after daily, weekly, …"
        )


def _next_has(words: list[str], separator: str) -> bool:
    return bool(words) and separator in words[0]


def _unexpected(word: str, text: str) -> str:
    if word == text:
        return f"'{text}' is not a calendar: write {_EXAMPLES}"
    return f"'{word}' in '{text}' is not understood: write weekday, date and time in this order"


def _parse_weekdays(word: str) -> tuple[int, ...]:
    numbers: set[int] = set()
    for part in word.split(","):
        # systemd still takes the old spelling Mon-Fri; the canonical form has Mon..Fri.
        first, dots, last = part.replace("-", "..", 1).partition("..")
        begin = _parse_weekday(first, word)
        end = _parse_weekday(last, word) if dots else begin
        if end < begin:
            week = _write_weekdays((*range(end + 1), *range(begin, 7)))
            raise CalendarError(
                f"the range '{part}' runs past the end of the week: "
                f"write {week[0] if week else 'no weekday'}"
            )
        numbers.update(range(begin, end + 1))
    return tuple(sorted(numbers))


def _parse_weekday(name: str, word: str) -> int:
    number = _WEEKDAY_NUMBERS.get(name.lower())
    if number is not None:
        return number
    close = get_close_matches(word.lower(), [*_SHORTHANDS, *_LONG_NAMES], n=1)
    instead = f"write {close[0]}" if close else f"write {_EXAMPLES}"
    raise CalendarError(f"'{name or word}' is neither a weekday nor a calendar: {instead}")


def _parse_date(word: str) -> tuple[_Values, _Values, _Values]:
    parts = word.split("-")
    if len(parts) not in (2, 3):
        raise CalendarError(f"'{word}' is not a date: write year-month-day, for example *-*-01")
    month, day = parts[-2:]
    year = parts[0] if len(parts) == 3 else "*"
    return _parse_values(_YEAR, year), _parse_values(_MONTH, month), _parse_values(_DAY, day)


def _parse_time(word: str) -> tuple[_Values, _Values, _Values]:
    parts = word.split(":")
    if len(parts) not in (2, 3):
        raise CalendarError(f"'{word}' is not a time: write hour:minute, for example 03:00")
    hour, minute = parts[:2]
    second = parts[2] if len(parts) == 3 else "00"
    return (
        _parse_values(_HOUR, hour),
        _parse_values(_MINUTE, minute),
        _parse_values(_SECOND, second),
    )


def _parse_values(component: _Component, text: str) -> _Values:
    """Return the values that one component's text lists, None for any."""
    if text == "*":
        return None
    parts = text.split(",")
    if len(parts) > _LONGEST_LIST:
        raise CalendarError(
            f"the list of {component.name}s is too long: write a range, for example 1..7"
        )
    values = {value for part in parts for value in _parse_part(component, part)}
    return None if len(values) == component.size else tuple(sorted(values))


def _parse_part(component: _Component, part: str) -> range:
    """Return the values of one number, range (`a..b`) or step (`a/n`, `a..b/n`)."""
    match = _PART.fullmatch(part)
    if match is None:
        raise CalendarError(_malformed(component, part))
    begin = int(match[1])
    end = begin if match[2] is None else int(match[2])
    component.check(begin, match[1])
    component.check(end, match[2] or match[1])
    if match[2] is not None and begin == end:
        # systemd takes `5..5` as an hour, but not as a second.
        raise CalendarError(f"the range '{part}' has one value only: write {begin}")
    if end < begin:
        raise CalendarError(
            f"the range '{part}' of {component.name}s runs backwards: write it as two, "
            f"{begin}..{component.high},{component.low}..{end}"
        )
    step = 1 if match[3] is None else int(match[3])
    if step == 0:
        raise CalendarError(f"the step in '{part}' is 0: write 1 or more")
    if match[3] is None or match[2] is not None:
        return range(begin, end + 1, step)
    if begin + step > component.high:
        raise CalendarError(
            f"the step in '{part}' leads past the last {component.name} at once: write {match[1]}"
        )
    return range(begin, component.high + 1, step)


def _malformed(component: _Component, part: str) -> str:
    if part.startswith("*/"):
        # systemd 252 refuses it too, although cron taught everybody to write it.
        return f"'{part}' is not a step: write {component.low}{part[1:]}"
    if "*" in part:
        return f"'*' cannot be part of a list or range of {component.name}s: write '*' alone"
    return (
        f"'{part}' is not a valid {component.name}: "
        "write a number, a list 1,15, a range 1..7 or a step 1/3"
    )


def _matching_dates(calendar: Calendar) -> Iterator[bool]:
    """Yield, for each date that matches apart from its weekday, whether the weekday does too."""
    for year in calendar.years or range(FIRST_YEAR, LAST_YEAR + 1):
        for month in calendar.months or range(1, 13):
            for day in calendar.days or range(1, 32):
                if day <= monthrange(year, month)[1]:
                    yield date(year, month, day).weekday() in calendar.weekdays


def _write(component: _Component, values: _Values) -> str:
    """Write the values as a short list of numbers and closed ranges."""
    if values is None:
        return "*"
    parts: list[str] = []
    rest = values
    while rest:
        length = _progression_length(rest)
        taken = length if length > 2 else 1
        parts.append(_write_part(component, rest[:taken]))
        rest = rest[taken:]
    return ",".join(parts)


def _progression_length(values: tuple[int, ...]) -> int:
    """Return how many of the values, from the first on, lie at one same distance."""
    length = min(len(values), 2)
    while length < len(values) and values[length] - values[length - 1] == values[1] - values[0]:
        length += 1
    return length


def _write_part(component: _Component, values: tuple[int, ...]) -> str:
    first, last = (f"{value:0{component.width}}" for value in (values[0], values[-1]))
    if len(values) == 1:
        return first
    step = values[1] - values[0]
    return f"{first}..{last}" if step == 1 else f"{first}..{last}/{step}"


def _write_weekdays(numbers: tuple[int, ...]) -> tuple[str, ...]:
    """Return no word for all weekdays, else one word such as `Mon..Wed,Sun`."""
    if numbers == _EVERY_WEEKDAY:
        return ()
    runs = "".join(str(number) if number in numbers else " " for number in range(7)).split()
    names = ([WEEKDAY_NAMES[int(digit)] for digit in run] for run in runs)
    return (",".join(f"{run[0]}..{run[-1]}" if len(run) > 2 else ",".join(run) for run in names),)
