"""The series of a plan as its legs tell them over time, to test the alert rules with.

Times count in seconds from the beginning of a scenario. The rules compare times with each other
alone, so a night on which the clocks change is nothing but a gap of another length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field

from engine.alerts.alerts import LegAges, alerts_of, has_item_alerts, leg_ages, told_by, told_legs
from engine.alerts.metrics import LEG_PAUSED_UNTIL, OF_ITEM, OF_LEG, OfRun, status_label
from engine.alerts.promql import Matchers
from engine.alerts.samples import Metric
from engine.alerts.words import Fault
from engine.plan.model import LegPlan, Plan
from engine.records.reports import RunStatus

Held = tuple[tuple[int, int | None], ...]
"""(from when, value): what a series holds one after another; None where it is not there."""
Firing = tuple[str, str]
"""An alert's name and its severity."""
_HOUR = 3600
_OF_ITEM = {Fault.STALE: Fault.ITEM_STALE, Fault.FAILING: Fault.ITEM_FAILING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A series as it is told."""

    metric: Metric
    labels: Matchers
    held: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Which alerts fire at some time, of those with some labels, and no others."""

    at: int
    steps: int = 0
    """How many steps after the last one that is not later than `at`."""
    of: Matchers
    firing: tuple[Firing, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that happens to several legs alike."""

    name: str
    told: list[Told] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that has ended and told."""

    at: int
    good: bool = True
    as_of: int = 0
    """The live data as they were then are in the copies, where it is good."""


class World:
    """The plan, and the names of its alerts."""

    def __init__(self, plan: Plan, step: int) -> None:
        self.plan = plan
        self.step = step
        self.pace = max(_HOUR, 4 * step)
        """Seconds between one event and another: enough of them to see what happens between."""
        self.told = told_by(plan)
        self._firing = {
            (one.fault, one.subject): (one.name, one.severity.value) for one in alerts_of(plan)
        }
        self.legs = [Leg(self, leg) for leg in told_legs(plan)]
        self.scheduled = [leg for leg in self.legs if leg.ages is not None]

    def firing(self, subject: Matchers, *faults: Fault) -> tuple[Firing, ...]:
        """The alerts of a subject; what has no such alert is left out."""
        found = (self._firing.get((fault, subject)) for fault in faults)
        return tuple(sorted(one for one in found if one is not None))

    def check(self, subject: Matchers, *faults: Fault, at: int, steps: int = 0) -> Check:
        """That these faults of a subject are told at that time, and no others of it."""
        of = (*subject, *self.told)
        return Check(at=at, steps=steps, of=of, firing=self.firing(subject, *faults))

    def series(self, metric: Metric, labels: Matchers, *held: tuple[int, int | None]) -> Told:
        """A series of this host; of what it held before the scenario only the last counts."""
        past = [one for one in held if one[0] <= 0]
        now = ((0, past[-1][1]),) if past else ()
        later = (one for one in held if one[0] > 0)
        return Told(metric=metric, labels=(*labels, *self.told), held=(*now, *later))


class Leg:
    """One leg that runs here, its times, and what it tells.

    Its times count from its first run. What comes before `begin` of them lies before the scenario,
    so that promtool need not live through it.
    """

    def __init__(self, world: World, leg: LegPlan) -> None:
        self.begin = 0
        self.world = world
        self.plan = leg
        self.subject = (("leg", leg.name),)
        self.labels = (*self.subject, ("kind", leg.kind))
        self.ages: LegAges | None = leg_ages(world.plan, leg)
        self.own = self.ages.own if self.ages is not None else 0
        self.upstream = (self.ages.data or self.own) - self.own if self.ages is not None else 0
        """How old the data may be that it reads."""
        self.gap = leg.longest_gap or _HOUR
        delay = leg.leg.random_delay
        self.late = leg.leg.limits.whole.seconds + (delay.seconds if delay is not None else 0)
        """How long after it is due a run may end that waits for nobody."""
        self.items = [feed.reads for feed in leg.feeds]

    def beginning(self, at: int) -> Leg:
        """The same leg in a scenario that begins at that time of it."""
        later = copy(self)
        later.begin = max(0, at)
        return later

    def run(self, at: int, *, good: bool = True) -> Run:
        """A run of data that are as old as they may be."""
        return Run(at=at, good=good, as_of=at - self.upstream)

    def tells(self, runs: list[Run], *, gone: int | None = None) -> Iterator[Told]:
        """What is known once each of these runs has told, of the leg and each of its items."""
        yield from self._of(OF_LEG, self.labels, runs, gone)
        if has_item_alerts(self.plan):
            for item in self.items:
                yield from self.item_tells(item, runs, gone=gone)

    def item_tells(self, item: str, runs: list[Run], *, gone: int | None = None) -> Iterator[Told]:
        """The same of one item alone."""
        yield from self._of(OF_ITEM, (*self.labels, ("item", item)), runs, gone)

    def leg_tells(self, runs: list[Run]) -> Iterator[Told]:
        """The same of the leg alone."""
        yield from self._of(OF_LEG, self.labels, runs, None)

    def paused(self, until: int) -> Told:
        """That it is paused."""
        return self.world.series(LEG_PAUSED_UNTIL, self.labels, (0, until - self.begin))

    def checks(self, *faults: Fault, at: int, steps: int = 0) -> Iterator[Check]:
        """That these faults are told of the leg, and what follows of them of each of its items."""
        yield self._check((), *faults, at=at, steps=steps)
        if has_item_alerts(self.plan):
            of_item = [_OF_ITEM[one] for one in faults if one in _OF_ITEM]
            for item in self.items:
                yield self.item_check(item, *of_item, at=at, steps=steps)

    def check_alone(self, fault: Fault, *, at: int, steps: int, item: str = "") -> Iterator[Check]:
        """That this fault of the leg or of an item is told, whatever else is."""
        of = (*self.subject, *((("item", item),) if item else ()))
        for alert in self.world.firing(of, fault):
            labels = (("alertname", alert[0]), *of, *self.world.told)
            yield Check(at=at - self.begin, steps=steps, of=labels, firing=(alert,))

    def item_check(self, item: str, *faults: Fault, at: int, steps: int = 0) -> Check:
        """That these faults are told of the item, and no others of it."""
        return self._check((("item", item),), *faults, at=at, steps=steps)

    def _check(self, item: Matchers, *faults: Fault, at: int, steps: int) -> Check:
        of = (*self.subject, *(item or (("item", ""),)), *self.world.told)
        firing = self.world.firing((*self.subject, *item), *faults)
        return Check(at=at - self.begin, steps=steps, of=of, firing=firing)

    def _of(self, of: OfRun, labels: Matchers, runs: list[Run], gone: int | None) -> Iterator[Told]:
        end: Held = ((gone - self.begin, None),) if gone is not None else ()
        good = [one for one in runs if one.good]
        states = {one.at: RunStatus.OK if one.good else RunStatus.FAILED for one in runs}
        told: list[tuple[Metric, Matchers, Iterable[tuple[int, int]]]] = [
            (of.last_run, (), self._times((one.at, one.at) for one in runs)),
            (of.last_success, (), self._times((one.at, one.at) for one in good)),
            (of.last_success_state, (), self._times((one.at, one.as_of) for one in good)),
        ]
        for status in (RunStatus.OK, RunStatus.FAILED):
            held = ((at - self.begin, int(state is status)) for at, state in states.items())
            told.append((of.status, (("status", status_label(status)),), held))
        for metric, more, pieces in told:
            held_all = (*pieces, *end)
            if held_all:
                yield self.world.series(metric, (*labels, *more), *held_all)

    def _times(self, pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        return ((at - self.begin, value - self.begin) for at, value in pieces)
