"""Products that came back, each asked by its own kind whether it is sound."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import assert_never

from engine.drill.products import HEAD, Product, product_of
from engine.sqlite.copies import QUICK_ABOVE, choose_check
from engine.system.sqlite.reading import find_problems, opened

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WAITING = (b"-wal", b"-journal")
"""Ends of the names of files in which commits, or their way back, may still wait."""


def product_at(directory: int, name: bytes) -> tuple[Product | None, int]:
    """What a file in a directory is, and how large. Raises `OSError`."""
    with os.fdopen(os.open(name, _FILE, dir_fd=directory), "rb") as file:
        return product_of(file.read(HEAD)), os.fstat(file.fileno()).st_size


def unsound(product: Product, directory: int, name: bytes, size: int) -> str:
    """What the product's own check finds wrong with it; empty: nothing.

    It lies in scratch space, where nobody but the check writes.
    """
    check: Callable[[int, bytes, int], str]
    match product:
        case Product.SQLITE:
            check = _sqlite
        case _:
            assert_never(product)
    return check(directory, name, size)


def _sqlite(directory: int, name: bytes, size: int) -> str:
    """Opened as its application would: with what waits beside it, if there is anything."""
    waiting = any(os.access(name + end, os.F_OK, dir_fd=directory) for end in _WAITING)
    query = "mode=rw" if waiting else "mode=ro&immutable=1"
    try:
        with opened(directory, name, query) as reader:
            problems = find_problems(reader, choose_check(size, QUICK_ABOVE))[1]
    except sqlite3.Error as error:
        problems = str(error)
    return f"SQLite finds it damaged: {problems}" if problems else ""
