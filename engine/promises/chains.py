"""Chains: the hops that a path rides one after another, and how old its copies may get.

RPO of a place: the longest time from the state that the place was sure to hold until the next
state arrives there, each hop taking its whole limit, over the reference years. A consumer is sure
to see a producer's run if it starts no earlier than that run's latest end, or waits for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.generations.calendar import Span, followed, sure_reach
from engine.generations.elsewhere import sure_history
from engine.plan.model import Location, RouteLine, RoutingTable
from engine.plan.selection import Verdict
from engine.routing.feeds import Draft, product_location
from engine.schedule.timeline import Runs, Timeline
from policy.destinations import Destination
from policy.legs import MirrorLeg, SnapshotLeg, SqliteLeg
from policy.model import Policy
from policy.sources import TreeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpo:
    """How old a copy's data may get, with the case that shows it; epoch seconds."""

    seconds: int
    held: int
    """The state that the place was sure to hold…"""
    arrives: int
    """…until the next one arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One path at one place."""

    location: Location
    """Where it lies; for a snapshot its source, without names."""
    leg: str
    """The leg that wrote it."""
    via: tuple[str, ...]
    """All legs from the live data to here, in order."""
    media: str | None
    site: str | None
    rpo: Rpo | None
    """None where a leg on the way runs by hand only, or a rotated disk is passed."""
    partial: bool = False
    """It holds a part of the data only (the databases among the files)."""
    snapshot: bool = False
    """On the source's own medium: a rollback, no copy."""
    history: int = 0
    """Seconds that what legs keep there goes back beyond the newest state, at least."""
    own_snapshots: int = 0
    """Seconds that the place's own snapshots do, as they are declared."""
    guarded: bool = False
    """The place keeps snapshots that this host cannot delete."""
    dated: int | None = None
    """After how many names of the location the name of a generation stands; None: there is none."""

    @property
    def reach(self) -> int:
        """Seconds that a restore can go back there beyond the newest state, at least."""
        return max(self.history, self.own_snapshots)

    @property
    def place(self) -> str:
        """The destination or source that holds it."""
        return self.location.holder


@dataclass(frozen=True, slots=True)
class _States:
    """What a place was sure to hold: at each run the newest state in it, and when it is there."""

    state: tuple[int | None, ...]
    runs: Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A path on its way: what it is called where the next hop reads it, and how it came there."""

    names: tuple[bytes, ...]
    via: tuple[str, ...] = ()
    behind: int | None = None
    """How many names, counted from the end, stand behind a generation's; None: there is none."""
    heads: int = 0
    inner: int = 0
    """How many names, counted from the end, lie inside an item."""

    @property
    def dated(self) -> int | None:
        """After how many names of the place that was written last a generation's stands."""
        return None if self.behind is None else self.heads + len(self.names) - self.behind

    def by(self, draft: Draft) -> _Way:
        """The way with one hop more."""
        writes = draft.feed.writes
        behind = self.behind
        if behind is None and writes is not None and not isinstance(draft.leg, MirrorLeg):
            # Of a volume each item has generations of its own; of all else a leg has.
            behind = self.inner if self.via else len(self.names)
        heads = len(writes.names) if writes is not None else 0
        return replace(self, via=(*self.via, draft.leg.name), behind=behind, heads=heads)

    def above(self, names: tuple[bytes, ...]) -> _Way:
        """The same path as the next reader calls it."""
        return replace(self, names=names)

    def place(self, draft: Draft) -> Location:
        """Where a hop puts it; of a snapshot the source, without names."""
        writes = draft.feed.writes
        if writes is None:
            return Location(holder=draft.feed.reads)
        return Location(holder=writes.holder, names=writes.names + self.names)


