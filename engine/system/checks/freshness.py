"""Finding the newest file below each path that a pattern matches."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from engine.checks.judge import Seen
from engine.plan.selection import RESERVED
from policy.checks import FreshnessCheck
from policy.patterns import Component
from policy.values import display


def look(check: FreshnessCheck, root: bytes) -> tuple[Seen, ...]:
    """What is found at each path, in their order; `root` stands before them."""
    return tuple(
        replace(_newest(check, path), path=path.removeprefix(root))
        for path in sorted(_matching(root or b"/", check.path.components))
    )


def _matching(above: bytes, components: tuple[Component, ...]) -> Iterator[bytes]:
    """The paths that are there; those that hidden names begin are matched by a pattern as well."""
    if not components:
        yield above
        return
    first, rest = components[0], components[1:]
    if first.literal is not None:
        names = [first.literal] if _is_there(os.path.join(above, first.literal)) else []  # noqa: PTH118 - bytes
    else:
        names = _names(above, first)
    for name in names:
        yield from _matching(os.path.join(above, name), rest)  # noqa: PTH118 - bytes


def _is_there(path: bytes) -> bool:
    """Whether something is; of what cannot be told that it is not, whoever looks at it tells."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _names(above: bytes, component: Component) -> list[bytes]:
    try:
        return [one for one in os.listdir(above) if component.matches(one)]  # noqa: PTH208 - bytes
    except (FileNotFoundError, NotADirectoryError):
        return []


def _newest(check: FreshnessCheck, path: bytes) -> Seen:
    """The newest file at a path or below it; a symlink below it is not followed."""
    found = Seen(path=path)
    try:
        status = os.stat(path)  # noqa: PTH116 - bytes
        if not stat.S_ISDIR(status.st_mode):
            return _counted(check, found, b"", status)
        for name, entry in _files_below(path):
            if check.files is None or check.files.matches(entry.name):
                found = _looked_at(check, found, name, entry)
    except OSError as error:
        where = os.fsencode(error.filename or path)
        inside = f" in {display(where[len(path) + 1 :])}" if len(where) > len(path) else ""
        return replace(found, problem=f"it cannot be looked at{inside}: {error.strerror}")
    return found


def _files_below(top: bytes) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    """Each regular file that is not our own, with its path from there. Raises `OSError`."""
    waiting = [b""]
    while waiting:
        below = waiting.pop()
        with suppress(FileNotFoundError), os.scandir(os.path.join(top, below)) as entries:  # noqa: PTH118 - bytes
            for entry in entries:
                name = os.path.join(below, entry.name)  # noqa: PTH118 - bytes
                if RESERVED.matches(entry.name):
                    continue  # snapshots, and what restores and runs set aside: nobody made it now
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.is_file(follow_symlinks=False):
                    yield name, entry


def _looked_at(check: FreshnessCheck, found: Seen, name: bytes, entry: os.DirEntry[bytes]) -> Seen:
    try:
        return _counted(check, found, name, entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return found


def _counted(check: FreshnessCheck, found: Seen, name: bytes, status: os.stat_result) -> Seen:
    """What is known once one file more is."""
    if status.st_size < check.at_least.bytes:
        return replace(found, passed_over=found.passed_over + 1)
    if found.written is not None and status.st_mtime <= found.written:
        return found
    return replace(found, name=name, written=status.st_mtime, size=status.st_size)
