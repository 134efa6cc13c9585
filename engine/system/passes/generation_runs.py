"""Making and removing generations: each is there whole, or not at all.

A folder is complete once it bears a generation's name, and it gets that by a rename, when all of it
is on the disk. What goes loses its name first. So at whatever instant a run is killed, nobody takes
half of one for a restore point, for a base, or for one that counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from engine.exit_codes import VANISHED
from engine.generations.names import Standing
from engine.legs.kind import Run
from engine.reach.targets import Target
from engine.records.journal import Change
from engine.records.reports import RunStatus
from engine.rsync.output import parse_figures
from engine.runs.preflight import lacks_room
from engine.runs.shrinkage import Amount, shrunk
from engine.runs.sqlite_judgement import judge_copies, wanted
from engine.sqlite.copies import CopyStatus, read_lines
from engine.steps.dumps import JudgeDump, MakeArtefact
from engine.steps.fetches import FetchFile
from engine.steps.generations import (
    GOING,
    STAGING,
    UNFINISHED,
    CompleteGeneration,
    CopyDatabases,
    CopyGeneration,
    PruneGenerations,
    StageGeneration,
    inside,
)
from engine.system.host.descent import remove_tree
from engine.system.host.directories import entries_below, flush, make_below
from engine.system.host.file_systems import room_of
from engine.system.host.process import Completed
from engine.system.host.relocate import NotRenamed, make_writable, rename_below
from engine.system.journal.journal import Journal
from engine.system.passes.abreast import Copying
from engine.system.passes.feed_runs import NO_ROOM, FeedRuns, FeedStopped, check_still_there
from engine.system.passes.item_runs import ItemRuns
from engine.system.passes.transfers import Started
from engine.system.state.state import LastSeen, State, Stream
from policy.values import display

if TYPE_CHECKING:
    from engine.system.passes.dump_runs import DumpRuns

_WORKED = frozenset({0, 6})
"""What the process that copies databases ends with: all of them are good, or some are not."""


@dataclass(slots=True)
class GenerationRuns:
    """The generations of one run."""

    feeds: FeedRuns
    journal: Journal
    state: State
    run: Run
    streams: dict[str, Stream]
    rules: dict[str, str]
    progress: Callable[[str], None]
    items: ItemRuns
    _made: DumpRuns | None = None
    _partly: set[str] = field(default_factory=set)
    """Feeds of which not all could be read, as their leg tolerates."""

    @property
    def _dumps(self) -> DumpRuns:
        from engine.system.passes.dump_runs import DumpRuns  # for that kind of leg alone

        self._made = self._made or DumpRuns(self.feeds, self.run.directory)
        return self._made

    def stage(self, step: StageGeneration) -> None:
        """Make the empty folder. Raises `FeedStopped`."""
        report = self.feeds.report(step.feed)
        self.feeds.put(replace(report, mode=step.choice.mode.value, why=step.choice.reason))
        staging = inside(step.target, STAGING)
        with _stopping("the folder for the next generation cannot be made"):
            remove_tree(inside(step.target, GOING).path)
            if os.path.lexists(staging.path):
                # What is right in it is linked from there; nothing is written into it again.
                remove_tree(inside(step.target, UNFINISHED).path)
                _rename(step.target, STAGING, UNFINISHED)
            make_below(staging.root, staging.names)

    def begin(self, step: Copying) -> Started:
        """Start to copy everything. Raises `FeedStopped` and `OutOfTime`."""
        with _giving_room_back(step.target):
            check_still_there(step.still)
            if isinstance(step, CopyDatabases):
                argv = (os.fsencode(sys.executable), *step.arguments)
            else:
                argv = step.argv
                if self.feeds.transfers.sink is not None:
                    entries = step.previous_entries
                    self.feeds.transfers.sink.expect(step.feed, entries=entries, size=None)
            silence = step.silence if isinstance(step, CopyDatabases) else None
            return self.feeds.start(step.feed, self._seeing(step, argv), silence=silence)

    def end(self, step: Copying, started: Started) -> None:
        """Judge what has ended. Raises `FeedStopped`, `OutOfTime` and `ItemOutOfTime`.

        Of databases that is so where there is no good copy at all, or where the disk is full: what
        it holds then is for nobody.
        """
        with _giving_room_back(step.target):
            told = self.feeds.transfers.finish(started)
            if step.from_item:
                self.items.check(step.feed, told)
            if isinstance(step, CopyDatabases):
                self._judge_databases(step, told)
            else:
                self._judge_files(step, told)

    def _seeing(self, step: Copying, argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The command, where what it reads is in an item."""
        return self.items.seeing(step.feed, argv) if step.from_item else argv

    def _judge_files(self, step: CopyGeneration, told: Completed) -> None:
        figures = parse_figures(told.stdout)
        self.feeds.add_figures(step.feed, replace(figures, deleted=None))
        entries = None if figures.entries is None else max(0, figures.entries - 1)
        if told.code == VANISHED:  # rsync has counted what it could not send, too
            entries = entries_below(inside(step.target, STAGING).path)
        report = self.feeds.report(step.feed)
        self.feeds.put(replace(report, entries=entries, size=figures.size))
        check_still_there(step.still)
        if not self.feeds.judge_transfer(step.feed, told):
            self._partly.add(step.feed)
        self._judge_amount(step, Amount(entries=entries, size=figures.size))

    def _judge_amount(self, step: CopyGeneration, now: Amount) -> None:
        """What was emptied since it was looked at is no generation that anything goes for."""
        if now.entries == 0 and not step.from_item:
            said = "nothing came of it: its source was emptied, or unmounted, while it was read"
            raise FeedStopped(RunStatus.GUARD, said)
        former = self.state.last_seen(self.streams[step.feed])
        if step.previous_entries is None or former is None:
            return
        said = shrunk(Amount(entries=step.previous_entries, size=former.size), now)
        if said:
            self.feeds.note(step.feed, RunStatus.DEGRADED, said)

    def _judge_databases(self, step: CopyDatabases, told: Completed) -> None:
        if told.code not in _WORKED:
            words = told.last_words or f"it ended with {told.code}"
            raise FeedStopped(RunStatus.FAILED, f"the databases could not be copied: {words}")
        found = wanted(read_lines(told.stdout), step.selection)
        good = [one for one in found if one.status is CopyStatus.OK]
        fresh = [one for one in good if not one.linked]
        report = self.feeds.report(step.feed)
        self.feeds.put(
            replace(
                report,
                files=len(fresh),
                bytes_sent=sum(one.size for one in fresh),
                size=sum(one.size for one in good),
                entries=len(found),
            )
        )
        check_still_there(step.still)
        status, reason = judge_copies(found, step.previous_entries)
        if reason:
            self.feeds.note(step.feed, status, reason)
        full = status is RunStatus.DEGRADED and _is_full(step.target, reason)
        if (found and not good) or full:
            raise FeedStopped(status, reason)

    def fetch(self, step: FetchFile) -> None:
        """Keep what a device says. Raises `FeedStopped`, `OutOfTime` and `ItemOutOfTime`."""
        from engine.system.passes.fetch_runs import fetch_file  # for that kind of leg alone

        with _giving_room_back(step.target):
            fetch_file(step, self.feeds, self.run.directory)

    def make(self, step: MakeArtefact) -> None:
        """Make an artefact of a dump. Raises `FeedStopped`, `OutOfTime` and `ItemOutOfTime`."""
        with _giving_room_back(step.target):
            self._dumps.make(step)

    def judge(self, step: JudgeDump) -> None:
        """Judge a dump with all that it has. Raises `FeedStopped`."""
        with _giving_room_back(step.target):
            self._dumps.judge(step)

    def complete(self, step: CompleteGeneration) -> None:
        """Rename it once it is on the disk. Raises `FeedStopped`.

        Of what is not whole nobody says that it was verified, so that nothing older goes for it.
        """
        stream = self.streams[step.feed]
        succeeded = self.feeds.report(step.feed).status.succeeded
        whole = succeeded and step.feed not in self._partly
        standing = Standing.VERIFIED if succeeded else Standing.COMPLETE
        path = (*step.target.names, step.name)
        with _stopping(f"the generation {display(step.name)} cannot be completed"):
            if step.name in step.kept:  # else its record would go with the failure
                raise NotRenamed("one of that second is there already, and nothing is overwritten")
            flush(step.target.path)
            self._announce(step.target, step.name)
            # Before it has its name: a generation whose maker nobody knows would be foreign.
            self.state.claim(stream, self.run.run_id, (step.name,))
            self.state.generations.note(stream, step.name, standing)
            try:
                rename_below(step.target.root, step.staging.names, path)
            except NotRenamed:
                self.state.generations.forget(stream, step.name)
                raise
        # The next run is not measured by one that was not whole: what it missed is missed still.
        former = self.state.last_seen(stream)
        report = self.feeds.report(step.feed)
        seen = LastSeen(
            rules=self.rules.get(step.feed, ""),
            entries=report.entries if whole or former is None else former.entries,
            file_system=step.file_system,
            mounts=step.mounts,
            full_began=self.run.now,
            size=report.size if whole or former is None else former.size,
        )
        self.state.record_pass(stream, self.run.run_id, (*step.kept, step.name), seen)
        with suppress(OSError):  # it is tried again by the next run
            remove_tree(inside(step.target, UNFINISHED).path)

    def prune(self, step: PruneGenerations) -> None:
        """Remove what goes; what an earlier run did not come to remove goes along."""
        if not self.feeds.report(step.feed).status.succeeded:
            return
        going = inside(step.target, GOING)
        with _stopping("not all generations that were to go could be removed"):
            for name in step.names:
                self._announce(step.target, name)
                if os.path.lexists(inside(step.target, name).path):
                    _let_go(step.target, name)
                self.state.generations.forget(self.streams[step.feed], name)
                self.progress(f"{step.feed}: {display(name)} goes")
            remove_tree(going.path)

    def _announce(self, target: Target, name: bytes) -> None:
        """Whoever reads these copies is told before anything changes."""
        path = b"/".join((*target.names, name))
        self.journal.record_tree(target.holder, (Change(path, deep=True),), held=True)


