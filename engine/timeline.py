"""When: each run's earliest start and latest end over the reference years, worst case.

Everything about time follows from here: RPO, staleness, order findings, docs. A run is due by
its calendar; it is ready once its random delay is over and the legs named in `after` have ended;
it starts once no other leg writes its disk; it ends at its time limit at the latest.

The bound for the wait at a disk: if a run waits, the disk has been busy without a pause since
some moment τ that is no later than the run itself was ready (before τ the disk was free, and a
run that was ready then would have started). Each run that came before it in that stretch became
ready at τ or later. So its latest start is the largest τ + (limits of those runs).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from operator import sub
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.calendars import REFERENCE_END, REFERENCE_START, occurrences
from policy.legs import Leg, SnapshotLeg
from policy.model import Policy

DAY = 86_400
_LOOK_BACK = 2 * DAY
"""How long a disk may be busy on end for the bound to hold; `check` reports longer queues."""

_OWN_RUNS = 24
"""How many of its own runs before are looked at; more would have to end on time each."""

_OWN_STEPS = 2
"""How many of them are looked at one by one where they may run late; the rest as one."""

_BLOCK = 64
_NEVER = -(1 << 60)

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

    @property
    def allowed_age(self) -> int | None:
        """Seconds from one run's earliest end to the next one's latest end, at most."""
        pairs = zip(self.end[1:], self.earliest, strict=False)
        return max((end - earliest for end, earliest in pairs), default=None)


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


class _Load:
    """Limits that come in at certain moments, so that their sum in any stretch is a look-up."""

    def __init__(self, parts: Iterable[tuple[Sequence[int], int]]) -> None:
        merged = sorted(chain.from_iterable(zip(times, repeat(limit)) for times, limit in parts))
        self.moments = [moment for moment, _ in merged]
        self.sums = [0, *accumulate(limit for _, limit in merged)]
        """The limits before each moment, and all of them."""
        self._leads: list[int] = list(map(sub, self.moments, self.sums))
        self._tops: list[int] = [
            max(self._leads[at : at + _BLOCK]) for at in range(0, len(merged), _BLOCK)
        ]

    def until(self, moment: int) -> int:
        """How many come in until then, inclusive."""
        return bisect_right(self.moments, moment)

    def lead(self, first: int, last: int) -> int:
        """The largest moment minus the limits before it, among [first, last)."""
        if first >= last:
            return _NEVER
        low, high = first // _BLOCK + 1, last // _BLOCK
        if low >= high:
            return max(self._leads[first:last])
        found = max(max(self._leads[first : low * _BLOCK]), max(self._tops[low:high]))
        rest = self._leads[high * _BLOCK : last]
        return max(found, max(rest)) if rest else found


class _Behind(NamedTuple):
    """The runs of a leg on the same disk that wait for the leg in question: sorted all three.

    A run that waits for this run, or for a later one, never stands in its way.
    """

    due: tuple[int, ...]
    awaits: tuple[int, ...]
    ready: tuple[int, ...]
    limit: int


class _Lock(NamedTuple):
    """All runs that use one disk."""

    ready: _Load
    due: _Load


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
        self._locks: dict[tuple[str, frozenset[str]], _Lock] = {}
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
            _Behind(
                self.dues(other),
                self.awaited(other, leg.name),
                self._given_up(other)[1],
                other.limits.whole.seconds,
            )
            for other in rivals
            if leg.name in self.after[other.name]
        ]
        queue = _Queue(due, ready, leg.limits.whole.seconds, behind)
        return queue.latest_starts(*self._lock(leg, rivals, disk))

    def _rivals(self, leg: Leg, disk: str) -> Iterator[Leg]:
        for other in self.policy.legs:
            if other.name != leg.name and other.schedule and disk_of(other, self.policy) == disk:
                yield other

    def _lock(
        self, leg: Leg, rivals: Sequence[Leg], disk: str
    ) -> tuple[_Lock, Callable[[], _Load]]:
        """All runs that use the disk, and how to get those of the rivals alone."""
        waiting = frozenset(one.name for one in rivals if leg.name in self.after[one.name])
        readiness = {
            one.name: (self._given_up(one) if one.name in waiting else self.readiness(one))[1]
            for one in rivals
        }

        def alone() -> _Load:
            return _Load((readiness[one.name], one.limits.whole.seconds) for one in rivals)

        unsettled = self.busy & readiness.keys() - waiting
        key = (disk, waiting)
        if unsettled or key not in self._locks:
            everyone = [*rivals, leg]
            readiness[leg.name] = self.readiness(leg)[1]
            lock = _Lock(
                _Load((readiness[one.name], one.limits.whole.seconds) for one in everyone),
                _Load((self.dues(one), one.limits.whole.seconds) for one in everyone),
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


class _Queue:
    """One leg's runs at the lock of their disk: the latest start of each.

    For a stretch that begins at τ it is τ + (limits of the others' runs that are ready in it) +
    (the leg's own runs before, which have ended by the time when this one is due: it would have
    been left out otherwise). What is ready only after this run, but was due before, may still come
    first, and counts for every τ.
    """

    def __init__(
        self, due: tuple[int, ...], ready: tuple[int, ...], limit: int, behind: Sequence[_Behind]
    ) -> None:
        self.due = due
        self.ready = ready
        self.in_order = sorted(ready)
        self.limit = limit
        self.behind = behind

    def latest_starts(self, lock: _Lock, alone: Callable[[], _Load]) -> tuple[int, ...]:
        """For each run; `alone` gives the rivals' runs, where they are needed by themselves."""
        before = [_NEVER, *accumulate(self.ready, max)]
        after = [*[*accumulate(reversed(self.ready), min)][-2::-1], -_NEVER]
        rivals: _Load | None = None
        found = []
        for index, (due, ready) in enumerate(zip(self.due, self.ready, strict=True)):
            ordered = before[index] < ready < after[index]
            if ordered and before[index] + self.limit <= due:
                latest = self._undisturbed(ready, lock.ready)
            else:
                rivals = rivals or alone()
                latest = self._held_up(index, rivals, lock.ready if ordered else None)
            found.append(latest + self._overtaking(due, ready, lock))
        return tuple(found)

    def _undisturbed(self, ready: int, load: _Load) -> int:
        """Where each own run before has ended by itself: it counts as any other."""
        last = load.until(ready)
        lead = load.lead(load.until(ready - _LOOK_BACK), last)
        return max(ready, lead + load.sums[last] - self.limit)

    def _held_up(self, index: int, rivals: _Load, load: _Load | None) -> int:
        """Where own runs before could reach past the time when this one is due.

        `load` is for the runs that are ready in the order in which they are due: there each own
        run before counts as any other, once those that may reach so far are behind.
        """
        due, ready = self.due[index], self.ready[index]
        last, earliest = rivals.until(ready), rivals.until(ready - _LOOK_BACK)
        total = rivals.sums[last]
        own = sorted(self.ready[max(0, index - _OWN_RUNS) : index])
        if load is None:
            own = [min(one, ready) for one in own]
        latest, mine = ready, 0
        for _ in range(_OWN_STEPS):
            # From the last own run that counts at `last` down to the one before it.
            follows = own[-1] if own else ready - _LOOK_BACK
            first = max(earliest, min(last, rivals.until(follows)))
            latest = max(latest, self._with_own(due, mine, total, rivals, first, last))
            last = first
            if not own or follows <= ready - _LOOK_BACK:
                return latest
            while own and own[-1] == follows:
                own.pop()
                mine += self.limit
            behind = total - rivals.sums[bisect_left(rivals.moments, follows)]
            latest = max(latest, follows + behind + min(mine, max(0, due - follows)))
            if load is not None and mine <= due - follows:
                break
        mine += self.limit * len(own)
        rest = self._with_own(due, mine, total, rivals, earliest, last)
        if load is not None:
            lead = load.lead(load.until(ready - _LOOK_BACK), load.until(follows))
            rest = min(rest, lead + load.sums[load.until(ready)] - self.limit)
        return max(latest, rest)

    def _with_own(
        self, due: int, mine: int, total: int, rivals: _Load, first: int, last: int
    ) -> int:
        """The latest start for a τ among these moments, with so much of the leg's own before."""
        cut = max(first, min(last, rivals.until(due - mine)))
        late = max(cut, min(last, rivals.until(due)))
        return max(
            rivals.lead(first, cut) + total + mine,
            due + total - rivals.sums[cut] if cut < late else _NEVER,
            rivals.lead(late, last) + total,
        )

    def _overtaking(self, due: int, ready: int, lock: _Lock) -> int:
        """Limits of what was due by then, gets ready later, and does not wait for this run."""
        found = lock.due.sums[lock.due.until(ready)] - lock.ready.sums[lock.ready.until(ready)]
        own = bisect_right(self.due, ready) - bisect_right(self.in_order, ready)
        found -= own * self.limit
        for other in self.behind:
            first = max(bisect_left(other.awaits, due), bisect_right(other.ready, ready))
            found -= other.limit * max(0, bisect_right(other.due, ready) - first)
        return found
