"""When: each run's earliest start and latest end over the reference years, worst case.

Everything about time follows from here: RPO, staleness, order findings, docs. A run is due by
its calendar; it is ready once its random delay is over and the legs named in `after` have ended;
it starts once no other leg writes its disk; it ends at its time limit at the latest.

How long the wait at a disk can be is worked out in `engine.schedule.queueing`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import sub
from zoneinfo import ZoneInfo

from engine.schedule.calendars import REFERENCE_END, REFERENCE_START, occurrences
from engine.schedule.queueing import Behind, Load, Lock, Queue
from policy.legs import Leg, SnapshotLeg
from policy.model import Policy

MAX_RUNS_A_DAY = 96
"""A leg every quarter of an hour: more often is an error, and keeps this arithmetic small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """All runs of one leg in the reference years; parallel arrays in epoch seconds."""

    leg: str
    due: tuple[int, ...]
    earliest: tuple[int, ...]
    """Earliest start; it can also end then, having found nothing to do."""
    ready: tuple[int, ...]
    """Latest moment from which only the disk keeps it waiting."""
    start: tuple[int, ...]
    """Latest start; whatever still waits at the end of `wait` gives up."""
    end: tuple[int, ...]
    """Latest end."""
    longest_wait: int
    """Seconds between being due and starting, at most, if no run ever gave up."""

    def allowed_age(self, longest_gap: int) -> int | None:
        """Seconds from one run's earliest end to the next one's latest end, at most.

        The longest gap of a rare schedule may begin before the reference years, or end after them;
        what it is longer than those within comes on top.
        """
        pairs = zip(self.end[1:], self.earliest, strict=False)
        within = max((end - earliest for end, earliest in pairs), default=None)
        if within is None:
            lasts = (end - due for end, due in zip(self.end, self.due, strict=True))
            return max((longest_gap + one for one in lasts), default=None)
        seen: int = max(map(sub, self.due[1:], self.due))
        return within + max(0, longest_gap - seen)


class Timeline:
    """The runs of every scheduled leg, each worked out when it is first asked for."""

    def __init__(self, policy: Policy) -> None:
        """Prepare; the `after` of the policy must be free of circles."""
        self.after = {leg.name: _all_before(leg.name, policy) for leg in policy.legs}
        self._policy = policy
        self._planner = _Planner(policy, self.after)

    def of(self, leg: str) -> Runs | None:
        """The runs of a leg; None where it runs by hand."""
        found = self._policy.leg(leg)
        return self._planner.runs(found) if found is not None and found.schedule else None

    def awaited(self, consumer: str, producer: str) -> tuple[int, ...]:
        """For each run of a leg the due time of the other's newest run that surely ended before."""
        found = self._policy.leg(consumer)
        return self._planner.awaited(found, producer) if found is not None else ()

    def always_waits(self, consumer: str, producer: str) -> bool:
        """Whether each run of a leg waits for the newest run of the other that was due by then."""
        made, taken = self.of(producer), self.of(consumer)
        if producer not in self.after[consumer] or made is None or taken is None:
            return False
        newest = (bisect_right(made.due, due) - 1 for due in taken.due)
        pairs = zip(newest, self.awaited(consumer, producer), strict=True)
        return all(at < 0 or made.due[at] == due for at, due in pairs)


def disk_of(leg: Leg, policy: Policy) -> str | None:
    """The destination whose lock a run of this leg holds."""
    if isinstance(leg, SnapshotLeg):
        return None
    return leg.to.name if policy.destination(leg.to.name) else None


def _all_before(name: str, policy: Policy) -> frozenset[str]:
    found: set[str] = set()
    pending = [name]
    while pending:
        leg = policy.leg(pending.pop())
        for other in leg.after if leg else ():
            if other not in found:
                found.add(other)
                pending.append(other)
    return frozenset(found)


