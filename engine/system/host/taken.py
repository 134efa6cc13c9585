"""What of a directory a selection takes, looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator

from engine.plan.selection import Selection, Verdict
from engine.routing.sieve import Sieve
from engine.system.host.directories import list_directory

_CARRIED = frozenset({Verdict.TAKEN, Verdict.ENTERED})


def taken_entries(path: bytes, selection: Selection) -> tuple[bytes, ...]:
    """Top-level entries that the leg takes something of."""
    return tuple(
        sorted(
            name
            for name, directory in list_directory(path)
            if selection.decide((name,), directory=directory) in _CARRIED
        )
    )


def carried(path: bytes, selection: Selection) -> Iterator[bool]:
    """One for each entry that rsync would list: whether the leg takes it, or only enters it.

    What cannot be read is passed over: rsync will say so, and then nothing is deleted.
    """
    sieve = Sieve(selection)
    waiting: list[tuple[bytes, ...]] = [()]
    while waiting:
        names = waiting.pop()
        try:
            with os.scandir(b"/".join((path.rstrip(b"/") or b"/", *names))) as entries:
                found = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
        except OSError:
            continue
        for name, directory in found:
            here = (*names, name)
            verdict = sieve.decide(here, directory=directory)
            if verdict in _CARRIED:
                yield verdict is Verdict.TAKEN
            if directory and verdict in _CARRIED:
                waiting.append(here)
