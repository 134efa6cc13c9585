"""Removing orphans: each looked at, compared, counted, and only then removed, with a tombstone.

Whoever reads that destination further is told before anything goes. A removal that was cut off
leaves its orphan on record, so the next one goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from engine.clean_up import (
    Listing,
    Names,
    Scope,
    compare_command,
    differences,
    look_command,
    look_rules,
    removal_command,
    removal_rules,
    same_account,
    there,
)
from engine.filters import FilterError
from engine.journal import Change, UnknownReader
from engine.legs.kind import Run
from engine.orphans import Hop, NotCarried, carried_now
from engine.plan import Location, Plan
from engine.rsync_command import merge_rules
from engine.rsync_output import deletions_wanted
from engine.system.directories import write_private
from engine.system.feed_runs import FeedStopped, check_still_there, sentence
from engine.system.journal import Journal, open_journal
from engine.system.lock import hold
from engine.system.orphan_scope import ScopeFinder
from engine.system.orphans import OrphanRecord, Tombstone
from engine.system.places import Places
from engine.system.process import Command, CommandNotStarted, Completed, run
from engine.system.reach import Reached, Unreached, reach
from engine.system.records import new_run_id
from engine.system.remote import closing_connection
from engine.system.run_directory import run_directory
from engine.system.state import State, open_state
from engine.targets import Target
from policy.values import display

_COUNTED = frozenset({0, 25})
"""Ends of a pass that only counts: nothing to remove, and something."""
_PATIENCE = float("inf")
"""rsync itself gives up where nothing moves any more."""
_SHOWN = 3
_WHY_FULL = "copies of its own were removed: only a full pass knows that"


class NotCleaned(Exception):
    """An orphan stays as it is; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An orphan as it lies there now."""

    record: OrphanRecord
    scope: Scope
    files: int | None
    """None: the account may not list it."""
    size: int | None
    why_not: str = ""
    """Why it could not be looked at."""

    @property
    def gone(self) -> bool:
        """Whether nothing of it is there any more."""
        return not self.why_not and (not self.scope.paths or self.files == 0 == self.size)


@dataclass(slots=True)
class Cleaner:
    """Looks at orphans and removes them, for as long as it holds its lock."""

    plan: Plan
    places: Places
    state: State
    journal: Journal
    run: Run
    locks: list[int]
    _open: ExitStack
    _reached: dict[str, Reached] = field(default_factory=dict)
    _written: int = 0

    # ── Looking ──────────────────────────────────────────────────────────────────────────────

    def look(self, record: OrphanRecord) -> Looked:
        """How much of an orphan is there; nothing is changed."""
        try:
            return self._look(record)
        except (Unreached, NotCleaned, FilterError) as error:
            return Looked(
                record=record,
                scope=Scope(paths=()),
                files=record.files,
                size=record.bytes,
                why_not=str(error),
            )

    def _look(self, record: OrphanRecord) -> Looked:
        base = record.orphan.base
        reached = self.reach(base.holder)
        scope = self.finder(reached).find(record.orphan)
        if not scope.paths or not reached.present(base.names):
            return Looked(record=record, scope=Scope(paths=()), files=0, size=0)
        listing = Listing(parents=frozenset(b"/".join(one) for one in scope.parents))
        rules = self._rules(look_rules(scope))
        argv = look_command(rules, reached.target(base.names), reached.connection)
        told = self._run(argv, on_output=listing.feed)
        if told.code != 0 and reached.commands:
            raise NotCleaned(f"it cannot be listed: {sentence(told)}")
        if told.code != 0:  # an account that may only be written to
            return Looked(record=record, scope=scope, files=None, size=None)
        if not listing.entries:
            return Looked(record=record, scope=Scope(paths=()), files=0, size=0)
        self.state.orphans.measured(record.orphan.place, listing.files, listing.size)
        return Looked(record=record, scope=scope, files=listing.files, size=listing.size)

    # ── Comparing with the copy of today ─────────────────────────────────────────────────────

    def verify(self, looked: Looked) -> tuple[str, ...]:
        """Where all of it stands with equal content. Raises `NotCleaned` and `Locked`."""
        if looked.why_not:
            raise NotCleaned(looked.why_not)
        try:
            groups = self._copies(looked.record, looked.scope)
            return tuple(self._equal(looked, paths, hops) for hops, paths in groups.items())
        except (Unreached, NotCarried, FilterError) as error:
            raise NotCleaned(str(error)) from None

    def _copies(
        self, record: OrphanRecord, scope: Scope
    ) -> dict[tuple[Location, ...], list[Names]]:
        """Paths of the scope by the places that carry them today. Raises `NotCarried`."""
        orphan = record.orphan
        groups: dict[tuple[Location, ...], list[Names]] = {}
        for names in scope.paths:
            hops = carried_now(self.plan, orphan.live.holder, names)
            here = Location(holder=orphan.base.holder, names=(*orphan.base.names, *names))
            if any(_overlap(hop, here, names) for hop in hops):
                raise NotCarried("its place is one that copies of today pass through")
            roots = tuple(hop.root for hop in hops if self._is_mirrored(hop))
            if not roots:
                raise NotCarried("its copies of today lie where they cannot be compared")
            groups.setdefault(roots, []).append(names)
        return groups

    def _is_mirrored(self, hop: Hop) -> bool:
        """Whether the other copy is a tree at a destination, as this one is."""
        leg = self.plan.leg(hop.leg)
        known = self.plan.destination(hop.root.holder) is not None
        return leg is not None and leg.kind == "mirror" and known

    def _equal(self, looked: Looked, paths: list[Names], roots: tuple[Location, ...]) -> str:
        """The places that hold all of these paths: each where the plan wants them.

        One alone would not do: the orphan may be the only copy off-site until the others stand.
        """
        scope = replace(looked.scope, paths=tuple(paths))
        for root in roots:
            try:
                self._compare(looked, scope, root)
            except Unreached as error:
                raise NotCleaned(str(error)) from None
        return " and ".join(str(root) for root in roots)

    def _compare(self, looked: Looked, scope: Scope, root: Location) -> None:
        base = looked.record.orphan.base
        mine, theirs = self.reach(base.holder), self.reach(root.holder)
        if not theirs.present(root.names):
            raise NotCleaned(f"{root} is not there yet")
        one, other = mine.target(base.names), theirs.target(root.names)
        if one.ssh is None and other.ssh is None and _is_one(one, other, scope):
            raise NotCleaned(f"{root} is the orphan itself, by another way")
        told = self._run(self._comparison(scope, one, other, mine, theirs))
        if told.code != 0:
            raise NotCleaned(f"it cannot be compared with {root}: {sentence(told)}")
        found = differences(told.stdout)
        examples = [display(path) for path in islice(found, _SHOWN)]
        if examples or not told.whole:
            more = " and more" if next(found, None) is not None or not told.whole else ""
            raise NotCleaned(f"{root} lacks or differs in: {', '.join(examples)}{more}")

    def _comparison(
        self, scope: Scope, one: Target, other: Target, mine: Reached, theirs: Reached
    ) -> tuple[bytes, ...]:
        rules = look_rules(scope)
        if one.ssh is not None and other.ssh is not None:
            if not (same_account(one, other) and mine.commands):
                raise NotCleaned(
                    "both copies lie on other machines, and it cannot be verified here"
                )
            inline = tuple(b"--filter=" + rule for rule in rules)
            return there(one, mine.run.control, compare_command(inline, one, other, ()))
        connection = mine.connection or theirs.connection
        return compare_command(self._rules(rules), one, other, connection)

    # ── Removing ─────────────────────────────────────────────────────────────────────────────

    def remove(self, looked: Looked, say: Callable[[str], None]) -> Tombstone:
        """Remove an orphan that was looked at. Raises `NotCleaned`."""
        if looked.why_not:
            raise NotCleaned(looked.why_not)
        try:
            count = 0 if looked.gone else self._remove(looked, say)
        except (Unreached, FeedStopped, FilterError) as error:
            raise NotCleaned(str(error)) from None
        record = looked.record
        stone = Tombstone(
            place=record.orphan.place,
            removed=self.run.now,
            since=record.since,
            why=record.orphan.why,
            files=count if looked.files is None else looked.files,
            bytes=looked.size or 0,
        )
        if looked.gone:
            self.state.orphans.drop(record.orphan.place)
        else:
            self.state.orphans.bury(stone)
        return stone

    def _remove(self, looked: Looked, say: Callable[[str], None]) -> int:
        base = looked.record.orphan.base
        reached = self.reach(base.holder)
        target, rules = reached.target(base.names), self._rules(removal_rules(looked.scope))
        parents = self._parents(looked.scope)

        def command(most: int) -> tuple[bytes, ...]:
            return removal_command(rules, parents, target, reached.connection, most=most)

        check_still_there(reached.still)
        counted = self._run(command(0))
        if counted.code not in _COUNTED:
            raise NotCleaned(f"what would go could not be counted: {sentence(counted)}")
        count = _wanted(counted, looked.scope)
        say(f"{looked.record.orphan.place}: {count:,} entries go")
        if count:
            self._tell_readers(base, looked.scope)
            self.tell_leg(looked.record.orphan.leg, looked.record.orphan.reads, _WHY_FULL)
            check_still_there(reached.still)
            told = self._run(command(count))
            if told.code != 0:
                raise NotCleaned(f"not all of it could be removed: {sentence(told)}")
            self.finder(reached).forget(looked.record.orphan, looked.scope)
        return count

    def _tell_readers(self, base: Location, scope: Scope) -> None:
        """Before it goes, held until this is over: a kill in between forgets nothing."""
        changes = (Change(b"/".join((*base.names, *one)), deep=True) for one in scope.paths)
        self.journal.record_tree(base.holder, changes, held=True)

    def tell_leg(self, leg: str, reads: str, why: str) -> None:
        """Have a leg look at everything next: its copies are not what its passes have left.

        Should the manifest go back before its next pass, nothing else would tell it.
        """
        with suppress(UnknownReader):  # where nothing is noted, every pass is a full one
            self.journal.add_reader_gap(leg, reads, why, self.run.now)

    def _parents(self, scope: Scope) -> bytes:
        """A tree of nothing but the directories on the way."""
        self._written += 1
        top = self.run.directory + b"/parents-%d" % self._written
        for names in ((), *scope.parents):
            os.mkdir(b"/".join((top, *names)), 0o700)  # noqa: PTH102 - bytes
        return top

    # ── What all of them need ────────────────────────────────────────────────────────────────

    @contextmanager
    def holding(self, *holders: str) -> Iterator[None]:
        """Keep legs from writing to some destinations meanwhile. Raises `Locked`."""
        with ExitStack() as stack:
            for holder in sorted(set(holders)):  # in one order, so that no two wait for each other
                self.locks.append(stack.enter_context(hold(self.places.holder_lock(holder))))
                stack.callback(self.locks.pop)
                self.journal.settle(holder)
                stack.callback(self.journal.settle, holder)
            yield

    def holders(self, record: OrphanRecord) -> set[str]:
        """The destinations that comparing and removing an orphan is about."""
        holder = record.orphan.base.holder
        copies: set[str] = set()
        with suppress(NotCarried, Unreached):
            scope = self.finder(self.reach(holder)).find(record.orphan)
            copies = {root.holder for roots in self._copies(record, scope) for root in roots}
        return {holder, *copies}

    def finder(self, reached: Reached) -> ScopeFinder:
        """Who finds what of that destination is an orphan's."""
        return ScopeFinder(plan=self.plan, state=self.state, places=self.places, reached=reached)

    def reach(self, holder: str) -> Reached:
        """A destination, looked at once. Raises `Unreached`."""
        if holder not in self._reached:
            short = hashlib.sha256(holder.encode()).hexdigest()[:6].encode()
            own = replace(self.run, control=self.run.control + b"-" + short)
            destination = self.plan.destination(holder)
            if destination is not None and self.places.reaches_over_ssh(destination):
                self._open.enter_context(closing_connection(destination.ssh, own))
            self._reached[holder] = reach(
                self.plan,
                holder,
                places=self.places,
                state=self.state,
                journal=self.journal,
                run=own,
            )
        return self._reached[holder]

    def _rules(self, rules: tuple[bytes, ...]) -> tuple[bytes, ...]:
        self._written += 1
        path = self.run.directory + b"/rules-%d" % self._written
        write_private(path, b"".join(rule + b"\n" for rule in rules))
        return (merge_rules(path),)

    def _run(
        self, argv: tuple[bytes, ...], on_output: Callable[[bytes], bytes] | None = None
    ) -> Completed:
        try:
            return run(
                Command(
                    argv=argv,
                    timeout=_PATIENCE,
                    on_output=on_output,
                    keep_open=tuple(self.locks),
                )
            )
        except CommandNotStarted as error:
            raise NotCleaned(str(error)) from None


