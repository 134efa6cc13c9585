"""What was drawn, brought back by the restore engine, and then checked file by file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from engine.drill.draw import Drawn
from engine.drill.outcome import Fault
from engine.dumps.sums import NAME as SUMS
from engine.plan.model import Plan
from engine.restore.aim import Aim, restore_steps
from engine.restore.fetch import Fetch, drawn_rules, fetch_drawn, fetch_of
from engine.system.drill.far_witnesses import compare_far
from engine.system.drill.pieces import Holding, Piece
from engine.system.drill.products import product_at, unsound
from engine.system.drill.scratch import Private
from engine.system.drill.witnesses import Witness, compare_file, witnesses_of
from engine.system.host.descent import Descent, NotThere, descending, opened_root
from engine.system.host.directories import write_private
from engine.system.restore.carry_out import RestoreRun
from engine.system.restore.compare import Tree
from engine.system.restore.dump_record import record_in, unlike_record
from engine.system.restore.items import Names
from policy.sources import DumpedSource

_REMOVED = "what came is removed"
_MOST_FAULTS = 1_000
"""That are listed; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The files of one piece that come back, by their paths in it."""

    number: int
    piece: Piece
    files: tuple[Drawn, ...]
    whole: bool
    """Whether that is everything: then its directories and links come as well."""

    @property
    def name(self) -> bytes:
        """Under which name it comes into the scratch space."""
        return b"%d-%s" % (self.number, self.piece.version.copy.leg.encode())


def batches_of(pieces: Sequence[Piece], drawn: Sequence[Drawn], *, whole: bool) -> list[Batch]:
    """What was drawn, piece by piece, in order of the paths."""
    found = []
    for number, piece in enumerate(pieces):
        files = sorted((one for one in drawn if one.piece == number), key=lambda one: one.path)
        if files:
            found.append(Batch(number=number, piece=piece, files=tuple(files), whole=whole))
    return found


def bring_back(plan: Plan, batch: Batch, private: Private, *, stamp: bytes, limit: float) -> float:
    """Restore one batch into the scratch space; how many seconds that took.

    Raises `NotRestored`.
    """
    version = batch.piece.version
    aim = Aim(base=private.path, below=(), name=batch.name)
    run = RestoreRun(
        aim=aim,
        version=version,
        fetch=_fetch(plan, batch, private),
        stamp=stamp,
        check=lambda _: (),
        pattern=not batch.whole,
        limit=limit,
        holds=_REMOVED,
    )
    kept = aim.kept(stamp)
    began = time.monotonic()
    run.go(restore_steps(aim, run.fetch, kept=kept, against=()))
    return time.monotonic() - began


def _fetch(plan: Plan, batch: Batch, private: Private) -> Fetch:
    version, place = batch.piece.version, batch.piece.place
    if batch.whole:
        return fetch_of(plan, version, place)
    rules = private.path + b"/.policyctl-rules-%d" % batch.number
    lines = drawn_rules(version.location, (one.path for one in batch.files))
    write_private(rules, b"".join(line + b"\n" for line in lines))
    return fetch_drawn(plan, version, place, rules)


@dataclass(slots=True)
class Checked:
    """What checking has shown."""

    files: int = 0
    """That came back."""
    size: int = 0
    """Bytes of them."""
    compared: int = 0
    databases: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0

    def note(self, piece: Piece, path: bytes, what: str) -> None:
        """Note what is wrong with one file."""
        self.fault_count += 1
        if len(self.faults) < _MOST_FAULTS:
            place, item = piece.version.label, piece.item_text
            self.faults.append(Fault(place=place, path=path, what=what, item=item))


def check(holding: Holding, batch: Batch, private: Private, checked: Checked, limit: float) -> None:
    """Compare each file that came with all that can vouch for it, and ask products themselves.

    What nothing on this machine can vouch for is compared with copies on others.
    """
    with ExitStack() as stack:
        root = stack.enter_context(opened_root(private.path))
        came = stack.enter_context(descending(root))
        witnesses = tuple(witnesses_of(holding, batch.piece, stack))
        later: list[Names] = []
        alone: list[bytes] = []
        for one in batch.files:
            path = tuple(one.path.split(b"/"))
            try:
                if not _check_file(came, batch, path, witnesses, checked):
                    alone.append(one.path)
            except (NotThere, FileNotFoundError):
                checked.note(batch.piece, one.path, "it did not come back")
                continue
            except OSError as error:
                checked.note(batch.piece, one.path, f"it cannot be read: {error.strerror}")
                continue
            later.append(path)
        said = compare_far(holding, batch.piece, private, batch.name, alone, limit)
        checked.compared += len(said)
        for far_path, what in said.items():
            if what:
                checked.note(batch.piece, far_path, what)
        if isinstance(holding.known.plan.source(holding.source), DumpedSource):
            _check_record(root, batch, checked)
        # Last of all: to open a database may change it.
        _check_products(came, batch, later, checked, holding.identity)


def _check_file(
    came: Descent,
    batch: Batch,
    path: Names,
    witnesses: tuple[Witness, ...],
    checked: Checked,
) -> bool:
    """Whether something vouched for the file, or spoke against it."""
    parent = came.enter((batch.name, *path[:-1]))
    size = os.stat(path[-1], dir_fd=parent, follow_symlinks=False).st_size
    found = compare_file(parent, path[-1], path, batch.piece, witnesses)
    checked.files += 1
    checked.size += size
    checked.compared += bool(found.by)
    for what in found.faults:
        checked.note(batch.piece, b"/".join(path), what)
    return bool(found.by)


def _check_record(root: int, batch: Batch, checked: Checked) -> None:
    """Hold a dump against its record, which came with it or lies near."""
    came, piece = Tree(root=root, top=(batch.name,)), batch.piece
    with ExitStack() as stack:
        record, there = record_in(came), came
        if piece.place.ssh is None and (record is None or not batch.whole):
            near = stack.enter_context(opened_root(piece.place.root))
            there = Tree(root=near, top=piece.version.location.names)
            record = record_in(there)
        if record is None:
            return
        drawn = {tuple(one.path.split(b"/")) for one in batch.files}
        if there is came and (SUMS,) not in drawn:
            record = replace(record, sums="")  # a sample need not have it
        for one in unlike_record(came, (), record, there, drawn.__contains__):
            checked.note(piece, b"/".join(one.path), one.what)


def _check_products(
    came: Descent,
    batch: Batch,
    paths: Sequence[Names],
    checked: Checked,
    identity: bytes | None,
) -> None:
    for path, what in _products(came, batch, paths, checked, identity):
        checked.note(batch.piece, b"/".join(path), what)


def _products(
    came: Descent,
    batch: Batch,
    paths: Sequence[Names],
    checked: Checked,
    identity: bytes | None,
) -> Iterator[tuple[Names, str]]:
    for path in paths:
        parent = came.enter((batch.name, *path[:-1]))
        product, size = product_at(parent, path[-1])
        if product is None:
            continue
        checked.databases += 1
        # What is reached by its path alone has to be a directory that can be opened so.
        inner = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
        try:
            found = unsound(product, inner, path[-1], size, identity)
        finally:
            os.close(inner)
        if found:
            yield path, found
