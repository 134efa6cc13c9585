"""What a file that came back is compared with: other copies, and live data that are unchanged."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

from engine.drill.judge import Claim, Seen, claim_of_copies, fault_words, unchanged_since
from engine.plan.model import tree_root
from engine.system.drill.pieces import Holding, Piece
from engine.system.host.descent import Descent, NotThere, descending, opened_root
from engine.system.restore.compare import alike
from engine.system.restore.items import Names
from policy.parts import Attribute
from policy.sources import BtrfsSource
from policy.values import AbsolutePath

_LIVE = "the live data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One tree that holds the same files, on this machine."""

    name: str
    descent: Descent
    top: Names
    moment: datetime | None
    """Of its data; of live data None."""
    live: bool = False
    times: bool = True
    """Whether both it and what came keep the files' times."""


def witnesses_of(holding: Holding, piece: Piece, stack: ExitStack) -> Iterator[Witness]:
    """Open all that a piece can be compared with, for as long as the stack lasts."""
    lost = Attribute.TIMES in piece.version.lost
    for other in holding.others_of(piece):
        with suppress(OSError):
            root = stack.enter_context(opened_root(other.place.root))
            yield Witness(
                name=other.version.label,
                descent=stack.enter_context(descending(root)),
                top=other.version.location.names,
                moment=other.version.moment,
                times=not lost and Attribute.TIMES not in other.version.lost,
            )
    # SQLite's own copy of a database has other bytes than the database.
    live = _live_root(holding, piece) if not piece.version.copy.partial else None
    if live is not None:
        with suppress(OSError):
            root = stack.enter_context(opened_root(live[0]))
            descent = stack.enter_context(descending(root))
            yield Witness(name=_LIVE, descent=descent, top=live[1], moment=None, live=True)


def _live_root(holding: Holding, piece: Piece) -> tuple[bytes, Names] | None:
    """Where the live data lie; None where they are not mounted, or elsewhere."""
    source, places = holding.known.plan.source(holding.source), holding.known.places
    if isinstance(source, BtrfsSource):
        given = {address: name for name, address in source.given_names}
        subvolume = given.get(piece.item_text)
        names = (subvolume.encode(),) if subvolume is not None else piece.item
        return places.below_root(source.path), names
    root: AbsolutePath | None = tree_root(source) if source is not None else None
    return (places.below_root(root), ()) if root is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one file's comparisons have shown."""

    by: int = 0
    """With how many it was compared by content, or size."""
    faults: tuple[str, ...] = ()


def compare_file(
    directory: int, name: bytes, path: Names, piece: Piece, witnesses: tuple[Witness, ...]
) -> Compared:
    """Compare a file that came, in a directory held open, with every witness that can speak.

    Raises `OSError` where the file itself cannot be read.
    """
    mine = _seen(os.stat(name, dir_fd=directory, follow_symlinks=False))
    by, faults = 0, []
    for one in witnesses:
        found = _against(directory, name, mine, path, piece, one)
        if found is not None:
            by += 1
            faults += [found] if found else []
    return Compared(by=by, faults=tuple(faults))


def _against(
    directory: int, name: bytes, mine: Seen, path: Names, piece: Piece, witness: Witness
) -> str | None:
    """What speaks against it; empty where nothing does, None where the witness cannot tell."""
    names = (*witness.top, *path)
    look = _look(witness, names)
    claim = _claim(mine, look, piece, witness) if look is not None else None
    if look is None or claim is None:
        return None
    found = ""
    if look.size != mine.size:
        found = fault_words(claim, witness.name, (mine.size, look.size))
    else:
        try:
            same = alike(directory, name, witness.descent.enter(names[:-1]), names[-1])
        except (NotThere, FileNotFoundError):
            return None
        except OSError as error:
            return f"it cannot be read in {witness.name}: {error.strerror or error}"
        found = "" if same else fault_words(claim, witness.name, None)
    # What was written while it was read says nothing.
    return found if _look(witness, names) == look else None


def _claim(mine: Seen, theirs: Seen, piece: Piece, witness: Witness) -> Claim | None:
    if witness.live:
        unchanged = unchanged_since(theirs, piece.version.moment)
        return Claim.UNCHANGED if unchanged else None
    moments = (piece.version.moment, witness.moment)
    return claim_of_copies(mine, theirs, moments=moments, times=witness.times)


def _look(witness: Witness, names: Names) -> Seen | None:
    """A regular file of a witness; None where there is none."""
    with suppress(NotThere, OSError):
        parent = witness.descent.enter(names[:-1])
        status = os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
        return _seen(status) if stat.S_ISREG(status.st_mode) else None
    return None


def _seen(status: os.stat_result) -> Seen:
    return Seen(size=status.st_size, modified=status.st_mtime_ns, changed=status.st_ctime_ns)
