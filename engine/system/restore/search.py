"""Finding every version of a path: newest states, generations, and what runs have set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from engine.generations.names import Standing, moment_of, name_of
from engine.plan.model import Feed, Location
from engine.promises.chains import Copy
from engine.records.reports import RunStatus
from engine.restore.doubts import Folder, doubted
from engine.restore.versions import (
    Kind,
    Unseen,
    Version,
    Whole,
    carried_until,
    state_before,
    unchanged_between,
)
from engine.rsync.set_aside import run_start
from engine.standing.bring_back import lost_on_the_way
from engine.standing.copy_standing import There as Seen
from engine.standing.copy_standing import as_of_along, feeds_along, of_products, set_aside_at
from engine.standing.facts import Ran
from engine.system.restore.entries import (
    CannotLook,
    Entry,
    Looker,
    NoRoot,
)
from engine.system.restore.known import Known, looking, version_at
from engine.system.restore.own_snapshots import shadows_of, states_in
from engine.system.state.state import stream_of
from engine.system.state.verifications import Verifications
from engine.system.telling.facts import item_successes
from engine.system.telling.left_records import records_of
from policy.legs import MirrorLeg, SnapshotLeg
from policy.values import display

STANDINGS = {
    Standing.VERIFIED: Whole.VERIFIED,
    Standing.COMPLETE: Whole.COMPLETE,
    Standing.INCOMPLETE: Whole.INCOMPLETE,
    Standing.DAMAGED: Whole.DAMAGED,
}


def find_versions(
    known: Known, copies: Sequence[Copy], source: str, *, snapshots: bool = False
) -> tuple[tuple[Version, ...], tuple[Unseen, ...]]:
    """Look at each copy of a path of a source; also into `snapshots` that a place takes itself."""
    versions: list[Version] = []
    unseen: list[Unseen] = []
    for copy in copies:
        try:
            search = _Search(known, copy, source)
            found = search.doubted(tuple(search.versions()))
        except NoRoot:
            unseen.append(Unseen(copy=copy, there=Seen.AWAY))
            continue
        except (CannotLook, sqlite3.Error) as error:
            unseen.append(Unseen(copy=copy, there=Seen.UNKNOWN, why=str(error)))
            continue
        versions += found
        if snapshots:
            try:
                versions += search.shadowed()
            except (CannotLook, sqlite3.Error) as error:
                unseen.append(
                    Unseen(copy=copy, there=Seen.UNKNOWN, why=f"its own snapshots: {error}")
                )
        if not found:
            unseen.append(Unseen(copy=copy, there=Seen.NO))
    return tuple(versions), tuple(unseen)


class _Search:
    """One copy."""

    def __init__(self, known: Known, copy: Copy, source: str) -> None:
        self.known, self.copy = known, copy
        self.plan, self.state = known.plan, known.state
        self.feeds = feeds_along(known.plan, copy, source)
        self.lost = lost_on_the_way(known.plan, copy)
        hops = self._hops()
        whole = len(hops) == len(self.feeds)
        self.hops = of_products(known.plan, self.feeds, hops) if whole else hops

    def versions(self) -> Iterator[Version]:
        """All that lies there. Raises `NoRoot` and `CannotLook`."""
        with looking(self.known, self.copy.place) as looker:
            if self.copy.dated is not None:
                yield from self._generations(looker)
            else:
                yield from self._mirrored(looker)

    def shadowed(self) -> tuple[Version, ...]:
        """What the place's own snapshots hold of a mirror. Raises `CannotLook`."""
        shadows = shadows_of(self.plan.destination(self.copy.place))
        if shadows is None or self.known.at or self.copy.dated is not None:
            return ()
        place = self.known.shown_at(shadows.destination, shadows.at)
        base = self._base(Entry(directory=False))
        return tuple(states_in(shadows, base, place, self.known.places, self.hops))

    def doubted(self, versions: Sequence[Version]) -> tuple[Version, ...]:
        """The same; each says what comparing it has shown."""
        feed, names = self.feeds[-1], self.copy.location.names
        if self.state is None or feed is None or feed.writes is None:
            return tuple(versions)
        reads, root = feed.reads, feed.writes.names
        if self.copy.dated is not None and names[len(root) : self.copy.dated]:  # an item's own
            root = names[: self.copy.dated]
            reads = display(b"/".join(root[len(feed.writes.names) :]))
        made = (
            one
            for one in Verifications(self.state.connection).of(self.copy.leg, reads)
            if not one.refused
        )
        last = next(made, None)
        return doubted(versions, Folder(names=root, compared=last)) if last else tuple(versions)

    def _base(self, entry: Entry) -> Version:
        """What is the same of every version in this copy."""
        return version_at(self.known, self.copy, entry, self.lost)

    # ── Mirrors ──────────────────────────────────────────────────────────────────────────────

    def _mirrored(self, looker: Looker) -> Iterator[Version]:
        entry = looker.at(self.copy.location.names)
        found: list[Version] = []
        if entry is not None:
            moment = as_of_along(self.hops)
            found.append(
                replace(
                    self._base(entry),
                    moment=moment,
                    whole=Whole.COMPLETE if moment is not None else Whole.UNKNOWN,
                    why="" if moment is not None else self._why_not(),
                )
            )
        found += self._set_aside(looker)
        came = {one.name: moment for one in found if (moment := self._came(one.name)) is not None}
        yield from unchanged_between(found, came, self._horizon())

    def _set_aside(self, looker: Looker) -> list[Version]:
        """What runs have deleted or overwritten, the newest first."""
        where = set_aside_at(self.plan.leg(self.copy.leg), self.copy)
        if where is None:
            return []
        at = where.names.index(b"*")
        folder, inner = where.names[:at], where.names[at + 1 :]
        found = []
        for name, entry in looker.each(folder, inner).items():
            start = run_start(name)
            if start is None:
                continue
            moment = as_of_along([*self.hops[:-1], self._ended_before(start)])
            found.append(
                replace(
                    self._base(entry),
                    location=Location(holder=where.holder, names=(*folder, name, *inner)),
                    kind=Kind.SET_ASIDE,
                    name=name,
                    moment=moment,
                    whole=Whole.COMPLETE if moment is not None else Whole.UNKNOWN,
                    why="" if moment is not None else "before that run, which is all that is known",
                    part=entry.directory,
                )
            )
        return sorted(found, key=lambda one: one.name, reverse=True)

    def _ended_before(self, start: datetime) -> list[Ran]:
        first = state_before(self.hops[-1], start)
        return [first] if first is not None else []

    def _came(self, run: bytes) -> datetime | None:
        """How the live data were that came with a run, or with the first good one after it."""
        start = run_start(run)
        later = [one for one in self.hops[-1] if start is not None and _second(one) >= start]
        return as_of_along([*self.hops[:-1], later[-1:]]) if later else None

    def _horizon(self) -> datetime | None:
        """Since when everything that a run took away is still to be seen."""
        leg = self.plan.leg(self.copy.leg)
        if leg is None or not isinstance(leg.leg, MirrorLeg) or leg.leg.deleted_keep is None:
            return None
        oldest = as_of_along([*self.hops[:-1], self.hops[-1][-1:]])
        kept = self.known.now - timedelta(seconds=leg.leg.deleted_keep.seconds)
        return max(oldest, kept) if oldest is not None else None

    # ── Generations ──────────────────────────────────────────────────────────────────────────

    def _generations(self, looker: Looker) -> Iterator[Version]:
        at = self.copy.dated or 0
        names = self.copy.location.names
        folder, inner = names[:at], names[at:]
        entries = {
            name: one
            for name, one in looker.each(folder, inner).items()
            if moment_of(name) is not None
        }
        judged = self._judged(folder, tuple(entries))
        for name, entry in entries.items():
            whole, why = judged[name]
            moment = self._data_of(name)
            yield replace(
                self._base(entry),
                location=Location(holder=self.copy.place, names=(*folder, name, *inner)),
                kind=Kind.GENERATION,
                name=name,
                moment=moment,
                since=moment,
                whole=whole,
                why=why,
            )

    def _maker(self) -> int:
        """Which hop makes the generations: the first that is no mirror, and no snapshot."""
        legs = [self.plan.leg(name) for name in self.copy.via]
        apart = (MirrorLeg, SnapshotLeg)
        return next(
            index
            for index, one in enumerate(legs)
            if one is not None and not isinstance(one.leg, apart)
        )

    def _judged(
        self, folder: tuple[bytes, ...], names: Sequence[bytes]
    ) -> dict[bytes, tuple[Whole, str]]:
        maker = self._maker()
        if maker == len(self.copy.via) - 1:
            return self._judged_here(folder, names)
        # Where no more is known than the last hop, how its data were has to do.
        whole = len(self.hops) == len(self.copy.via)
        until = carried_until(self.hops[maker:]) if whole else as_of_along(self.hops)
        late = f"{self.copy.leg} is not known to have succeeded since it was made"
        return {
            name: (Whole.COMPLETE, "")
            if until and name <= name_of(until)
            else (Whole.UNKNOWN, late)
            for name in names
        }

    def _judged_here(
        self, folder: tuple[bytes, ...], names: Sequence[bytes]
    ) -> dict[bytes, tuple[Whole, str]]:
        """Where a leg has made them: one that has its name is whole, unless more is known."""
        leg, feed = self.plan.leg(self.copy.leg), self.feeds[-1]
        if self.state is None or leg is None or feed is None or feed.writes is None:
            return dict.fromkeys(names, (Whole.COMPLETE, ""))
        if folder != feed.writes.names:  # an item's own
            place = Location(holder=feed.writes.holder, names=folder)
            item = display(b"/".join(folder[len(feed.writes.names) :]))
            feed = Feed(reads=item, writes=place, selection=None)
        with records_of(self.plan, leg, self.state, self.known.places) as state:
            if state is None:
                return dict.fromkeys(names, (Whole.COMPLETE, ""))
            stream = stream_of(self.plan, leg, feed, state)
            known = {
                name_of(one.moment): (STANDINGS[one.standing], "")
                for one in state.generations.among(stream, names)
            }
        strange = (Whole.UNKNOWN, f"it is not known as made by {self.copy.leg}")
        return {name: known.get(name, strange) for name in names}

    def _data_of(self, name: bytes) -> datetime | None:
        """The live data of a generation: as its run has noted them, else when that run began."""
        maker, began = self._maker(), moment_of(name)
        if self.known.left is not None and maker < len(self.copy.via) - 1:
            return began
        for one in self.hops[-1 if self.known.left is not None else maker]:
            if _second(one) == began:
                return one.data_as_of or began
        return began

    # ── Records ──────────────────────────────────────────────────────────────────────────────

    def _hops(self) -> list[tuple[Ran, ...]]:
        """The successes of each hop on the way, the newest first."""
        if self.known.left is not None:
            every = [self.known.left.runs.get(leg, ()) for leg in self.copy.via]
            good = RunStatus.OK
            return [
                tuple(
                    Ran(started=one.began, ended=one.ended, status=good, data_as_of=one.data_as_of)
                    for one in runs
                )
                # What an earlier version has left tells of the last hop alone.
                for runs in (every if all(every) else every[-1:])
            ]
        both = zip(self.copy.via, self.feeds, strict=True)
        return [self._ran(leg, feed) for leg, feed in both]

    def _ran(self, leg: str, feed: Feed | None) -> tuple[Ran, ...]:
        leg_plan = self.plan.leg(leg)
        if feed is None or leg_plan is None or self.state is None or self.known.why_not:
            return ()
        with (
            suppress(sqlite3.Error),
            records_of(self.plan, leg_plan, self.state, self.known.places) as state,
        ):
            if state is None:
                return ()
            found = item_successes(leg, feed.reads, state)
            if found:
                return found
            run = state.last_success(leg)
            if run is not None:
                one = Ran(started=run.started, ended=run.ended, status=run.status)
                return (replace(one, data_as_of=run.data_as_of),)
        return ()

    def _why_not(self) -> str:
        if self.known.why_not:
            return self.known.why_not
        if self.state is None:
            return "nothing is known of its runs"
        for leg, ran in zip(self.copy.via, self.hops, strict=True):
            if not ran:
                return f"{leg} has not succeeded yet"
        return f"{self.copy.leg} last ran before what it reads was there"


def _second(ran: Ran) -> datetime:
    return ran.started.replace(microsecond=0)
