"""A made-up past: every run that a plan's schedules ask for, each somewhere within its window.

What lies at each place then, and since when, follows as real runs would have left it; the real
search of `restore` looks at it.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

from engine.generations.names import Generation, Standing, name_of
from engine.generations.retention import Verdict, decide
from engine.plan.model import Feed, Plan
from engine.promises.chains import Chains, Copy
from engine.records.reports import RunStatus
from engine.restore.versions import Version
from engine.rsync.set_aside import RUN_ID_FORMAT
from engine.standing.facts import Ran
from engine.system.host.places import Places
from engine.system.restore import search
from engine.system.restore.entries import Entry, Looker
from engine.system.restore.known import Known
from engine.system.restore.search import _Search
from policy.legs import MirrorLeg, SqliteLeg, VersionsLeg
from policy.parts import Keep

PAST = 110 * 86_400
"""How far back runs are made up, in seconds."""


@dataclass(frozen=True)
class Run:
    """One run that succeeded, in epoch seconds."""

    start: int
    end: int

    @property
    def name(self) -> bytes:
        return moment(self.start).strftime(RUN_ID_FORMAT).encode()


@dataclass
class Held:
    """What lies at one place after a run: contents by names of generations, or one newest state."""

    newest: int | None = None
    generations: dict[bytes, int] = field(default_factory=dict)
    aside: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Content, by the run that set it aside; and when that run began."""


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class World:
    """The runs of a plan up to a moment, and a file that changes now and then."""

    def __init__(self, plan: Plan, chains: Chains, now: int, chance: random.Random) -> None:
        self.plan, self.chains, self.now, self.chance = plan, chains, now, chance
        self.zone = ZoneInfo(plan.timezone)
        self.runs: dict[str, list[Run]] = {}
        self.by_due: dict[str, dict[int, Run]] = {}
        self.known: dict[tuple[str, ...], list[tuple[Run, Held]]] = {}
        for leg in plan.legs:
            self._run(leg.name)
        self.changes = self._changes()

    # ── Runs ─────────────────────────────────────────────────────────────────────────────────

    def _run(self, leg: str) -> None:
        """Each run of a leg at some time within its window, after those that it waits for."""
        runs = self.chains.timeline.of(leg)
        if leg in self.runs or runs is None:
            return
        before = sorted(self.chains.timeline.after[leg])
        for other in before:
            self._run(other)
        awaited = {other: self.chains.timeline.awaited(leg, other) for other in before}
        found: dict[int, Run] = {}
        last = 0
        first = bisect_left(runs.due, self.now - PAST)
        for at in range(first, bisect_right(runs.due, self.now)):
            due = runs.due[at]
            waits = [self.by_due.get(other, {}).get(awaited[other][at]) for other in before]
            ready = max([runs.earliest[at], last, *(one.end for one in waits if one is not None)])
            latest = max(ready, runs.start[at])
            limit = runs.end[at] - runs.start[at]
            start = self.chance.choice([ready, latest, self.chance.randint(ready, latest)])
            end = start + self.chance.choice([1, limit, self.chance.randint(1, limit)])
            found[due] = Run(start, end)
            last = end + 1
        self.by_due[leg] = found
        self.runs[leg] = [one for one in found.values() if one.end <= self.now]

    def _changes(self) -> list[int]:
        """When the file became another one; an odd number of times it is gone."""
        rate = self.chance.choice([1800, 7200, 86_400, 10 * 86_400, 90 * 86_400])
        found, at = [], self.now - PAST - 30 * 86_400
        while at < self.now:
            found.append(at)
            at += self.chance.randint(1, 2 * rate)
        return found

    def content(self, at: int) -> int | None:
        """What the live file holds at a moment: a number, or nothing while it is gone."""
        count = bisect_right(self.changes, at)
        gone = self.vanishes and count % 5 == 4
        return None if count == 0 or gone else count

    vanishes = True

    def written(self, content: int) -> float:
        """The file's own time: of its change, or older where somebody has kept it."""
        changed = self.changes[content - 1]
        return changed - (content % 3) * 40_000

    # ── Places ───────────────────────────────────────────────────────────────────────────────

    def hops(self, copy: Copy) -> list[list[Ran]]:
        """The successes of each hop on the way, the newest first."""
        found: list[list[Ran]] = []
        ends: list[int] = []
        of: list[int | None] = []
        for name in copy.via:
            runs = self.runs.get(name, [])
            if found:
                seen = [bisect_right(ends, run.start) - 1 for run in runs]
                of = [of[at] if at >= 0 else None for at in seen]
            else:
                of = [run.start for run in runs]
            ends = [run.end for run in runs]
            both = zip(runs, of, strict=True)
            found.append([_ran(run, state) for run, state in both][::-1])
        return found

    def at(self, copy: Copy) -> Held:
        """What lies at a copy's place now."""
        states = self._states(copy.via)
        return states[-1][1] if states else Held()

    def _states(self, via: tuple[str, ...]) -> list[tuple[Run, Held]]:
        """What lies there after each run."""
        if via not in self.known:
            self.known[via] = list(self._each_state(via))
        return self.known[via]

    def _each_state(self, via: tuple[str, ...]) -> Iterator[tuple[Run, Held]]:
        leg = self.plan.leg(via[-1])
        assert leg is not None
        before = self._states(via[:-1]) if len(via) > 1 else []
        ends, held = [run.end for run, _ in before], Held()
        for run in self.runs.get(via[-1], []):
            source = Held(newest=self.content(run.start))
            if len(via) > 1:
                at = bisect_right(ends, run.start) - 1
                source = before[at][1] if at >= 0 else Held()
            if isinstance(leg.leg, MirrorLeg):
                held = self._mirrored(leg.leg, held, source, run)
            else:
                assert isinstance(leg.leg, (VersionsLeg, SqliteLeg))
                held = self._generation(leg.leg.keep, held, source, run)
            yield run, held

    def _mirrored(self, leg: MirrorLeg, old: Held, source: Held, run: Run) -> Held:
        aside = dict(old.aside)
        if leg.deleted_keep is not None:
            limit = run.start - leg.deleted_keep.seconds
            aside = {name: one for name, one in aside.items() if one[1] >= limit}
            if old.newest is not None and old.newest != source.newest:
                aside[run.name] = (old.newest, run.start)
        return Held(newest=source.newest, generations=dict(source.generations), aside=aside)

    def _generation(self, keep: Keep, old: Held, source: Held, run: Run) -> Held:
        """A generation is made even where the file is not in it: its own entry is then missing."""
        made = dict(old.generations)
        made[name_of(moment(run.start))] = source.newest or 0
        every = [Generation(moment=_named(name), standing=Standing.VERIFIED) for name in made]
        judged = decide(every, keep, zone=self.zone, now=moment(run.end))
        stay = {name_of(one.generation.moment) for one in judged if one.verdict is Verdict.KEEP}
        return Held(generations={name: one for name, one in made.items() if name in stay})

    # ── The search ───────────────────────────────────────────────────────────────────────────

    def versions(self, copies: tuple[Copy, ...], source: str, *, directory: bool) -> list[Version]:
        """What the real search finds."""
        known = Known(plan=self.plan, state=None, places=_NOWHERE, now=moment(self.now))
        return [
            one
            for copy in copies
            for one in _WorldSearch(self, known, copy, source, directory=directory).versions()
        ]


