"""What came of a dump, held against the record that lies in it: what rotted on the way is told."""

from __future__ import annotations

import os
from collections.abc import Iterator

from engine.dumps.record import DumpRecord, FileRecord
from engine.system.dumps.record_file import record_below
from engine.system.dumps.streams import sha256_of
from engine.system.host.descent import NotThere, descending
from engine.system.restore.compare import Difference, Names, Tree

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def record_in(tree: Tree) -> DumpRecord | None:
    """The record in the folder of a dump; None where there is none that can be read."""
    with descending(tree.root) as descent:
        return record_below(descent, tree.top)


def unlike_record(tree: Tree, below: Names, record: DumpRecord) -> Iterator[Difference]:
    """What of a tree is not as its record says; `below` is where in the dump its top lies."""
    for one in record.files:
        names = tuple(one.name.split(b"/"))
        if names[: len(below)] != below:
            continue
        inner = names[len(below) :]
        what = _problem(tree, inner, one)
        if what:
            yield Difference(path=inner, what=what)


def _problem(tree: Tree, inner: Names, one: FileRecord) -> str:
    names = (*tree.top, *inner)
    try:
        with descending(tree.root) as descent:
            directory = descent.enter(names[:-1])
            if not one.sha256:
                os.stat(names[-1], dir_fd=directory, follow_symlinks=False)
                return ""
            with os.fdopen(os.open(names[-1], _FILE, dir_fd=directory), "rb") as file:
                same = sha256_of(file) == one.sha256
    except (NotThere, OSError, ValueError):
        return "it is in the record of the dump, and not here"
    return "" if same else "its content is not what the record of the dump says"