class _Planner:
    """Memoises each leg's arrays; a leg that is being worked out answers with a safe bound."""

    def __init__(self, policy: Policy, after: dict[str, frozenset[str]]) -> None:
        self.policy = policy
        self.after = after
        self.zone = ZoneInfo(policy.timezone)
        self.due: dict[str, tuple[int, ...]] = {}
        self.ready: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.done: dict[str, Runs] = {}
        self.busy: set[str] = set()
        self._locks: dict[tuple[str, frozenset[str]], Lock] = {}
        self._awaited: dict[tuple[str, str], tuple[int, ...]] = {}

    def dues(self, leg: Leg) -> tuple[int, ...]:
        if leg.name not in self.due:
            start, end = int(REFERENCE_START.timestamp()), int(REFERENCE_END.timestamp())
            found = occurrences(leg.schedule, zone=self.zone, start=start, end=end)
            self.due[leg.name] = tuple(found)
        return self.due[leg.name]

    def runs(self, leg: Leg) -> Runs:
        if leg.name not in self.done:
            due = self.dues(leg)
            earliest, ready = self.readiness(leg)
            latest = self._starts(leg, due, ready)
            limit = leg.limits.whole.seconds
            start = tuple(map(min, latest, self._given_up(leg)[1]))
            self.done[leg.name] = Runs(
                leg=leg.name,
                due=due,
                earliest=earliest,
                ready=ready,
                start=start,
                end=tuple(one + limit for one in start),
                longest_wait=max(map(sub, latest, due), default=0),
            )
        return self.done[leg.name]

    def readiness(self, leg: Leg) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Earliest and latest moment at which nothing but the disk keeps each run waiting."""
        if leg.name in self.ready:
            return self.ready[leg.name]
        if leg.name in self.busy:
            return self._given_up(leg)
        self.busy.add(leg.name)
        delay = leg.random_delay.seconds if leg.random_delay else 0
        due = self.dues(leg)
        earliest, ready = list(due), [one + delay for one in due]
        for name in leg.after:
            other = self.policy.leg(name)
            if other is not None and other.schedule:
                _wait_for(self.runs(other), due, earliest, ready)
        self.busy.discard(leg.name)
        self.ready[leg.name] = (tuple(earliest), tuple(ready))
        return self.ready[leg.name]

    def _given_up(self, leg: Leg) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Bound for a leg whose own waiting is still being worked out: it waits no longer."""
        slack = leg.wait.seconds + (leg.random_delay.seconds if leg.random_delay else 0)
        due = self.dues(leg)
        return due, tuple(one + slack for one in due)

    def _starts(self, leg: Leg, due: tuple[int, ...], ready: tuple[int, ...]) -> tuple[int, ...]:
        disk = disk_of(leg, self.policy)
        rivals = [] if disk is None else list(self._rivals(leg, disk))
        if disk is None or not rivals:
            return ready
        behind = [
            Behind(
                self.dues(other),
                self.awaited(other, leg.name),
                self._given_up(other)[1],
                other.limits.whole.seconds,
            )
            for other in rivals
            if leg.name in self.after[other.name]
        ]
        queue = Queue(due, ready, leg.limits.whole.seconds, behind)
        return queue.latest_starts(*self._lock(leg, rivals, disk))

    def _rivals(self, leg: Leg, disk: str) -> Iterator[Leg]:
        for other in self.policy.legs:
            if other.name != leg.name and other.schedule and disk_of(other, self.policy) == disk:
                yield other

    def _lock(self, leg: Leg, rivals: Sequence[Leg], disk: str) -> tuple[Lock, Callable[[], Load]]:
        """All runs that use the disk, and how to get those of the rivals alone."""
        waiting = frozenset(one.name for one in rivals if leg.name in self.after[one.name])
        readiness = {
            one.name: (self._given_up(one) if one.name in waiting else self.readiness(one))[1]
            for one in rivals
        }

        def alone() -> Load:
            return Load((readiness[one.name], one.limits.whole.seconds) for one in rivals)

        unsettled = self.busy & readiness.keys() - waiting
        key = (disk, waiting)
        if unsettled or key not in self._locks:
            everyone = [*rivals, leg]
            readiness[leg.name] = self.readiness(leg)[1]
            lock = Lock(
                Load((readiness[one.name], one.limits.whole.seconds) for one in everyone),
                Load((self.dues(one), one.limits.whole.seconds) for one in everyone),
            )
            if unsettled:
                return lock, alone
            self._locks[key] = lock
        return self._locks[key], alone

    def awaited(self, leg: Leg, other: str) -> tuple[int, ...]:
        """For each run the due time of the other leg's newest run that it waits for; 0: none.

        A leg in between passes on what its own newest run has waited for: one that runs by hand
        passes on nothing, and a weekly one on a Monday what it waited for on Sunday.
        """
        if (leg.name, other) not in self._awaited:
            newest = [0] * len(self.dues(leg))
            for name in leg.after:
                between = self.policy.leg(name)
                if between is None or not between.schedule:
                    continue
                if name == other:
                    passed_on = self.dues(between)
                elif other in self.after[name]:
                    passed_on = self.awaited(between, other)
                else:
                    continue
                _pass_on(self.dues(between), passed_on, self.dues(leg), newest)
            self._awaited[leg.name, other] = tuple(newest)
        return self._awaited[leg.name, other]


def _pass_on(
    between: Sequence[int], passed_on: Sequence[int], due: Sequence[int], newest: list[int]
) -> None:
    for index, one in enumerate(due):
        at = bisect_right(between, one) - 1
        if at >= 0:
            newest[index] = max(newest[index], passed_on[at])


def _wait_for(other: Runs, due: Sequence[int], earliest: list[int], ready: list[int]) -> None:
    """Push each run behind the other leg's newest run that was due no later."""
    for index, one in enumerate(due):
        at = bisect_right(other.due, one) - 1
        if at >= 0:
            earliest[index] = max(earliest[index], other.earliest[at])
            ready[index] = max(ready[index], other.end[at])
