"""Copies as `apply` notes them: orphans that nobody carries, and arrivals that have yet to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.plan.model import Location
from engine.plan.spots import Spot, literal_head
from engine.rsync.set_aside import SET_ASIDE
from policy.patterns import Component, literal_component

_ASIDE = literal_component(SET_ASIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A copy that nobody carries, as `apply` notes it."""

    place: Spot
    """Where it lies. A wildcard is kept: what it matches there is found when it is looked at."""
    leg: str
    """The leg that wrote it."""
    reads: str
    """What that leg's feed read: a source, a destination or a leg."""
    live: Spot
    """The live paths that it was a copy of."""
    why: str
    form: str | None = None
    """How its files lie there, as `Hop.form` says it; None: noted before that was kept."""

    @property
    def is_set_aside(self) -> bool:
        """Whether it is no copy, but what runs had deleted or overwritten among copies."""
        return bool(self.place.pattern.components) and self.place.pattern.components[-1] == _ASIDE

    @property
    def base(self) -> Location:
        """Where the root of the live data lies in the copy."""
        depth = len(self.place.pattern.components) - len(self.live.pattern.components)
        return Location(
            holder=self.place.holder, names=literal_head(self.place.pattern)[: max(0, depth)]
        )

    @property
    def tops(self) -> Iterator[tuple[Location, Component | None]]:
        """The directories at the top of which its leg may have noted it as its own.

        With each, which entries there it is, or lies in; None: all of them.
        """
        components, head = self.place.pattern.components, literal_head(self.place.pattern)
        for depth in range(len(head) + 1):
            place = Location(holder=self.place.holder, names=head[:depth])
            yield place, components[depth] if depth < len(components) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A copy that an applied plan makes, and the one before it did not."""

    place: Spot
    leg: str
    form: str | None = None
    """How its files will lie there, as `Hop.form` says it; None: noted before that was kept."""
