"""The wait at a disk: how late can a run start that shares its disk with others?

The bound for the wait at a disk: if a run waits, the disk has been busy without a pause since
some moment τ that is no later than the run itself was ready (before τ the disk was free, and a
run that was ready then would have started). Each run that came before it in that stretch became
ready at τ or later. So its latest start is the largest τ + (limits of those runs).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, repeat
from operator import sub
from typing import NamedTuple

DAY = 86_400
_LOOK_BACK = 2 * DAY
"""How long a disk may be busy on end for the bound to hold; `check` reports longer queues."""

_OWN_RUNS = 24
"""How many of its own runs before are looked at; more would have to end on time each."""

_OWN_STEPS = 2
"""How many of them are looked at one by one where they may run late; the rest as one."""

_BLOCK = 64
_NEVER = -(1 << 60)


class Load:
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


class Behind(NamedTuple):
    """The runs of a leg on the same disk that wait for the leg in question: sorted all three.

    A run that waits for this run, or for a later one, never stands in its way.
    """

    due: tuple[int, ...]
    awaits: tuple[int, ...]
    ready: tuple[int, ...]
    limit: int


class Lock(NamedTuple):
    """All runs that use one disk."""

    ready: Load
    due: Load


class Queue:
    """One leg's runs at the lock of their disk: the latest start of each.

    For a stretch that begins at τ it is τ + (limits of the others' runs that are ready in it) +
    (the leg's own runs before, which have ended by the time when this one is due: it would have
    been left out otherwise). What is ready only after this run, but was due before, may still come
    first, and counts for every τ.
    """

    def __init__(
        self, due: tuple[int, ...], ready: tuple[int, ...], limit: int, behind: Sequence[Behind]
    ) -> None:
        self.due = due
        self.ready = ready
        self.in_order = sorted(ready)
        self.limit = limit
        self.behind = behind

    def latest_starts(self, lock: Lock, alone: Callable[[], Load]) -> tuple[int, ...]:
        """For each run; `alone` gives the rivals' runs, where they are needed by themselves."""
        before = [_NEVER, *accumulate(self.ready, max)]
        after = [*[*accumulate(reversed(self.ready), min)][-2::-1], -_NEVER]
        rivals: Load | None = None
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

    def _undisturbed(self, ready: int, load: Load) -> int:
        """Where each own run before has ended by itself: it counts as any other."""
        last = load.until(ready)
        lead = load.lead(load.until(ready - _LOOK_BACK), last)
        return max(ready, lead + load.sums[last] - self.limit)

    def _held_up(self, index: int, rivals: Load, load: Load | None) -> int:
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
        self, due: int, mine: int, total: int, rivals: Load, first: int, last: int
    ) -> int:
        """The latest start for a τ among these moments, with so much of the leg's own before."""
        cut = max(first, min(last, rivals.until(due - mine)))
        late = max(cut, min(last, rivals.until(due)))
        return max(
            rivals.lead(first, cut) + total + mine,
            due + total - rivals.sums[cut] if cut < late else _NEVER,
            rivals.lead(late, last) + total,
        )

    def _overtaking(self, due: int, ready: int, lock: Lock) -> int:
        """Limits of what was due by then, gets ready later, and does not wait for this run."""
        found = lock.due.sums[lock.due.until(ready)] - lock.ready.sums[lock.ready.until(ready)]
        own = bisect_right(self.due, ready) - bisect_right(self.in_order, ready)
        found -= own * self.limit
        for other in self.behind:
            first = max(bisect_left(other.awaits, due), bisect_right(other.ready, ready))
            found -= other.limit * max(0, bisect_right(other.due, ready) - first)
        return found