def _overlap(hop: Hop, here: Location, names: Names) -> bool:
    """Whether a copy of today and an orphan are one, or one lies in the other."""
    copy = Location(holder=hop.root.holder, names=(*hop.root.names, *names))
    return copy.contains(here) or here.contains(copy)


def _is_one(one: Target, other: Target, scope: Scope) -> bool:
    """Whether a path of the one is the very directory or file that it is in the other."""
    for names in scope.paths:
        paths = [b"/".join((each.path.rstrip(b"/"), *names)) for each in (one, other)]
        with suppress(OSError):
            mine, theirs = (os.stat(path, follow_symlinks=False) for path in paths)  # noqa: PTH116 - bytes
            if (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino):
                return True
    return False


def _wanted(counted: Completed, scope: Scope) -> int:
    """How much would go; where rsync said too much to be kept, at most some directories more."""
    if counted.whole:
        return deletions_wanted(counted.stdout, counted.stderr)
    return deletions_wanted(b"", counted.stderr) + len(scope.paths)


@contextmanager
def cleaning(plan: Plan, places: Places, now: datetime) -> Iterator[Cleaner]:
    """Work on orphans, alone. Raises `Locked`, `StateUnusable`, `JournalUnusable`."""
    with ExitStack() as stack:
        locks = [stack.enter_context(hold(places.lock_dir / "gc.lock"))]
        state = stack.enter_context(open_state(places.state_file))
        journal = stack.enter_context(open_journal(places.journal_file))
        path: Path = places.state_dir / "run" / ".gc"
        directory, control = stack.enter_context(run_directory(path))
        this_run = Run(run_id=new_run_id(now), now=now, directory=directory, control=control)
        yield Cleaner(plan, places, state, journal, this_run, locks, stack)