class Chains:
    """Follows paths from hop to hop over a compiled policy."""

    def __init__(
        self,
        policy: Policy,
        tables: tuple[RoutingTable, ...],
        drafts: tuple[Draft, ...],
        timeline: Timeline,
    ) -> None:
        self.policy = policy
        self.tables = {table.source: table for table in tables}
        self.drafts = drafts
        self.owned = [draft for draft in drafts if draft.feed.writes is not None]
        self.timeline = timeline
        self._known: dict[tuple[str, ...], _States | None] = {}
        self._histories: dict[str, int] = {}

    def of_path(self, source: str, names: tuple[bytes, ...]) -> tuple[Copy, ...]:
        """All copies of a path of a routed source."""
        table = self.tables.get(source)
        line = table.line_for(names) if table else None
        return self.of_line(source, names, line) if line else ()

    def of_line(
        self,
        source: str,
        names: tuple[bytes, ...],
        line: RouteLine,
        *,
        inner: tuple[bytes, ...] = (),
    ) -> tuple[Copy, ...]:
        """All copies of a path that this line decides; `inner` are its names inside an item."""
        draft = self._draft(line.leg, source)
        way = _Way(names=names + inner, inner=len(inner))
        return tuple(self._follow(draft, way, line)) if draft else ()

    def of_leg(self, leg: str) -> tuple[Copy, ...]:
        """All copies of what a leg takes as a whole."""
        return self.of_leg_path(leg, ())

    def of_feed(self, leg: str, reads: str, names: tuple[bytes, ...] = ()) -> tuple[Copy, ...]:
        """All copies of what one feed of a leg takes as a whole, or of one item in it."""
        draft = self._draft(leg, reads)
        return tuple(self._follow(draft, _Way(names=names), None)) if draft else ()

    def of_leg_path(self, leg: str, names: tuple[bytes, ...]) -> tuple[Copy, ...]:
        """All copies of one path in what a leg takes as a whole."""
        drafts = [draft for draft in self.drafts if draft.leg.name == leg]
        way = _Way(names=names)
        return tuple(copy for draft in drafts for copy in self._follow(draft, way, None))

    def _draft(self, leg: str | None, reads: str) -> Draft | None:
        found = (d for d in self.drafts if d.leg.name == leg and d.feed.reads == reads)
        return next(found, None)

    def _follow(self, draft: Draft, way: _Way, line: RouteLine | None) -> Iterator[Copy]:
        """Yield the copy that this hop makes, then those of every hop behind it."""
        if draft.leg.name in way.via:
            return
        way = way.by(draft)
        yield self._copy(draft, way)
        if line is not None and line.stop is not None and line.stop.after == draft.leg.name:
            return
        if draft.feed.writes is None:
            for reader in self.drafts:
                if reader.feed.reads == draft.leg.name:
                    yield from self._follow(reader, way, line)
            return
        yield from self._ride_on(draft, way, line)

    def _ride_on(self, draft: Draft, way: _Way, line: RouteLine | None) -> Iterator[Copy]:
        place = way.place(draft)
        if isinstance(self.policy.source(place.holder), TreeSource):
            table = self.tables.get(place.holder)
            onward = table.line_for(place.names) if table else None
            following = self._draft(onward.leg, place.holder) if onward else None
            if following is not None:
                yield from self._follow(following, way.above(place.names), onward)
            return
        for reader in self.drafts:
            if reader.feed.reads in {place.holder, draft.leg.name}:
                base = product_location(reader.feed.reads, self.owned, self.policy)
                if base is None or not base.contains(place):
                    continue
                inner = place.names[len(base.names) :]
                if _takes(reader, inner):
                    yield from self._follow(reader, way.above(inner), line)

    def _copy(self, draft: Draft, way: _Way) -> Copy:
        leg, location = draft.leg, way.place(draft)
        destination = self.policy.destination(location.holder)
        source = self.policy.source(location.holder)
        holder = destination or source
        return Copy(
            location=location,
            leg=leg.name,
            via=way.via,
            media=holder.media if holder else None,
            site=holder.site if holder else None,
            rpo=self.rpo(way.via),
            partial=any(isinstance(self.policy.leg(name), SqliteLeg) for name in way.via),
            snapshot=isinstance(leg, SnapshotLeg),
            history=self._history_there(way.via),
            own_snapshots=self._own_history(destination),
            guarded=_guarded(destination),
            dated=way.dated,
        )

    def _own_history(self, destination: Destination | None) -> int:
        """Seconds that a place's own snapshots reach back, as they are declared."""
        snapshots = destination.snapshots if destination is not None else None
        return sure_history(snapshots, self.policy.timezone) if snapshots is not None else 0

    def _history_there(self, via: tuple[str, ...]) -> int:
        """Generations ride on to later hops; what a mirror has set aside stays where it is."""
        before = [one for one in via[:-1] if not isinstance(self.policy.leg(one), MirrorLeg)]
        return max(map(self.history, (*before, via[-1])))

    def history(self, name: str) -> int:
        """Seconds that a leg's own generations reach back beyond the newest one, at least."""
        if name not in self._histories:
            self._histories[name] = self._history(name)
        return self._histories[name]

    def _history(self, name: str) -> int:
        leg = self.policy.leg(name)
        if leg is None or isinstance(leg, MirrorLeg):
            return leg.deleted_keep.seconds if leg and leg.deleted_keep else 0
        return sure_reach(leg.keep, self._due(name), zone=ZoneInfo(self.policy.timezone))

    def kept(self, name: str) -> Span | None:
        """What a leg's retention comes to hold by its schedule; None of a leg that keeps none."""
        leg = self.policy.leg(name)
        if leg is None or isinstance(leg, MirrorLeg):
            return None
        return followed(leg.keep, self._due(name), zone=ZoneInfo(self.policy.timezone))

    def _due(self, name: str) -> list[datetime]:
        runs = self.timeline.of(name)
        return [datetime.fromtimestamp(one, UTC) for one in (runs.due if runs else ())]

    def rpo(self, via: tuple[str, ...]) -> Rpo | None:
        """RPO of the place that the last of these hops writes; None where none can be promised.

        A rotated disk comes when somebody brings it: what passes one has no age that holds.
        """
        if any(self._passes_rotated(name) for name in via):
            return None
        states = self._states(via)
        return _worst(states) if states else None

    def _passes_rotated(self, leg: str) -> bool:
        feeds = [draft.feed for draft in self.drafts if draft.leg.name == leg]
        names = {feed.reads for feed in feeds} | {
            feed.writes.holder for feed in feeds if feed.writes is not None
        }
        return any(one.sometimes for one in self.policy.destinations if one.name in names)

    def _states(self, via: tuple[str, ...]) -> _States | None:
        if via not in self._known:
            runs = self.timeline.of(via[-1])
            if runs is None or not runs.due:
                self._known[via] = None
            elif len(via) == 1:
                self._known[via] = _States(runs.earliest, runs)
            else:
                upstream = self._states(via[:-1])
                awaited = self.timeline.awaited(via[-1], via[-2])
                seen = _seen(upstream, runs, awaited) if upstream else None
                self._known[via] = _States(seen, runs) if seen else None
        return self._known[via]


