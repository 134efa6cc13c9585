"""What came of a dump, held against the record that lies in it: what rotted on the way is told."""

from __future__ import annotations

import os
from collections.abc import Iterator

from engine.dumps.record import NAME, DumpRecord, FileRecord, RecordUnreadable, record_from_json
from engine.system.dumps.streams import sha256_of
from engine.system.host.descent import NotThere, descending
from engine.system.restore.compare import Difference, Names, Tree

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST = 64 << 20
"""Bytes of a record: one of thousands of databases has less."""


def record_in(tree: Tree) -> DumpRecord | None:
    """The record in the folder of a dump; None where there is none that can be read."""
    try:
        with descending(tree.root) as descent:
            directory = descent.enter(tree.top)
            with os.fdopen(os.open(NAME, _FILE, dir_fd=directory), "rb") as file:
                return record_from_json(file.read(_MOST).decode())
    except (NotThere, OSError, UnicodeDecodeError, RecordUnreadable):
        return None


def unlike_record(tree: Tree, below: Names, record: DumpRecord) -> Iterator[Difference]:
    """What of a tree is not as its record says; `below` is where in the dump its top lies."""
    for one in record.files:
        names = tuple(one.name.split(b"/"))
        if not one.sha256 or names[: len(below)] != below:
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
            with os.fdopen(os.open(names[-1], _FILE, dir_fd=directory), "rb") as file:
                same = sha256_of(file) == one.sha256
    except (NotThere, OSError):
        return "it is in the record of the dump, and not here"
    return "" if same else "its content is not what the record of the dump says"
