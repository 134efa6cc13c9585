"""What a change set does to the data: which bytes move where, and what the copies amount to then.

Pure. Bytes are those of the live data as measured; what copies take beyond that (generations, what
is set aside) is not foreseen. What leaves a place stays there as an orphan, and makes no room
before it is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from engine.changes.plan_changes import RouteChange
from engine.moves.destination_data import DestinationData, Rate, Room
from engine.moves.flows import Flow, Offer, flows_of, offers
from engine.moves.held import Cut, Held, Piece, oldest
from engine.promises.chains import Chains
from engine.records.measurement import Volume
from engine.routing.volumes import SourceVolumes


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteData:
    """The data of one changed routing line."""

    change: RouteChange
    volume: Volume | None
    measured: datetime | None
    """When; None: just now, or not at all."""
    before: Held | None
    after: Held | None
    gained: tuple[Flow, ...]
    left: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a leg promises of the copies that it makes."""

    rpo: int | None
    """Seconds that the oldest of them can be behind; None: nothing is promised."""
    history: int
    """Seconds that its own generations reach back, at least."""
    generations: tuple[int, int] | None = None
    """How many there come to be, at least and at most; None: it keeps none, or they are too many to
    be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How many copies a piece has whose own line did not change."""

    text: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LegData:
    """One leg: what it promises, and data that come or go although their lines stay."""

    leg: str
    before: Promise | None
    """None: it is new, or carries nothing there."""
    after: Promise | None
    gained: tuple[Flow, ...]
    left: tuple[Flow, ...]
    shifts: tuple[Shift, ...]
    """What has more or fewer copies by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChanges:
    """Everything that a change set does to data."""

    routes: tuple[RouteData, ...] = ()
    legs: tuple[LegData, ...] = ()
    destinations: tuple[DestinationData, ...] = ()
    renames: tuple[Offer, ...] = ()
    """What need not be sent, since it can be renamed at its destination."""

    def route(self, change: RouteChange) -> RouteData | None:
        """The data of one changed line."""
        return next((one for one in self.routes if one.change is change), None)

    def leg(self, name: str) -> LegData | None:
        """The data of one leg, where anything changes about them."""
        return next((one for one in self.legs if one.leg == name), None)

    def destination(self, name: str) -> DestinationData | None:
        """What comes and goes there; None where nothing does."""
        return next((one for one in self.destinations if one.destination == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was looked at before the change is judged."""

    volumes: Mapping[str, SourceVolumes]
    """By source, counted by the lines of `joint_plan`."""
    rooms: Mapping[str, Room]
    rates: Mapping[str, Rate]
    accepted: frozenset[str] = frozenset()
    """Destinations that may be filled beyond their limit."""
    migrate: bool = False
    """Whether what can be renamed at its destination is, and is not sent."""


def sources_to_measure(cut: Cut, routes: Sequence[RouteChange]) -> tuple[str, ...]:
    """Sources whose data come or go, or of which a line changes; sorted."""
    moving = {one.source for one in cut.pieces if one.gained or one.left}
    moving |= {one.source for one in cut.blocks}
    return tuple(sorted(moving | {one.source for one in routes}))


