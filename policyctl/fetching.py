"""Carrying out what `restore` proposes, and comparing what came with the copies that are near."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from engine.dumps.record import NAME
from engine.plan.readers import owned_places
from engine.progress import ProgressSink
from engine.restore.room import Room, room_words
from engine.restore.versions import Version
from engine.sqlite.copies import QUICK_ABOVE, choose_check
from engine.system.host.descent import NotThere, descending, list_inside, opened_root
from engine.system.host.signals import interruptible
from engine.system.restore.carry_out import RestoreRun
from engine.system.restore.compare import (
    MOST_READ,
    Difference,
    Names,
    Rules,
    Tree,
    compare,
)
from engine.system.restore.dump_record import record_in, unlike_record
from engine.system.restore.entries import CannotLook
from engine.system.restore.far_record import fetched_record
from engine.system.restore.outcome import NotRestored, Restored
from engine.system.restore.room_ahead import look_ahead
from engine.system.sqlite.reading import find_problems, opened, said
from policy.parts import Attribute
from policy.sources import DumpedSource
from policy.values import display
from policyctl.asking import Proposal
from policyctl.boundary import Refused
from policyctl.forewarning import without
from policyctl.restoring import Restoring

_MAGIC = b"SQLite format 3\0"


def carry_out(restoring: Restoring, proposal: Proposal, sink: ProgressSink | None) -> Restored:
    """Do what was proposed. Raises `Refused`, `Doubtful` and `Interrupted`."""
    checks = _Checks(restoring, proposal)
    run = RestoreRun(
        aim=proposal.aim,
        version=proposal.version,
        fetch=proposal.fetch,
        stamp=proposal.stamp,
        pattern=bool(proposal.found.asked.inside),
        check=lambda tree: tuple(checks.differences(tree)),
        sink=sink,
    )
    made = not proposal.aim.in_place and not os.path.lexists(proposal.aim.folder)
    with interruptible():
        try:
            return run.go(proposal.steps)
        except NotRestored as error:
            if made:
                with suppress(OSError):  # it holds what the same command goes on with
                    Path(os.fsdecode(proposal.aim.folder)).rmdir()
            raise Refused(str(error)) from None


def room_ahead(restoring: Restoring, proposal: Proposal) -> Room | None:
    """What is free where it goes, and what is to come; None: nothing is to come, or to be known."""
    place = restoring.known.place_of(proposal.version)
    if place is None:
        return None
    try:
        return look_ahead(proposal.aim, proposal.version, proposal.fetch, place)
    except OSError:  # the restore itself meets it, and says where
        return None


def refuse_without_room(proposal: Proposal, room: Room | None) -> None:
    """Raises `Refused` where what is to come will not do."""
    if room is None or not room.lacks:
        return
    parts = proposal.version.directory
    part = ", or restore a part of it: --list shows what it holds" if parts else ""
    other = "another file system with --to DIR"
    other = f"{other}, without --in-place" if proposal.aim.in_place else other
    raise Refused(
        f"{display(proposal.aim.path)}: {room_words(room)}; nothing was written. Name a folder on "
        f"{other}{part}. Where the file system compresses, or the files have holes, it may do all "
        "the same: --ignore-room tries it"
    )


class _Checks:
    """What came, against the version itself and each other copy on this machine."""

    def __init__(self, restoring: Restoring, proposal: Proposal) -> None:
        self.restoring, self.proposal = restoring, proposal
        self.chosen = proposal.version

    def differences(self, tree: Tree) -> Iterator[Difference]:
        """All that speaks against what came."""
        if not self.chosen.directory:
            yield from _unsound(tree, database=self.chosen.database)
        elif self.chosen.copy.partial:
            yield from _unsound_below(tree)
        if self._is_dump():
            yield from self._unlike_record(tree)
        if not self.chosen.far:
            yield from self._against(tree, self.chosen, most_read=0)
        for other in self.restoring.near(self.proposal.found):
            yield from self._against(tree, other)

    def _is_dump(self) -> bool:
        return isinstance(self.proposal.found.asked.subject.source, DumpedSource)

    def _unlike_record(self, tree: Tree) -> Iterator[Difference]:
        """By the record that came along; of a part of a dump by the one that lies beside it."""
        depth = len(self.proposal.found.asked.subject.names)
        below = self.chosen.location.names[len(self.chosen.location.names) - depth :]
        why = ""
        try:
            with self._generation(tree, below) as there:
                record = record_in(there) if there is not None else None
                if record is not None and there is not None:
                    yield from unlike_record(tree, below, record, there, self._wanted(below))
                    return
        except CannotLook as error:
            why = f" ({error})"
        said = f"its record cannot be read{why}, so that nothing of it could be held against that"
        yield Difference(path=() if below else (NAME,), what=said)

    def _wanted(self, below: Names) -> Callable[[Names], bool]:
        """Which files of a dump are to have come: where a pattern was typed, what it matches."""
        inside = self.proposal.found.asked.inside

        def wanted(names: Names) -> bool:
            mine = names[len(below) :]
            return len(mine) >= len(inside) and all(
                one.matches(name) for one, name in zip(inside, mine, strict=False)
            )

        return wanted

    @contextmanager
    def _generation(self, tree: Tree, below: Names) -> Iterator[Tree | None]:
        """A folder with the record of the dump, and its list of sums. Raises `CannotLook`."""
        place = self.restoring.known.place_of(self.chosen)
        # What came as a whole has its record with it.
        whole = not below and not self.proposal.found.asked.inside
        if whole or place is None:
            yield tree if whole else None
        elif place.ssh is not None:
            with fetched_record(self.chosen, place, len(below)) as fetched:
                yield fetched
        else:
            with opened_root(place.root) as root:
                names = self.chosen.location.names
                yield Tree(root=root, top=names[: len(names) - len(below)])

    def _against(
        self, tree: Tree, other: Version, *, most_read: int = MOST_READ
    ) -> Iterator[Difference]:
        place = self.restoring.known.place_of(other)
        if place is None or place.ssh is not None:
            return
        same = other is self.chosen or (
            other.moment is not None and other.moment == self.chosen.moment
        )
        rules = Rules(
            same_moment=same,
            times=Attribute.TIMES not in {*self.chosen.lost, *other.lost},
            skipped=self._skipped(other),
            entered=self._entered,
            most_read=most_read,
        )
        with opened_root(place.root) as root:
            theirs = Tree(root=root, top=other.location.names)
            found = compare(tree, theirs, rules)
        for one in found.differences:
            yield replace(one, what=f"{one.what} ({other.label})")

    def _skipped(self, other: Version) -> Callable[[Names], bool]:
        """What other legs own below either place: it is no part of that copy."""
        owned = owned_places(self.restoring.plan)
        places = (self.chosen.base, other.base)
        others = {names for one in places for names in one.inner(owned)}
        others.update(without(self.restoring, self.proposal.found))
        inside = self.proposal.found.asked.inside

        def skipped(names: Names) -> bool:
            unwanted = not all(one.matches(name) for one, name in zip(inside, names, strict=False))
            return unwanted or any(names[: len(one)] == one for one in others)

        return skipped

    def _entered(self, names: Names) -> bool:
        """The way to what a pattern matches, or to what another leg owns."""
        inside = len(names) < len(self.proposal.found.asked.inside)
        return inside or names in self.proposal.fetch.ways


def _unsound(tree: Tree, *, database: bool) -> Iterator[Difference]:
    """What SQLite finds wrong with a file that came, if it is a database, or should be one."""
    with descending(tree.root) as descent:
        try:
            parent = descent.enter(tree.top[:-1])
            directory = os.open(b".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
        except (NotThere, OSError):
            return
    try:
        problems = _problems(directory, tree.top[-1], database=database)
    finally:
        os.close(directory)
    if problems:
        yield Difference(path=(), what=f"SQLite finds it damaged: {problems}", rotten=True)


def _unsound_below(tree: Tree) -> Iterator[Difference]:
    """The same of each file in a folder that holds nothing but databases."""
    waiting: list[Names] = [()]
    with descending(tree.root) as descent:
        while waiting:
            names = waiting.pop()
            for name, inside in list_inside(descent.enter((*tree.top, *names))):
                if inside:
                    waiting.append((*names, name))
                    continue
                one = Tree(root=tree.root, top=(*tree.top, *names, name))
                found = _unsound(one, database=True)
                yield from (replace(each, path=(*names, name)) for each in found)


def _problems(directory: int, name: bytes, *, database: bool) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(len(_MAGIC)) != _MAGIC:
                return "it is no database any more" if database else ""
    except OSError:  # no file
        return ""
    try:
        with opened(directory, name, "mode=ro&immutable=1") as reader:
            return find_problems(reader, choose_check(size, QUICK_ABOVE))[1]
    except sqlite3.Error as error:
        return said(error)
