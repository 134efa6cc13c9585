"""The days that a plan knows: which legs run when, from the earliest start to the latest end. Pure.

A plan's days are few: an ordinary one, days of the week that have something more, and the days on
which a rare leg runs. They are taken from the reference years, so that no clock is in them; which
dates these were says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Chains
from engine.schedule.calendars import REFERENCE_END, REFERENCE_START
from engine.schedule.timeline import Runs, disk_of
from policy.calendar import WEEKDAY_NAMES

DAY = 86_400
_REGULAR = 0.9
"""Of all Mondays, say, the share on which a run is due that counts as one of each Monday; a change
of the clocks can skip a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One run, in seconds since the midnight that its day begins with; more than a day: after it.

    Of several days that are alike it is the earliest of all starts, and the latest of all ends.
    """

    due: int
    earliest: int
    """Earliest start."""
    start: int
    """Latest start."""
    end: int
    """Latest end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The runs of one leg on one day."""

    leg: str
    kind: str
    disk: str | None
    """The destination that it writes to, which no other leg does meanwhile."""
    elsewhere: bool
    """Whether another machine runs it: a cluster."""
    after: tuple[str, ...]
    """Legs that it waits for."""
    more: bool
    """Whether it has a run here that the ordinary day has not."""
    windows: tuple[Window, ...]
    """In order of their due times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDay:
    """A day, or several that are alike."""

    title: str
    """`Every day`, `Mon–Sat`, `Sun`, `A day of NAME`."""
    weekdays: tuple[int, ...]
    """Which days of the week it stands for, counted from Monday = 0; none for a rare one."""
    rows: tuple[Row, ...]
    """By the first due time, then by name."""

    @property
    def ends(self) -> int:
        """When the last run has ended, in seconds since midnight, and no less than a day."""
        return max((DAY, *(window.end for row in self.rows for window in row.windows)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """All days of a plan, the ordinary one first."""

    days: tuple[ShownDay, ...]
    by_hand: tuple[str, ...]
    """Legs without a schedule."""
    never: tuple[str, ...]
    """Legs whose schedule has no run in the reference years."""


_Key = tuple[str, int]
"""A leg, and the second of the day at which it is due."""


@dataclass(frozen=True, slots=True)
class _Due:
    """One run: on which local day it is due, and at which second of that."""

    leg: str
    index: int
    day: date
    second: int

    @property
    def key(self) -> _Key:
        return self.leg, self.second


def days_of(plan: Plan, chains: Chains) -> Days:
    """Choose the days that show a plan, and say what runs on each."""
    found = {leg.name: chains.timeline.of(leg.name) for leg in plan.legs}
    runs = {name: one for name, one in found.items() if one is not None}
    known = {name: one for name, one in runs.items() if one.due}
    shown = _Shown(plan, chains, known)
    return Days(
        days=tuple(shown.days()),
        by_hand=tuple(name for name, one in found.items() if one is None),
        never=tuple(name for name, one in runs.items() if not one.due),
    )


class _Shown:
    """The runs of the reference years by their local days."""

    def __init__(self, plan: Plan, chains: Chains, runs: Mapping[str, Runs]) -> None:
        self.plan, self.policy, self.runs = plan, chains.policy, runs
        self.zone = ZoneInfo(plan.timezone)
        self.dues: dict[date, list[_Due]] = {}
        for name, one in runs.items():
            for index, moment in enumerate(one.due):
                local = datetime.fromtimestamp(moment, self.zone)
                second = local.hour * 3600 + local.minute * 60 + local.second
                due = _Due(name, index, local.date(), second)
                self.dues.setdefault(due.day, []).append(due)
        self.regular = self._regular()

    def _regular(self) -> frozenset[tuple[int, _Key]]:
        """What is due on each day of a certain weekday."""
        counts: Counter[tuple[int, _Key]] = Counter(
            (day.weekday(), one.key) for day, dues in self.dues.items() for one in dues
        )
        weeks = (REFERENCE_END - REFERENCE_START) // timedelta(weeks=1)
        return frozenset(key for key, count in counts.items() if count >= weeks * _REGULAR)

    def is_regular(self, due: _Due) -> bool:
        return (due.day.weekday(), due.key) in self.regular

    def days(self) -> Iterator[ShownDay]:
        monday = self._monday()
        week = [monday + timedelta(days=number) for number in range(7)]
        groups: dict[frozenset[_Key], list[date]] = {}
        for day in week:
            regular = [one for one in self.dues.get(day, ()) if self.is_regular(one)]
            groups.setdefault(frozenset(one.key for one in regular), []).append(day)
        in_order = sorted(groups.items(), key=lambda item: (-len(item[1]), item[1]))
        ordinary = in_order[0][0]
        for keys, alike in in_order:
            if keys or len(in_order) == 1:
                yield self._day(_title(alike), alike, keys, ordinary)
        yield from self._rare_days(ordinary)

    def _monday(self) -> date:
        """The first week without a change of the clocks, and without rare runs if there is one."""
        first = REFERENCE_START.date() + timedelta(days=7)
        first += timedelta(days=-first.weekday() % 7)
        last = REFERENCE_END.date() - timedelta(days=14)
        mondays = [first + timedelta(weeks=at) for at in range((last - first).days // 7)]
        steady = [one for one in mondays if self._steady(one - timedelta(days=1), days=10)]
        quiet = (one for one in steady if not self._rare_in(one))
        return next(quiet, (steady or mondays)[0])

    def _steady(self, day: date, *, days: int) -> bool:
        """Whether the clocks go on evenly from the midnight of a day on."""
        return self._midnight(day + timedelta(days=days)) - self._midnight(day) == days * DAY

    def _rare_in(self, monday: date) -> bool:
        week = (monday + timedelta(days=number) for number in range(7))
        return any(not self.is_regular(one) for day in week for one in self.dues.get(day, ()))

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp())

    def _rare_days(self, ordinary: frozenset[_Key]) -> Iterator[ShownDay]:
        """The first day on which each rare leg runs, where the clocks go on evenly if there is one.

        What else is due then is shown with it: on that day it competes for the same disks.
        """
        first: dict[str, date] = {}
        for steady in (True, False):
            for day in sorted(self.dues):
                rare = {one.leg for one in self.dues[day] if not self.is_regular(one)}
                if rare - first.keys() and (not steady or self._steady(day, days=2)):
                    first.update(dict.fromkeys(rare - first.keys(), day))
        for day in sorted(set(first.values())):
            legs = ", ".join(sorted(leg for leg, when in first.items() if when == day))
            keys = frozenset(one.key for one in self.dues[day])
            yield self._day(f"A day of {legs}", [day], keys, ordinary, weekly=False)

    def _day(
        self,
        title: str,
        alike: list[date],
        keys: frozenset[_Key],
        ordinary: frozenset[_Key],
        *,
        weekly: bool = True,
    ) -> ShownDay:
        windows: dict[_Key, list[Window]] = {}
        for day in alike:
            for due in self.dues.get(day, ()):
                if due.key in keys:
                    windows.setdefault(due.key, []).append(self._window(due))
        rows = [
            self._row(leg, {key: windows[key] for key in keys if key[0] == leg.name}, ordinary)
            for leg in self.plan.legs
        ]
        filled = [row for row in rows if row.windows]
        filled.sort(key=lambda row: (row.windows[0].due, row.leg))
        return ShownDay(
            title=title,
            weekdays=tuple(day.weekday() for day in alike) if weekly else (),
            rows=tuple(filled),
        )

    def _window(self, due: _Due) -> Window:
        runs, at, midnight = self.runs[due.leg], due.index, self._midnight(due.day)
        return Window(
            due=runs.due[at] - midnight,
            earliest=runs.earliest[at] - midnight,
            start=runs.start[at] - midnight,
            end=runs.end[at] - midnight,
        )

    def _row(
        self, leg: LegPlan, windows: Mapping[_Key, list[Window]], ordinary: frozenset[_Key]
    ) -> Row:
        merged = (_merged(several) for several in windows.values())
        return Row(
            leg=leg.name,
            kind=leg.kind,
            disk=disk_of(leg.leg, self.policy),
            elsewhere=leg.leg.runner is not None,
            after=leg.leg.after,
            more=any(key not in ordinary for key in windows),
            windows=tuple(sorted(merged, key=lambda one: one.due)),
        )


def _merged(windows: Iterable[Window]) -> Window:
    several = list(windows)
    return Window(
        due=min(one.due for one in several),
        earliest=min(one.earliest for one in several),
        start=max(one.start for one in several),
        end=max(one.end for one in several),
    )


def _title(days: list[date]) -> str:
    """The days of a week in words: `Every day`, `Mon–Fri`, `Tue, Sat`."""
    numbers = [day.weekday() for day in days]
    if len(numbers) == len(WEEKDAY_NAMES):
        return "Every day"
    names = [WEEKDAY_NAMES[number] for number in numbers]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{names[0]}–{names[-1]}"
    return ", ".join(names)


def clock(seconds: int) -> str:
    """A second of a shown day as people say it: `02:00`, `01:30 +1` on the day after."""
    days, rest = divmod(seconds, DAY)
    text = f"{rest // 3600:02}:{rest % 3600 // 60:02}"
    return f"{text} +{days}" if days else text
