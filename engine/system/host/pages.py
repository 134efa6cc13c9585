"""A folder of pages: read, and made to hold what it should, whatever lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.changes.pages import DOCS, PageChanges, PageKind
from engine.system.host.files import LeadsOutOfRoot, remove_file, write_atomically
from policy.values import display

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST = 16 * 1024 * 1024
"""Nothing that is rendered is longer; of a longer file the beginning tells that it is not ours."""
_MODE = 0o644


class FolderUnusable(Exception):
    """The folder cannot be read or written; the message says what, and why."""


def read_pages(folder: Path, paths: Iterable[str]) -> dict[str, bytes | None]:
    """What each file of the folder holds; None where nothing is. Raises `FolderUnusable`.

    What is no regular file is in the way whatever it is, and reads as something that nobody wrote.
    """
    return {path: _read(folder / path) for path in paths}


def read_record_of(folder: Path, kind: PageKind = DOCS) -> bytes | None:
    """The record of what was written there, if any. Raises `FolderUnusable`."""
    return _read(folder / kind.record)


def _read(path: Path) -> bytes | None:
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            return file.read(_MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FolderUnusable(f"{display(os.fsencode(path))}: {error.strerror or error}") from None


def write_pages(
    folder: Path, pages: Mapping[str, bytes], changes: PageChanges, kind: PageKind = DOCS
) -> None:
    """Make the folder hold the pages. Raises `FolderUnusable`.

    The record comes first, with what the pages may hold meanwhile, and last, with what they do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if changes.created or changes.replaced or changes.removed:
            write_atomically(folder / kind.record, changes.meanwhile, _MODE, root=folder)
        for path in (*changes.created, *changes.replaced):
            write_atomically(folder / path, pages[path], _MODE, root=folder)
        for path in changes.removed:
            remove_file(folder / path, root=folder)
        if changes.any:
            write_atomically(folder / kind.record, changes.record, _MODE, root=folder)
    except (OSError, LeadsOutOfRoot) as error:
        where = display(os.fsencode(error.filename or folder))
        raise FolderUnusable(f"{where}: {error.strerror or error}") from None