def _ran(run: Run, state: int | None) -> Ran:
    of = moment(state) if state is not None else None
    return Ran(started=moment(run.start), ended=moment(run.end), status=RunStatus.OK, data_as_of=of)


def _named(name: bytes) -> datetime:
    return datetime.strptime(name.decode(), "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)


class _There(Looker):
    """Somebody who looks into a made-up place."""

    def __init__(self, world: World, held: Held, *, directory: bool) -> None:
        self.world, self.held, self.directory = world, held, directory

    def _entry(self, content: int | None) -> Entry | None:
        if not content:
            return None
        if self.directory:
            return Entry(directory=True)
        return Entry(directory=False, size=content, modified=self.world.written(content))

    def at(self, names: tuple[bytes, ...]) -> Entry | None:
        return self._entry(self.held.newest)

    def each(self, folder: tuple[bytes, ...], inner: tuple[bytes, ...]) -> dict[bytes, Entry]:
        aside = {name: one for name, (one, _) in self.held.aside.items()}
        listed: Mapping[bytes, int] = self.held.generations or aside
        found = {name: self._entry(content) for name, content in listed.items()}
        return {name: entry for name, entry in found.items() if entry is not None}

    def among(self, paths: Sequence[tuple[bytes, ...]]) -> dict[int, Entry]:
        return {}


class _WorldSearch(_Search):
    """The search of `restore`, over what the world holds and knows."""

    def __init__(
        self, world: World, known: Known, copy: Copy, source: str, *, directory: bool
    ) -> None:
        self.world, self.directory = world, directory
        self.past = dict(zip(copy.via, world.hops(copy), strict=True))
        super().__init__(known, copy, source)

    def versions(self) -> Iterator[Version]:
        there = _There(self.world, self.world.at(self.copy), directory=self.directory)
        with patch.object(search, "looking", lambda *_: nullcontext(there)):
            yield from super().versions()

    def _ran(self, leg: str, feed: Feed | None) -> tuple[Ran, ...]:
        return tuple(self.past[leg])


_NOWHERE = Places(root=Path("/"))
