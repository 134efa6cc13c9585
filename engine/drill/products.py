"""What a file is a product of, told by its first bytes: each kind has a check of its own. Pure.

A kind of product has one line here, and its check in `engine.system.drill.products`. What a dump is
(PostgreSQL's archives begin with `PGDMP`) gets its line with the leg that makes such dumps.
"""

from __future__ import annotations

import enum

HEAD = 16
"""Bytes that tell."""


class Product(enum.Enum):
    """What a file is, as far as that can be checked."""

    SQLITE = "sqlite"
    """A database of SQLite."""


_HEADS = {b"SQLite format 3\0": Product.SQLITE}


def product_of(head: bytes) -> Product | None:
    """What a file is by its first bytes; None: a file like any other."""
    return next((kind for begin, kind in _HEADS.items() if head.startswith(begin)), None)