def data_changes(cut: Cut, routes: Sequence[RouteChange], known: Known) -> DataChanges:
    """Say what the change does."""
    gained, left = (
        tuple(flows_of(cut.pieces, lambda piece: _volume(piece, known), arriving=arriving))
        for arriving in (True, False)
    )
    flows = _Flows(gained=gained, left=left)
    renames = offers(cut, gained, left)
    return DataChanges(
        routes=tuple(_routes(routes, cut, known, flows)),
        legs=tuple(_legs(cut, routes, flows)),
        destinations=tuple(_destinations(cut, known, flows, renames)),
        renames=renames,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flows:
    """All that comes and all that goes."""

    gained: tuple[Flow, ...]
    left: tuple[Flow, ...]

    def of_pieces(self, ids: Set[int]) -> _Flows:
        return self._those(lambda flow: id(flow.piece) in ids)

    def of_leg(self, name: str) -> _Flows:
        return self._those(lambda flow: flow.leg == name)

    def of_destination(self, name: str) -> _Flows:
        return self._those(lambda flow: flow.destination == name)

    def _those(self, chosen: Callable[[Flow], bool]) -> _Flows:
        return _Flows(
            gained=tuple(filter(chosen, self.gained)), left=tuple(filter(chosen, self.left))
        )


def _volume(piece: Piece, known: Known) -> Volume | None:
    found = known.volumes.get(piece.source)
    return found.by_line.get(piece.text) if found else None


# ── Routes ───────────────────────────────────────────────────────────────────────────────────


def _routes(
    routes: Sequence[RouteChange], cut: Cut, known: Known, flows: _Flows
) -> Iterator[RouteData]:
    by_line = {(one.source, one.pattern): one for one in cut.pieces}
    for change in routes:
        piece = by_line.get((change.source, change.pattern))
        if piece is None:
            continue
        volumes = known.volumes.get(piece.source)
        mine = flows.of_pieces({id(piece)})
        yield RouteData(
            change=change,
            volume=_volume(piece, known),
            measured=volumes.measured if volumes else None,
            before=piece.before,
            after=piece.after,
            gained=mine.gained,
            left=mine.left,
        )


# ── Legs ─────────────────────────────────────────────────────────────────────────────────────


def _legs(cut: Cut, routes: Sequence[RouteChange], flows: _Flows) -> Iterator[LegData]:
    """What a first apply brings is told by its routes alone."""
    if cut.applied is None:
        return
    told = {(one.source, one.pattern) for one in routes}
    quiet = [one for one in cut.pieces if (one.source, one.pattern) not in told]
    silent = flows.of_pieces({id(one) for one in quiet})
    for name in sorted({leg.name for one in (cut.applied, cut.plan) for leg in one.legs}):
        mine = silent.of_leg(name)
        found = LegData(
            leg=name,
            before=_promise(cut.old, name, [one.before for one in cut.pieces]),
            after=_promise(cut.new, name, [one.after for one in cut.pieces]),
            gained=mine.gained,
            left=mine.left,
            shifts=tuple(_shifts(name, quiet)),
        )
        if _says(found):
            yield found


def _says(found: LegData) -> bool:
    both = found.before is not None and found.after is not None
    changed = both and found.before != found.after
    return bool(changed or found.gained or found.left or found.shifts)


def _shifts(leg: str, quiet: Iterable[Piece]) -> Iterator[Shift]:
    """Pieces that have another number of copies since this leg makes one more, or one fewer."""
    for one in quiet:
        if one.before is None or one.after is None or one.before.copies == one.after.copies:
            continue
        if leg in {copy.leg for copy in (*one.gained, *one.left)}:
            yield Shift(text=one.text, before=one.before.copies, after=one.after.copies)


def _promise(chains: Chains | None, name: str, held: Iterable[Held | None]) -> Promise | None:
    copies = [copy for one in held if one for copy in one.every if copy.leg == name]
    if chains is None or chains.policy.leg(name) is None or not copies:
        return None
    span = chains.kept(name)
    return Promise(
        rpo=oldest(copies),
        history=chains.history(name),
        generations=(span.fewest, span.most) if span is not None else None,
    )


# ── Destinations ─────────────────────────────────────────────────────────────────────────────


def _destinations(
    cut: Cut, known: Known, flows: _Flows, renames: tuple[Offer, ...]
) -> Iterator[DestinationData]:
    here = {one.name for one in cut.plan.destinations}
    going = cut.applied.destinations if cut.applied else ()
    for one in (*cut.plan.destinations, *(one for one in going if one.name not in here)):
        mine = flows.of_destination(one.name)
        if mine.gained or mine.left:
            ready = [o.new for o in renames if o.new.destination == one.name and not o.after]
            texts = (flow.piece.text for flow in mine.gained if flow.volume is None)
            yield DestinationData(
                destination=one.name,
                room=known.rooms.get(one.name),
                gained=_bytes(mine.gained),
                left=_bytes(mine.left),
                unmeasured=tuple(dict.fromkeys(texts)),
                max_used=one.max_used.fraction,
                rate=known.rates.get(one.name),
                accepted=one.name in known.accepted,
                renamable=_bytes(ready),
                migrate=known.migrate,
            )


def _bytes(flows: Iterable[Flow]) -> int:
    return sum(one.volume.bytes for one in flows if one.volume is not None)
