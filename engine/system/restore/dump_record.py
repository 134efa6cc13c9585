"""What came of a dump, held against the record that lies in it: what rotted on the way is told."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from engine.dumps.record import DumpRecord, FileRecord
from engine.dumps.sums import NAME, NoLine
from engine.system.dumps.folders import NoSums, believed_sums, lines_of
from engine.system.dumps.record_file import record_below
from engine.system.dumps.streams import sha256_of
from engine.system.host.descent import Descent, NotThere, descending
from engine.system.restore.compare import Difference, Names, Tree
from policy.values import display

_NO_NAMES = frozenset({b"", b".", b".."})
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
GONE = "it is in the record of the dump, and not here"
_OTHER = "its content is not what the record of the dump says"
Wanted = Callable[[Names], bool]


def record_in(tree: Tree) -> DumpRecord | None:
    """The record in the folder of a dump; None where there is none that can be read."""
    with descending(tree.root) as descent:
        return record_below(descent, tree.top)


def _every(_: Names) -> bool:
    return True


def unlike_record(
    tree: Tree, below: Names, record: DumpRecord, there: Tree, wanted: Wanted = _every
) -> Iterator[Difference]:
    """What of a tree is not as its record says; `below` is where in the dump its top lies.

    `there`: a folder of that dump in which its list of sums lies. `wanted`: which files are looked
    at, by their names in the dump.
    """
    sums = {}
    for one in record.files:
        names = _names(one)
        if _NO_NAMES & set(names):  # it may be anybody's by now, and must not lead out of the dump
            yield Difference(path=(), what="its record names what cannot be in a dump")
            continue
        sums[names] = one.sha256
    with descending(tree.root) as descent:
        for names, digest in sums.items():
            if names[: len(below)] == below and wanted(names):
                yield from _unlike(descent, tree, names[len(below) :], digest)
        try:
            for names, digest in _listed(record, below, there):
                mine = names[: len(below)] == below and not sums.get(names)
                if mine and wanted(names):
                    yield from _unlike(descent, tree, names[len(below) :], digest)
        except (NoSums, NoLine) as error:
            said = f"{display(NAME)} {error}: what is in folders could not be held against it"
            yield Difference(path=() if below else (NAME,), what=said)


def _names(one: FileRecord) -> Names:
    return tuple(one.name.split(b"/"))


def _listed(record: DumpRecord, below: Names, there: Tree) -> Iterator[tuple[Names, str]]:
    """The files of folders, if any of those is asked about. Raises `NoSums`, `NoLine`."""
    folders = [_names(one) for one in record.files if one.files is not None]
    # Either lies in the other.
    asked = any(not one or one == below[: len(one)] for one in (f[: len(below)] for f in folders))
    if not record.sums or not asked:
        return
    with (
        descending(there.root) as descent,
        believed_sums(descent, there.top, record.sums) as file,
    ):
        yield from lines_of(file)


def _unlike(descent: Descent, tree: Tree, inner: Names, digest: str) -> Iterator[Difference]:
    names = (*tree.top, *inner)
    try:
        directory = descent.enter(names[:-1])
        if not digest:
            os.stat(names[-1], dir_fd=directory, follow_symlinks=False)
            return
        with os.fdopen(os.open(names[-1], _FILE, dir_fd=directory), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            same = regular and sha256_of(file) == digest
    except (NotThere, OSError, ValueError):
        yield Difference(path=inner, what=GONE)
        return
    if not same:
        yield Difference(path=inner, what=_OTHER, rotten=True)
