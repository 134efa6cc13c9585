"""Renaming orphans to where their data belong now, path by path, each of which can be cut off.

Before a path is renamed, whoever reads that destination is told, and the leg that belongs there is
given what it will find: a kill in between costs nothing, and the next call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from engine.orphans.clean_up import Scope
from engine.orphans.migration import Move, Stay, moves, taken_along
from engine.orphans.noted_copies import Orphan
from engine.plan.model import Location
from engine.records.journal import Change
from engine.system.host.lock_probe import is_held
from engine.system.host.process import CommandNotStarted
from engine.system.host.relocate import NotRenamed, rename_below
from engine.system.host.remote import Remote, Unreachable
from engine.system.orphans.clean_up import Cleaner
from engine.system.orphans.contents import Looked
from engine.system.orphans.reach import Reached, Unreached
from engine.system.passes.feed_runs import FeedStopped, check_still_there
from engine.system.state.arrivals import there_by
from engine.system.state.orphans import OrphanRecord, Tombstone
from engine.system.state.state import Stream, stream_of

_WHY_FULL = "its copies were renamed: only a full pass knows them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What became of an orphan."""

    moved: tuple[Move, ...]
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class Migrator:
    """Renames an orphan, with the locks and the looks of a cleaner."""

    cleaner: Cleaner
    _listed: dict[Location, frozenset[bytes]] = field(default_factory=dict)
    """What lay in directories before anything was renamed: each costs a question over there."""

    def planned(self, looked: Looked) -> tuple[Move | Stay, ...]:
        """What would become of each path; nothing is touched."""
        if looked.why_not:
            base = looked.record.orphan.base
            # Whether it belongs somewhere else, nobody knows: that must not look like "no".
            return (Stay(names=(), old=base, why=looked.why_not, belongs=True),)
        cleaner = self.cleaner
        arrivals = cleaner.state.awaited(there_by(cleaner.plan, cleaner.places))
        steps = moves(cleaner.plan, looked.record.orphan, looked.scope, arrivals)
        return tuple(self._judged(one) for one in steps if self._is_there(one.old))

    def move(self, looked: Looked, say: Callable[[Move], None]) -> Migrated:
        """Rename what can be; each path is told before. Raises `Locked` and `OSError`."""
        done: list[Move] = []
        stays: list[Stay] = []
        steps = self.planned(looked)
        self._forget(looked.record.orphan, looked.scope)
        for step in steps:
            if isinstance(step, Stay):
                stays.append(step)
                continue
            say(step)
            why = self._try(looked, step)
            if why:
                stays.append(_stay(step, why))
            else:
                done.append(step)
        if done and not stays:
            self._bury(looked, done)
        return Migrated(moved=tuple(done), stays=tuple(stays))

    def settle(self, record: OrphanRecord) -> None:
        """Strike out an orphan of which nothing is there any more."""
        orphan = record.orphan
        # A run that began before the apply may still write there.
        if not is_held(self.cleaner.places.leg_lock(orphan.leg)):
            reached = self.cleaner.reach(orphan.base.holder)
            self._forget(orphan, self.cleaner.finder(reached).find(orphan))
            self.cleaner.state.orphans.drop(orphan.place)

    def _forget(self, orphan: Orphan, scope: Scope) -> None:
        """What is not there any more is not its leg's either.

        A call before may have been cut off after it had renamed it.
        """
        base = orphan.base
        gone = tuple(
            names
            for names in scope.paths
            if not self._is_there(Location(holder=base.holder, names=(*base.names, *names)))
        )
        if gone:
            finder = self.cleaner.finder(self.cleaner.reach(base.holder))
            finder.forget(orphan, Scope(paths=gone))

    # ── Before ───────────────────────────────────────────────────────────────────────────────

    def _judged(self, step: Move | Stay) -> Move | Stay:
        if isinstance(step, Stay):
            return step
        try:
            why = self._obstacle(step)
        except (Unreached, OSError) as error:
            why = str(error)
        return _stay(step, why) if why else step

    def _is_there(self, place: Location) -> bool:
        """Whether a path is there; yes where that cannot be seen."""
        try:
            return place.names[-1] in self._names(replace(place, names=place.names[:-1]))
        except (Unreached, OSError):
            return True

    def _names(self, place: Location) -> frozenset[bytes]:
        if place not in self._listed:
            entries = self.cleaner.reach(place.holder).entries(place.names)
            self._listed[place] = frozenset(entries)
        return self._listed[place]

    def _obstacle(self, move: Move) -> str:
        """What at the destination keeps a path from being renamed; empty where nothing does."""
        reached = self.cleaner.reach(move.old.holder)
        if reached.seen.target.ssh is not None and not reached.commands:
            return "the account there lets nothing but rsync pass: it is sent anew"
        assert move.feed.writes is not None
        there = self._names(move.feed.writes)
        own = self.cleaner.state.owned(self._stream(move))
        if move.top in there and move.top not in own:
            place = move.feed.writes.below(move.top)
            return f"{place} is there, and not {move.leg}'s: nothing is overwritten"
        if move.new.names[-1] in self._names(replace(move.new, names=move.new.names[:-1])):
            return f"{move.new} is there already, and nothing is overwritten"
        lacking = next((one for one in move.reads if not self._is_there(one)), None)
        if lacking is not None:
            return f"{move.leg} reads {lacking}, where it is not: it would delete what is renamed"
        return ""

    def _stream(self, move: Move) -> Stream:
        leg = self.cleaner.plan.leg(move.leg)
        assert leg is not None
        return stream_of(self.cleaner.plan, leg, move.feed, self.cleaner.state)

    # ── One path ─────────────────────────────────────────────────────────────────────────────

    def _try(self, looked: Looked, move: Move) -> str:
        """Rename one path; why it was not, or nothing."""
        state, stream = self.cleaner.state, self._stream(move)
        known = move.top in state.owned(stream)
        try:
            reached = self.cleaner.reach(move.old.holder)
            check_still_there(reached.still)
            self._announce(looked.record.orphan, move)
            self._rename(reached, move)
        except NotRenamed as why:
            if not known:
                state.disown(stream, move.top)
            return str(why)
        except (Unreached, Unreachable, FeedStopped, CommandNotStarted) as error:
            return str(error)  # whether it was renamed, nobody knows
        scope = Scope(paths=(move.names,))
        self.cleaner.finder(reached).forget(looked.record.orphan, scope)
        return ""

    def _announce(self, orphan: Orphan, move: Move) -> None:
        cleaner = self.cleaner
        names = (move.old.names, move.new.names)
        changes: Iterator[Change] = (Change(b"/".join(one), deep=True) for one in names)
        cleaner.journal.record_tree(move.old.holder, changes, held=True)
        cleaner.state.orphans.note(taken_along(orphan, move), cleaner.run.now)
        cleaner.tell_leg(orphan.leg, orphan.reads, _WHY_FULL)
        cleaner.tell_leg(move.leg, move.feed.reads, _WHY_FULL)
        cleaner.state.hand_over(self._stream(move))
        cleaner.state.claim(self._stream(move), cleaner.run.run_id, (move.top,))

    @staticmethod
    def _rename(reached: Reached, move: Move) -> None:
        root = reached.target(())
        if root.ssh is None:
            rename_below(root.path, move.old.names, move.new.names)
            return
        Remote(root, reached.run).rename(move.old.names, move.new.names)

    # ── Afterwards ───────────────────────────────────────────────────────────────────────────

    def _bury(self, looked: Looked, done: list[Move]) -> None:
        record, first = looked.record, done[0]
        depth = len(first.new.names) - len(first.names)
        root = Location(holder=first.new.holder, names=first.new.names[:depth])
        whole = record.orphan.live.pattern.literal == first.names
        self.cleaner.state.orphans.bury(
            Tombstone(
                place=record.orphan.place,
                removed=self.cleaner.run.now,
                since=record.since,
                why=record.orphan.why,
                files=looked.files or 0,
                bytes=looked.size or 0,
                renamed=str(first.new if whole else root),
            )
        )


def _stay(move: Move, why: str) -> Stay:
    return Stay(names=move.names, old=move.old, why=why, belongs=True)
