"""The pieces of a source that lie at a place: what is restored from there, and as which version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.promises.chains import Chains, Copy
from engine.restore.choice import choose, unseen_words
from engine.restore.fetch import Place
from engine.restore.holders import copies_of
from engine.restore.versions import Kind, Version
from engine.system.restore.entries import CannotLook
from engine.system.restore.items import Names, has_items, items_below
from engine.system.restore.known import Known
from engine.system.restore.search import find_versions
from policy.legs import SqliteLeg
from policy.values import display


class NothingHeld(Exception):
    """Nothing can be restored from a place; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A copy of a source, or of one of its items, in the newest state that is whole."""

    item: Names
    """The item's address; empty: the source itself."""
    version: Version
    place: Place

    @property
    def item_text(self) -> str:
        """The item as people type it."""
        return display(b"/".join(self.item))


class Holding:
    """A source, and what holds copies of it."""

    def __init__(
        self, known: Known, chains: Chains, source: str, identity: bytes | None = None
    ) -> None:
        """`identity`: the file with the key to what is encrypted; None: it stays closed."""
        self.known, self.chains, self.source = known, chains, source
        self.identity = identity
        self.zone = ZoneInfo(known.plan.timezone)

    def pieces_at(self, place: str) -> tuple[Piece, ...]:
        """What a place holds, item by item. Raises `NothingHeld`."""
        found: dict[tuple[Names, tuple[str, ...]], Piece] = {}
        why: list[str] = []
        for copy in self._copies(()):
            if copy.place != place:
                continue
            try:
                for item, one in self._by_item(copy):
                    piece = self._newest(item, one, why)
                    if piece is not None:
                        found[item, one.via] = piece
            except CannotLook as error:
                why.append(str(error))
        if not found:
            said = "; ".join(dict.fromkeys(why)) or "no run has put anything there yet"
            raise NothingHeld(f"nothing of {self.source} can be restored from {place}: {said}")
        return tuple(found[key] for key in sorted(found))

    def others_of(self, piece: Piece, *, far: bool = False) -> tuple[Piece, ...]:
        """The same at other places, as far as it is kept there in the same way.

        `far`: those on other machines; else those of this one.
        """
        mine = piece.version
        found = []
        for copy in self._copies(piece.item):
            where = self.known.place(copy.place)
            same = (copy.place, copy.via) == (mine.place, mine.copy.via)
            if same or where is None or (where.ssh is not None) is not far:
                continue
            if self._maker(copy) == self._maker(mine.copy):
                other = self._newest(piece.item, copy, [])
                found += [other] if other is not None else []
        return tuple(found)

    def _maker(self, copy: Copy) -> str:
        """Which leg has made the databases in it: SQLite's own copies have bytes of their own."""
        legs = (self.known.plan.leg(name) for name in copy.via)
        made = (one.name for one in legs if one is not None and isinstance(one.leg, SqliteLeg))
        return next(made, "")

    def _copies(self, item: Names) -> tuple[Copy, ...]:
        return copies_of(self.known.plan, self.chains, self.source, item)

    def _newest(self, item: Names, copy: Copy, why: list[str]) -> Piece | None:
        """The newest state of a copy that is whole; `why` gets what speaks against it."""
        versions, unseen = find_versions(self.known, (copy,), self.source)
        newest = [one for one in versions if one.kind not in {Kind.SET_ASIDE, Kind.SNAPSHOT}]
        choice = choose(newest, as_of=None, place=copy.place, zone=self.zone)
        place = self.known.place(copy.place)
        if choice.chosen is None or place is None:
            why += [unseen_words(one) for one in unseen]
            why += [one.why for one in choice.passed]
            return None
        return Piece(item=item, version=choice.chosen, place=place)

    def _by_item(self, copy: Copy) -> Iterator[tuple[Names, Copy]]:
        """Each item of which the copy holds something; the copy itself where there are none."""
        if not has_items(self.known.plan, self.source, copy):
            yield (), copy
            return
        place = self.known.place(copy.place)
        assert place is not None, "it is a destination"
        for item in sorted(items_below(copy.location, place)):
            for one in self._copies(item):
                if (one.place, one.via) == (copy.place, copy.via):
                    yield item, one
