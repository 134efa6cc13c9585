"""What of a destination an orphan is today: names that its leg had written and nobody carries.

A wildcard is resolved here, against what the leg is known to have written (law 1) and what lies
there. What belongs to a leg of today, to another one that has left, or to nobody is not in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.orphans.carriers import carried_inside, owner_of, retired_inside, selection_of
from engine.orphans.clean_up import Names, Scope
from engine.orphans.migration import may_meet
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Feed, Location, Plan, tree_root
from engine.plan.readers import read_place
from engine.plan.selection import Selection, Verdict, is_reserved
from engine.reach.targets import Presence
from engine.rsync.set_aside import SET_ASIDE
from engine.system.host.places import Places
from engine.system.orphans.reach import Reached, Unreached
from engine.system.state.records import Stream
from engine.system.state.state import State, place_text, streams_below
from policy.patterns import Component, PathPattern, literal_component
from policy.values import display

_OWNED = frozenset({Verdict.TAKEN, Verdict.BLOCKED, Verdict.RESERVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeFinder:
    """Finds the scope of orphans at one destination."""

    plan: Plan
    state: State
    places: Places
    reached: Reached

    def find(self, orphan: Orphan) -> Scope:
        """The orphan's own paths, relative to its base. Raises `Unreached`."""
        if orphan.is_set_aside:
            return self._aside(orphan)
        depth = len(orphan.base.names)
        written = (one for names in self._written(orphan) for one in self._opened(names, orphan))
        paths = {names for names in written if self._is_free(names)}
        # A path inside another one is removed with it.
        tops = [
            names
            for names in sorted(paths)
            if not any(names[:end] in paths for end in range(1, len(names)))
        ]
        kept = {
            PathPattern(one.components[depth:])
            for names in tops
            for one in self._kept_inside(names, orphan)
        }
        return Scope(
            paths=tuple(names[depth:] for names in tops), kept=tuple(sorted(kept, key=str))
        )

    def _aside(self, orphan: Orphan) -> Scope:
        """What runs had set aside, where no leg of today does so: the name is the engine's own."""
        written = (feed.writes for leg in self.plan.legs for feed in leg.feeds)
        names = (*orphan.base.names, SET_ASIDE)
        there = orphan.base not in written and self.reached.present(orphan.base.names)
        there = there and self.reached.is_directory(names)
        return Scope(paths=((SET_ASIDE,),) if there else (), set_aside=True)

    def is_absent(self, orphan: Orphan) -> bool:
        """Whether it is certain that nothing lies where the orphan does, whoever wrote it.

        What cannot be listed, or is reached through no directory of its own, is not certain.
        """
        whole = not orphan.live.pattern.components
        try:
            return self._lacks((), orphan.place.pattern.components, whole=whole)
        except Unreached:
            return False

    def _lacks(self, names: Names, inside: tuple[Component, ...], *, whole: bool) -> bool:
        """Whether nothing in a directory matches; of a whole source it may be there, empty."""
        there = self.reached.listing(names)
        if not inside:
            return all(is_reserved((name,), directory=True) for name in there)
        found = {name: kind for name, kind in there.items() if inside[0].matches(name)}
        if len(inside) == 1 and not whole:
            return not found
        if inside[0].literal is None:  # a file that a wildcard matches is on the way to nothing
            found = {name: kind for name, kind in found.items() if kind is not Presence.OTHER}
        return all(
            kind is Presence.DIRECTORY and self._lacks((*names, name), inside[1:], whole=whole)
            for name, kind in found.items()
        )

    # ── What the leg had written ─────────────────────────────────────────────────────────────

    def _written(self, orphan: Orphan) -> set[Names]:
        """Paths that match, below entries at the top of which the leg is known to have written."""
        components = orphan.place.pattern.components
        found: set[Names] = set()
        for place, top in orphan.tops:
            text = place_text(self.plan, place, self.state)
            owned = self.state.owned(Stream(leg=orphan.leg, source=orphan.reads, place=text))
            tops = [(*place.names, one) for one in owned if top is None or top.matches(one)]
            found.update(self._matching(tops, components[len(place.names) + 1 :]))
        return found | set(self._of_items(orphan))

    def _of_items(self, orphan: Orphan) -> Iterator[Names]:
        """Generations of items, each of which has its own directory below the leg's."""
        if not orphan.form:
            return
        base = orphan.base
        wanted = PathPattern(orphan.place.pattern.components[len(base.names) :])
        below = streams_below(self.plan, orphan.leg, base, self.state)
        for stream, names in self.state.owned_by(orphan.leg).items():
            if below.holds(stream):
                for item in self._shown_as(base.names, stream.source.split("/")):
                    inner = item[len(base.names) :]
                    if len(wanted.components) <= len(inner) and may_meet(inner, wanted):
                        yield from ((*item, name) for name in names)

    def _shown_as(self, above: Names, parts: list[str]) -> Iterator[Names]:
        """Directories there whose names are shown so: an item is known by that alone."""
        if not parts:
            yield above
            return
        for name in self.reached.entries(above):
            if display(name) == parts[0]:
                yield from self._shown_as((*above, name), parts[1:])

    def _opened(self, names: Names, orphan: Orphan) -> Iterator[Names]:
        """A path, or where it is the orphan's base, what lies in it.

        The first leg of a whole source owns the entries of its copy one by one. A later hop owns
        the directory that holds them, with all in it.
        """
        base = orphan.base.names
        if len(names) > len(base):
            yield names
        elif names == base and _is_whole_further_on(orphan):
            yield from ((*names, name) for name in self._entries(names))

    def _entries(self, names: Names) -> Iterator[bytes]:
        return (
            name for name in self.reached.entries(names) if not is_reserved((name,), directory=True)
        )

    def _matching(
        self, paths: Iterable[Names], components: tuple[Component, ...]
    ) -> Iterator[Names]:
        for names in paths:
            if not components:
                yield names
                continue
            literal = components[0].literal
            inside = (
                [literal]
                if literal is not None
                else components[0].matching(self.reached.entries(names))
            )
            yield from self._matching(((*names, one) for one in inside), components[1:])

    def forget(self, orphan: Orphan, scope: Scope) -> None:
        """What was removed is no longer known as written: what comes there next is not ours."""
        base = orphan.base.names
        paths = [] if scope.kept else [(*base, *inner) for inner in scope.paths]
        if paths and _is_whole_further_on(orphan) and not any(self._entries(base)):
            paths.append(base)
        for names in paths:
            above = Location(holder=orphan.place.holder, names=names[:-1])
            text = place_text(self.plan, above, self.state)
            for stream in self.state.owned_by(orphan.leg):
                if stream.place == text:
                    self.state.disown(stream, names[-1])

    # ── Whose it is now ──────────────────────────────────────────────────────────────────────

    def _is_free(self, names: Names) -> bool:
        """Whether no leg of today carries a path."""
        feed = owner_of(self.plan, self.reached.holder, names)
        if feed is None or feed.writes is None:
            return True
        inner, selection = names[len(feed.writes.names) :], selection_of(self.plan, feed)
        if selection is None or not inner:
            return False
        verdict = self._verdict(selection, inner, names)
        if verdict not in _OWNED:
            return True
        return verdict is Verdict.TAKEN and self._has_lapsed(feed, feed.writes, inner)

    def _verdict(self, selection: Selection, inner: Names, names: Names) -> Verdict:
        """What becomes of a path; only where it matters, its kind is looked at."""
        one, other = (selection.decide(inner, directory=kind) for kind in (True, False))
        if (one in _OWNED) == (other in _OWNED):
            return one
        return one if self.reached.is_directory(names) else other

    def _has_lapsed(self, feed: Feed, writes: Location, inner: Names) -> bool:
        """Where a leg has left from inside another one, that one's rules take what it had written.

        It is not that one's as long as it reads no such path.
        """
        retired = any(inner[: len(one)] == one for one in self._retired(writes))
        return retired and not self._is_there(feed, inner)

    def _retired(self, inside: Location) -> tuple[Names, ...]:
        return retired_inside(self.plan, self.state.all_retired(), inside)

    def _is_there(self, feed: Feed, inner: Names) -> bool:
        """Whether a feed reads such a path now; yes where that cannot be seen."""
        read = read_place(self.plan, feed.reads)
        if read is not None:
            # What lies where a hop reads, and is nobody's there, is not carried further.
            names = (*read.names, *inner)
            before = owner_of(self.plan, read.holder, names)
            if before is not None and before.writes is not None:
                there = names[len(before.writes.names) :]
                if self._has_lapsed(before, before.writes, there):
                    return False
        root = self._root_read(feed)
        try:
            # What is away or empty is taken for unmounted (law 11): nobody sees what it holds.
            unseen = root is None or not os.listdir(root)  # noqa: PTH208 - bytes
        except OSError:
            return True
        return unseen or os.path.lexists(b"/".join(((root or b"").rstrip(b"/"), *inner)))

    def _root_read(self, feed: Feed) -> bytes | None:
        source = self.plan.source(feed.reads)
        if source is not None:
            tree = tree_root(source)
            return self.places.below_root(tree) if tree is not None else None
        place = read_place(self.plan, feed.reads)
        destination = self.plan.destination(place.holder) if place is not None else None
        if place is None or destination is None or self.places.reaches_over_ssh(destination):
            return None
        return b"/".join((self.places.destination_root(destination).rstrip(b"/"), *place.names))

    def _kept_inside(self, names: Names, orphan: Orphan) -> Iterator[PathPattern]:
        """What below a path is somebody's: of legs of today, and of others that have left."""
        here = Location(holder=self.reached.holder, names=names)
        feed = owner_of(self.plan, here.holder, names)
        if feed is not None and feed.writes is not None:
            above = feed.writes.names
            for one in carried_inside(feed, names[len(above) :]):
                yield PathPattern(_literal(above) + one.components)
        inner = (one.writes for leg in self.plan.legs for one in leg.feeds)
        for place in inner:
            if place is not None and here.contains(place):
                yield PathPattern(_literal(place.names))
        for lapsed in self.state.retired(here):
            if not self._wrote(orphan, (*names, *lapsed)):
                yield PathPattern(_literal((*names, *lapsed)))

    def _wrote(self, orphan: Orphan, names: Names) -> bool:
        """Whether a directory below is the orphan's own leg's."""
        text = place_text(self.plan, Location(holder=orphan.place.holder, names=names), self.state)
        return bool(self.state.owned(Stream(leg=orphan.leg, source=orphan.reads, place=text)))


def _is_whole_further_on(orphan: Orphan) -> bool:
    """Whether it is the copy of a whole source that a later hop had made of another copy."""
    whole = not orphan.live.pattern.components
    return whole and bool(orphan.base.names) and orphan.reads != orphan.live.holder


def _literal(names: Names) -> tuple[Component, ...]:
    return tuple(literal_component(name) for name in names)