def _guarded(destination: Destination | None) -> bool:
    """Whether a place keeps older states that this host cannot delete: none of its own disks."""
    if destination is None or destination.snapshots is None:
        return False
    return destination.ssh is not None


def _takes(reader: Draft, names: tuple[bytes, ...]) -> bool:
    selection = reader.feed.selection
    if selection is None or not names:
        return True
    return selection.decide(names, directory=True) in {Verdict.TAKEN, Verdict.ENTERED}


def _seen(upstream: _States, runs: Runs, awaited: tuple[int, ...]) -> tuple[int | None, ...]:
    """For each run the newest upstream state that is sure to be there when it starts."""
    found = []
    for waited_for, earliest in zip(awaited, runs.earliest, strict=True):
        at = bisect_right(upstream.runs.end, earliest) - 1
        at = max(at, bisect_right(upstream.runs.due, waited_for) - 1)
        found.append(upstream.state[at] if at >= 0 else None)
    return tuple(found)


def _worst(states: _States) -> Rpo | None:
    """The longest time from a state held to the arrival of the next newer one."""
    worst: Rpo | None = None
    held: int | None = None
    for state, arrives in zip(states.state, states.runs.end, strict=True):
        if state is None or (held is not None and state <= held):
            continue
        if held is not None and (worst is None or arrives - held > worst.seconds):
            worst = Rpo(seconds=arrives - held, held=held, arrives=arrives)
        held = state
    return worst
