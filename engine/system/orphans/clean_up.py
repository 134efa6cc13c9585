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

from engine.legs.kind import Run
from engine.orphans.carriers import NotCarried
from engine.orphans.clean_up import (
    Listing,
    Names,
    Scope,
    compare_command,
    copies_by_paths,
    differences,
    look_command,
    look_rules,
    removal_command,
    removal_rules,
    same_account,
    there,
)
from engine.plan.model import Location, Plan
from engine.reach.targets import Target
from engine.records.journal import Change, UnknownReader
from engine.rsync.command import merge_rules
from engine.rsync.filters import FilterError
from engine.rsync.output import deletions_wanted
from engine.system.host.directories import write_private
from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.host.remote import closing_connection
from engine.system.host.run_directory import run_directory
from engine.system.journal.journal import Journal, open_journal
from engine.system.orphans.contents import Contents, Looked, Proof, is_one_place
from engine.system.orphans.reach import Reached, Unreached, reach
from engine.system.orphans.scope import ScopeFinder
from engine.system.passes.feed_runs import FeedStopped, check_still_there, sentence
from engine.system.state.orphans import OrphanRecord, Tombstone
from engine.system.state.records import new_run_id
from engine.system.state.state import State, open_state
from policy.values import display

_COUNTED = frozenset({0, 25})
"""Ends of a pass that only counts: nothing to remove, and something."""
_PATIENCE = float("inf")
"""rsync itself gives up where nothing moves any more."""
_SHOWN = 3
_WHY_FULL = "copies of its own were removed: only a full pass knows that"


class NotCleaned(Exception):
    """An orphan stays as it is; the message says why."""


