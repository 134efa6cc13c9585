"""Flows: copies of a piece that a change brings or leaves, and which of them are one.

What is left behind at a destination, and comes anew under another name there, need not be sent: it
can be renamed (`policyctl migrate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.moves.held import Cut, Piece
from engine.plan.model import Plan
from engine.records.measurement import Volume
from policy.legs import MirrorLeg


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One copy of one piece that comes or goes."""

    piece: Piece
    destination: str
    place: str
    """Where it lies, as `explain` says it: `sda:/immich`."""
    via: tuple[str, ...]
    """All legs from the live data to there, in order."""
    volume: Volume | None
    """None where the data were not measured."""

    @property
    def leg(self) -> str:
        """The leg that makes it, or made it."""
        return self.via[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Data that need not be sent, since they lie at the destination under another name."""

    old: Flow
    """The copy that is left behind."""
    new: Flow
    """The copy that would be sent."""
    after: tuple[str, ...]
    """Legs that have to bring the data to where the new copy is made from, before it is renamed."""


def flows_of(
    pieces: Iterable[Piece], volume: Callable[[Piece], Volume | None], *, arriving: bool
) -> Iterator[Flow]:
    """All copies that come, or all that go."""
    for piece in pieces:
        size = volume(piece)
        for copy in piece.gained if arriving else piece.left:
            yield Flow(
                piece=piece,
                destination=copy.place,
                place=piece.shown(copy.location),
                via=copy.via,
                volume=size,
            )


def offers(both: Cut, gained: Iterable[Flow], left: Iterable[Flow]) -> tuple[Offer, ...]:
    """What may be renamed after the change, by what is known of the plans alone."""
    if both.applied is None:
        return ()
    comes, stays = list(gained), list(left)
    found: list[Offer] = []
    for new in comes:
        old = next((one for one in stays if _is_offered(both, one, new)), None)
        after = tuple(_awaited(new, comes))
        # What comes anew at an earlier hop are other generations than those that are left.
        if old is not None and not (after and _form(both.plan, new)):
            stays.remove(old)  # it can be renamed once
            found.append(Offer(old=old, new=new, after=after))
    return tuple(found)


def _is_offered(both: Cut, old: Flow, new: Flow) -> bool:
    assert both.applied is not None
    if old.piece is not new.piece or old.destination != new.destination:
        return False
    same = _form(both.applied, old) == _form(both.plan, new)
    return same and _is_mirrored(both.plan, new)


def _form(plan: Plan, flow: Flow) -> tuple[str, ...]:
    """How its files lie there: `Hop.form`."""
    legs = [plan.leg(name) for name in flow.via]
    return tuple(one.name for one in legs if one and not isinstance(one.leg, MirrorLeg))


def _is_mirrored(plan: Plan, flow: Flow) -> bool:
    leg = plan.leg(flow.leg)
    return leg is not None and isinstance(leg.leg, MirrorLeg)


def _awaited(new: Flow, comes: Iterable[Flow]) -> Iterator[str]:
    """Legs on the way whose own copy of the same piece has yet to come."""
    coming = {flow.leg for flow in comes if flow.piece is new.piece}
    yield from (leg for leg in new.via[:-1] if leg in coming)