@contextmanager
def _giving_room_back(target: Target) -> Iterator[None]:
    """Where the disk is full, what a copy has written goes: other legs need the disk too."""
    try:
        yield
    except FeedStopped as stop:
        if not _is_full(target, str(stop)):
            raise
        with _stopping("the disk is full, and what was written could not be removed"):
            drop_unfinished_generation(target)
        said = "the disk is full: what was written of the new generation is removed"
        raise FeedStopped(stop.status, f"{stop}; {said}") from None


def _is_full(target: Target, complaint: str) -> bool:
    """Whether it was for want of room: a program that failed so may have freed a part of it."""
    if any(words in complaint.casefold() for words in NO_ROOM):
        return True
    try:
        free, total = room_of(target.root)
    except OSError:
        return False
    return lacks_room(free, total)


def drop_unfinished_generation(target: Target) -> int:
    """Remove what a run that was cut off had written, where the disk is full; how many folders."""
    folders = [inside(target, name).path for name in (STAGING, UNFINISHED, GOING)]
    there = [path for path in folders if os.path.lexists(path)]
    for path in there:
        remove_tree(path)
    return len(there)


def _let_go(target: Target, name: bytes) -> None:
    """Move a generation to what goes.

    A directory that nobody may write cannot be moved to another one (rename(2)), save by root.
    """
    try:
        _rename(target, name, GOING + b"/" + name)
    except (OSError, NotRenamed):
        make_writable(target.root, (*target.names, name))
        _rename(target, name, GOING + b"/" + name)


def _rename(target: Target, old: bytes, new: bytes) -> None:
    """Rename an entry of a folder whose names are the engine's own."""
    names = tuple(new.split(b"/"))
    rename_below(target.root, (*target.names, old), (*target.names, *names))


@contextmanager
def _stopping(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NotRenamed) as error:
        raise FeedStopped(RunStatus.FAILED, f"{what}: {error}") from None