@dataclass(slots=True)
class Cleaner:
    """Looks at orphans and removes them, for as long as it holds its lock."""

    plan: Plan
    places: Places
    state: State
    journal: Journal
    run: Run
    locks: list[int]
    still_applied: Callable[[], bool]
    """Whether the plan is the applied one still."""
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
        finder = self.finder(reached)
        scope = finder.find(record.orphan)
        for names in scope.paths:
            reached.target((*base.names, *names[:-1]))  # through no symlink
        nothing = Looked(record=record, scope=Scope(paths=()), files=0, size=0)
        listing = None
        if scope.paths and reached.present(base.names):
            contents = Contents(scope, here=reached.here(base.names))
            listing = self._list(reached, base.names, scope, contents)
            if listing is None:  # an account that may only be written to
                return Looked(record=record, scope=scope, files=None, size=None)
        if listing is None or not listing.entries:
            return replace(nothing, absent=finder.is_absent(record.orphan))
        self.state.orphans.measured(record.orphan.place, listing.files, listing.size)
        return Looked(record=record, scope=scope, files=listing.files, size=listing.size)

    def _list(
        self, reached: Reached, names: Names, scope: Scope, contents: Contents
    ) -> Listing | None:
        """Read what lies in a scope; None where the account may not list it."""
        listing, rules = contents.listing(), self._rules(look_rules(scope))
        argv = look_command(rules, reached.target(names), reached.connection)
        told = self._run(argv, on_output=listing.feed)
        if told.code != 0 and reached.commands:
            raise NotCleaned(f"it cannot be listed: {sentence(told)}")
        return listing if told.code == 0 else None

    # ── Comparing with the copy of today ─────────────────────────────────────────────────────

    def verify(self, looked: Looked) -> Proof:
        """Find all of it elsewhere with equal content. Raises `NotCleaned` and `Locked`."""
        if looked.why_not:
            raise NotCleaned(looked.why_not)
        self._check_plan()
        orphan, scope = looked.record.orphan, looked.scope
        base = orphan.base
        try:
            groups = [
                (replace(scope, paths=tuple(paths)), roots)
                for roots, paths in copies_by_paths(self.plan, orphan, scope).items()
            ]
            marks = tuple((part, self._mark(base, part, roots)) for part, roots in groups)
            places = tuple(self._equal(base, part, roots) for part, roots in groups)
        except (Unreached, NotCarried, FilterError) as error:
            raise NotCleaned(str(error)) from None
        return Proof(places=places, marks=marks)

    def _mark(self, base: Location, scope: Scope, roots: tuple[Location, ...] = ()) -> int:
        """The mark of a part of an orphan. Raises `NotCleaned` where a copy is the orphan itself.

        A file that is the very file of the orphan proves nothing.
        """
        mine = self.reach(base.holder)
        here = mine.target(base.names)
        copies: dict[bytes, Location] = {}
        for root in roots if here.ssh is None else ():
            theirs = self.reach(root.holder)
            if is_one_place(mine, base.names, theirs, root.names, scope):
                raise NotCleaned(f"{root} is the orphan itself, by another way")
            there = theirs.target(root.names)
            if there.ssh is None:
                copies[there.path] = root
        contents = Contents(scope, here=mine.here(base.names), copies=tuple(copies))
        if self._list(mine, base.names, scope, contents) is None:
            raise NotCleaned("it cannot be compared: its account may not list it")
        for path, name in contents.shared.items():
            raise NotCleaned(
                f"{copies[path]} is the orphan itself, by another way or a hard link: "
                f"{display(name)} is one and the same in both"
            )
        return contents.mark

    def _equal(self, base: Location, scope: Scope, roots: tuple[Location, ...]) -> str:
        """The places that hold all of these paths: each where the plan wants them.

        One alone would not do: the orphan may be the only copy off-site until the others stand.
        """
        for root in roots:
            self._compare(base, scope, root)
        return " and ".join(str(root) for root in roots)

    def _compare(self, base: Location, scope: Scope, root: Location) -> None:
        mine, theirs = self.reach(base.holder), self.reach(root.holder)
        if not theirs.present(root.names):
            raise NotCleaned(f"{root} is not there yet")
        one, other = mine.target(base.names), theirs.target(root.names)
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

    def remove(
        self, looked: Looked, say: Callable[[str], None], proof: Proof | None = None
    ) -> Tombstone:
        """Remove an orphan that was looked at; with a proof only what was compared.

        Raises `NotCleaned`.
        """
        if looked.why_not:
            raise NotCleaned(looked.why_not)
        try:
            self._check_plan()
            count = 0 if looked.gone else self._remove(looked, say, proof)
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

    def _remove(self, looked: Looked, say: Callable[[str], None], proof: Proof | None) -> int:
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
            self._tell(looked)
            check_still_there(reached.still)
            self._check_unchanged(base, proof)
            self._check_plan()
            told = self._run(command(count))
            if told.code != 0:
                raise NotCleaned(f"not all of it could be removed: {sentence(told)}")
            self.finder(reached).forget(looked.record.orphan, looked.scope)
        return count

    def _check_unchanged(self, base: Location, proof: Proof | None) -> None:
        """Comparing takes hours: what has come since is in no other copy."""
        for scope, mark in proof.marks if proof is not None else ():
            if self._mark(base, scope) != mark:
                raise NotCleaned(
                    "something in it has come or changed since it was compared, and may be the "
                    "only copy: nothing was removed; `policyctl gc --verified` compares again"
                )

    def _check_plan(self) -> None:
        """What was an orphan when this began may be carried again."""
        if not self.still_applied():
            raise NotCleaned(
                "another plan was applied meanwhile, and a leg may carry it again: nothing of it "
                "was removed; `policyctl gc` lists what is an orphan now"
            )

    def _tell(self, looked: Looked) -> None:
        """Before it goes, held until this is over. What is set aside is nobody's to read."""
        orphan, base = looked.record.orphan, looked.record.orphan.base
        if not looked.scope.set_aside:
            paths = (b"/".join((*base.names, *one)) for one in looked.scope.paths)
            self.journal.record_tree(base.holder, (Change(p, deep=True) for p in paths), held=True)
            self.tell_leg(orphan.leg, orphan.reads, _WHY_FULL)

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
            groups = copies_by_paths(self.plan, record.orphan, scope)
            copies = {root.holder for roots in groups for root in roots}
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


def _wanted(counted: Completed, scope: Scope) -> int:
    """How much would go; where rsync said too much to be kept, at most some directories more."""
    if counted.whole:
        return deletions_wanted(counted.stdout, counted.stderr)
    return deletions_wanted(b"", counted.stderr) + len(scope.paths)


@contextmanager
def cleaning(
    plan: Plan, places: Places, now: datetime, still_applied: Callable[[], bool] = lambda: True
) -> Iterator[Cleaner]:
    """Work on orphans, alone. Raises `Locked`, `StateUnusable`, `JournalUnusable`.

    `still_applied` says whether the plan is the applied one: once it is not, nothing is removed.
    """
    with ExitStack() as stack:
        locks = [stack.enter_context(hold(places.lock_dir / "gc.lock"))]
        state = stack.enter_context(open_state(places.state_file))
        journal = stack.enter_context(open_journal(places.journal_file))
        path: Path = places.state_dir / "run" / ".gc"
        directory, control = stack.enter_context(run_directory(path))
        this_run = Run(run_id=new_run_id(now), now=now, directory=directory, control=control)
        yield Cleaner(plan, places, state, journal, this_run, locks, still_applied, stack)
