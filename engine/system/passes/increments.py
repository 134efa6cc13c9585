"""One feed's incremental pass while it lasts: what changed, the small trees, and what is gone."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice

from engine.generations.names import moment_of
from engine.plan.selection import Verdict
from engine.records.journal import Change
from engine.routing.sieve import Sieve
from engine.rsync.filters import (
    FilterError,
    exclude_rule,
    let_go_rules,
    protect_entries_rule,
    protect_rule,
)
from engine.steps.model import DeleteGone, SelectChanges, SendChanges
from engine.system.host.descent import opened_root, remove_tree
from engine.system.host.directories import write_private
from engine.system.journal.journal import Journal
from engine.system.passes.changed import Changed, Spool, select_changes
from engine.system.passes.pinned import Lot, SendTree, make_names, pins_at_once

GONE_AT_ONCE = 2_000
"""Names in one set of rules: rsync asks them one after another for each entry."""
KEPT_MOST = 5_000
"""Names that may have come back while a pass ran; with more of them nothing is deleted."""
_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})
Names = tuple[bytes, ...]


class RootMoved(Exception):
    """Another directory lies now where the source was."""


@dataclass(slots=True)
class Increment:
    """What one feed has to send and to delete, from its selection to the end of the run."""

    step: SelectChanges
    directory: bytes
    journal: Journal
    leg: str
    above: int = 0
    """What has this sequence in the journal, or an earlier one, was looked at before."""
    read_upto: int = 0
    """What has a later one may not have been looked at."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _root: int = -1
    _lists: Changed = field(init=False)
    _lots: list[int] = field(default_factory=list)
    """Deletions counted in each lot of names."""
    pruned_lots: int = 0
    """How many of the lots, from the first on, hold generations that their own legs let go."""
    unwritable: list[bytes] = field(default_factory=list)
    """Paths whose names no rule can hold: only a full pass deletes them."""
    _trees: list[bytes] = field(default_factory=list)
    """Trees of names that were made."""

    def __post_init__(self) -> None:
        self._lists = Changed.in_directory(self.directory, self.step.feed)

    def select(self) -> None:
        """Look at what the journal names; announce all of it. Raises `RootMoved`."""
        step = self.step
        self._root = self._stack.enter_context(opened_root(step.source.path))
        status = os.fstat(self._root)
        if (status.st_dev, status.st_ino) != (step.source.device, step.source.inode):
            raise RootMoved
        self.read_upto = self.journal.latest()
        rows = self.journal.read(self.leg, step.feed, above=self.above)
        select_changes(rows, self._root, step.selection, step.excluded, self._lists)
        self._announce(self._lists.changes())

    @property
    def unreadable(self) -> tuple[bytes, ...]:
        """Paths that this user may not look at."""
        return tuple(self._lists.unreadable)

    @property
    def size(self) -> int:
        """Bytes of the files to be sent."""
        return self._lists.size

    @property
    def has_replaced(self) -> bool:
        """Whether something lies now where a directory was: that would have to go first."""
        return self._lists.replaced.count > 0

    @property
    def entries(self) -> int:
        """Entries to be sent."""
        return self._lists.send.count + self._lists.replaced.count

    def lots(self, step: SendChanges) -> Generator[Lot, None, None]:
        """Fill the trees lot by lot; each is held for as long as it is the current one."""
        spool: Spool = self._lists.replaced if step.replaced else self._lists.send
        if step.replaced and not spool.count:
            return
        tree = SendTree(self._root, step.trees, step.preserve)
        os.makedirs(os.path.dirname(step.trees[0]), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120 - bytes
        with tree.lots(spool, pins_at_once()) as lots:
            yield from lots
        self._lists.unreadable += tree.unreadable

    def make_way(self, paths: Iterable[bytes]) -> None:
        """Directories lie at the destination where these are to go: delete, and send again."""
        found = tuple(paths)
        self._lists.make_way(found)
        self._announce(Change(path, deep=True) for path in found)

    def prepare_deletions(self, step: DeleteGone) -> int:
        """Make the trees of names and their rules; how many lots there are."""
        gone = sorted({*self._lists.gone})
        pruned = [path for path in gone if _is_generation(path, self.step.keeping)]
        others = [(path, False) for path in gone if path not in set(pruned)]
        work = sorted([*others, *((path, True) for path in self._lists.deep)])
        first = _lots([(path, False) for path in pruned])
        self.pruned_lots = len(first)
        lots = [*first, *_lots(work)]
        for number, lot in enumerate(lots):
            self._prepare(step, number, lot, frozenset(gone))
        self._lots = [0] * len(lots)
        return len(lots)

    def _prepare(
        self, step: DeleteGone, number: int, lot: list[tuple[bytes, bool]], gone: frozenset[bytes]
    ) -> None:
        tree, path = step.lot(self.directory, number)
        within = {one for one, deep in lot if deep}
        sieve = Sieve(self.step.selection)
        whole: list[Names] = []
        lines: list[bytes] = []
        kept: dict[Names, bytes] = {}
        """What lies beside the way to each path must be kept, or the path has to wait."""
        for one, deep in lot:
            names = _names(one)
            if not deep and _below(names, within):
                continue
            try:
                way = _kept_on_the_way(names, kept)
                lines += () if deep else _let_go(names, sieve)
            except FilterError:
                self.unwritable.append(one)
                continue
            kept.update(way)
            whole += [names] if deep else []
        self._trees.append(tree)
        unknown = make_names(self._root, tree, sorted(kept), whole, gone)
        text = [*map(_leave_alone, unknown), *lines, *(kept[names] for names in sorted(kept))]
        write_private(path, b"".join(line + b"\n" for line in text))

    @property
    def sent(self) -> Iterator[bytes]:
        """Paths that it found to send."""
        return iter(self._lists.send)

    def keep(self, paths: Iterable[bytes], step: DeleteGone) -> bool:
        """Keep what has come back since it was listed as gone; False where no rules can say so."""
        came = tuple(islice(paths, KEPT_MOST + 1))
        try:
            rules = b"".join(protect_rule(_names(path)) + b"\n" for path in came)
        except FilterError:
            return False
        for number in range(len(self._lots)):
            _, path = step.lot(self.directory, number)
            with open(path, "rb") as file:  # noqa: PTH123 - bytes
                text = file.read()
            write_private(path, rules + text)
        return len(came) <= KEPT_MOST

    def counted(self, number: int, deletions: int) -> None:
        """Note how many deletions one lot wants."""
        self._lots[number] = deletions

    @property
    def first_gone(self) -> tuple[bytes, ...]:
        """A path that is to be deleted, where there is any."""
        return tuple(islice(self._lists.gone, 1))

    @property
    def deletions(self) -> tuple[int, ...]:
        """Deletions that each lot wants."""
        return tuple(self._lots)

    def close(self) -> None:
        """Let the source go, and remove what was made for rsync alone."""
        with suppress(OSError):
            self._stack.close()
        for tree in self._trees:
            with suppress(OSError):
                remove_tree(tree)

    def _announce(self, changes: Iterable[Change]) -> None:
        """Before anything is written: who reads these copies must never miss it."""
        self.journal.record_tree(
            self.step.target.holder, below(self.step.target.names, changes), held=True
        )


def below(names: Names, changes: Iterable[Change]) -> Iterator[Change]:
    """Changes below a directory of a tree, as the tree names them."""
    prefix = b"".join(name + b"/" for name in names)
    return (Change(prefix + one.path, one.deep) for one in changes)


def _let_go(names: Names, sieve: Sieve) -> tuple[bytes, ...]:
    """Rules for a path that is gone: only what the leg carries of it may go."""
    directory, other = (sieve.decide(names, directory=one) in _CARRIED for one in (True, False))
    return let_go_rules(names, directory=directory, other=other)


def _kept_on_the_way(names: Names, known: dict[Names, bytes]) -> dict[Names, bytes]:
    """Rules that keep the entries of each directory above a path."""
    above = (names[:depth] for depth in range(len(names)))
    return {one: protect_entries_rule(one) for one in above if one not in known}


def _leave_alone(names: Names) -> bytes:
    """A rule that leaves a directory alone, or else the nearest above it that a rule can hold."""
    for depth in range(len(names), 0, -1):
        with suppress(FilterError):
            return exclude_rule(names[:depth])
    return b"- *"


def _lots(work: list[tuple[bytes, bool]]) -> list[list[tuple[bytes, bool]]]:
    return [work[at : at + GONE_AT_ONCE] for at in range(0, len(work), GONE_AT_ONCE)]


def _is_generation(path: bytes, keeping: tuple[Names, ...]) -> bool:
    """Whether it bears a generation's name, in a folder in which a leg keeps some."""
    names = _names(path)
    return moment_of(names[-1]) is not None and any(
        names[: len(folder)] == folder and len(names) > len(folder) for folder in keeping
    )


def _names(path: bytes) -> Names:
    return tuple(path.split(b"/"))


def _below(names: Names, tops: set[bytes]) -> bool:
    return any(b"/".join(names[:depth]) in tops for depth in range(1, len(names)))
