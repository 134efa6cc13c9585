"""What a dump copies of this machine: a SQLite database, and the files beside it."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from engine.dumps.artefact import Artefact
from engine.dumps.figures import NotWhole, Part
from engine.dumps.record import NAME, FileRecord
from engine.dumps.sums import NAME as SUMS
from engine.exit_codes import Outcome, meaning_of, outcome_of
from engine.reach.name_folding import Folding, meeting
from engine.sqlite.copies import CopyStatus, read_lines
from engine.sqlite.files import COMPANIONS
from engine.system.dumps.asking import complaint
from engine.system.dumps.streams import sha256_of
from engine.system.host.name_probe import folding_in
from engine.system.host.process import Command, Completed
from policy.values import AbsolutePath, display

_FOREVER = float("inf")
_TAKEN = (NAME, SUMS)
_WORKED = frozenset({0, 6})
_FINE = frozenset({Outcome.OK, Outcome.OK_NOTED})
_OPTIONS = (
    b"--archive",
    b"--sparse",
    b"--hard-links",
    b"--acls",
    b"--xattrs",
    b"--numeric-ids",
    b"--quiet",
)
Running = Callable[[Command], Completed]
"""Runs a command within the time of the run that it is part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What was copied of the files beside a database."""

    names: tuple[bytes, ...]
    """In the folder of the dump."""
    missing: tuple[str, ...]
    """Patterns that nothing matched."""


def copy_database(
    artefact: Artefact, staging: bytes, former: bytes | None, run: Running
) -> FileRecord:
    """Copy one SQLite database whole, by its own interface. Raises `NotWhole`."""
    folder, name = _place(artefact)
    argv = (os.fsencode(sys.executable), *artefact.client.arguments, b"--live", b"--only", name)
    linked = (b"--former", former) if former is not None else ()
    told = run(Command(argv=(*argv, *linked, b"--", folder, staging), timeout=_FOREVER))
    found = next(iter(read_lines(told.stdout)), None) if told.code in _WORKED else None
    if found is None:
        raise NotWhole(f"it could not be copied: {complaint(told)}")
    if found.status is not CopyStatus.OK:
        raise NotWhole(f"{found.status.value}: {found.reason}")
    with open(staging + b"/" + name, "rb") as file:  # noqa: PTH123 - bytes
        content = sha256_of(file)
    part = Part(database="", rows=found.rows, tables=found.tables, size=found.size)
    return FileRecord(
        name=name,
        size=found.size,
        sha256=content,
        nature=artefact.nature.value,
        parts=(part,),
        content=content,
    )


def copy_beside(artefact: Artefact, staging: bytes, former: bytes | None, run: Running) -> Beside:
    """Copy what patterns name beside a database. Raises `NotWhole`."""
    folder, database = _place(artefact)
    there = os.listdir(folder)  # noqa: PTH208 - bytes
    own = {database, *(database + end for end in COMPANIONS)}
    matching = {one: _matching(one, there, own) for one in artefact.beside}
    names = sorted({name for found in matching.values() for name in found})
    if names:
        taken = next((name for name in names if name in _TAKEN), None)
        if taken is not None:
            raise NotWhole(f"{display(taken)} is what the record of a dump is called, or its sums")
        _refuse_meeting(folder, [*names, database, *_TAKEN], folding_in(staging))
        linked = (b"--link-dest=" + staging + b"/../" + former,) if former is not None else ()
        sources = [folder.rstrip(b"/") + b"/" + name for name in names]
        argv = (b"rsync", *_OPTIONS, *linked, b"--", *sources, staging + b"/")
        told = run(Command(argv=argv, timeout=_FOREVER))
        if outcome_of(told.code) not in _FINE:
            raise NotWhole(f"{meaning_of(told.code)}: {complaint(told)}")
    return Beside(
        names=tuple(names),
        missing=tuple(one for one, found in matching.items() if not found),
    )


def _refuse_meeting(folder: bytes, names: list[bytes], folding: Folding) -> None:
    """Raises `NotWhole` where two files would be one: the last of them, without a word."""
    waiting = [(b"", names)] if folding else []
    while waiting:
        above, there = waiting.pop()
        for group in meeting(there, folding):
            shown = " and ".join(display(above + name) for name in group[:_NAMED])
            raise NotWhole(f"{shown} would be one there: it does not tell such names apart")
        for name in there:
            path = folder.rstrip(b"/") + b"/" + above + name
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - bytes
                waiting.append((above + name + b"/", os.listdir(path)))  # noqa: PTH208 - bytes


_NAMED = 3
"""So many names of a group are told."""


def _place(artefact: Artefact) -> tuple[bytes, bytes]:
    """The directory of the database, and its name."""
    assert artefact.origin is not None
    names = artefact.origin.names
    return AbsolutePath(names[:-1]).text, names[-1]


def _matching(pattern: str, names: list[bytes], own: set[bytes]) -> list[bytes]:
    wanted = pattern.encode()
    return [name for name in names if name not in own and fnmatch.fnmatchcase(name, wanted)]
