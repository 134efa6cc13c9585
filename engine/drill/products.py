"""What a file is a product of, told by its first bytes: each kind has a check of its own. Pure.

A kind of product has one line here, and its check in `engine.system.drill.products`.
"""

from __future__ import annotations

import enum

HEAD = 16
"""Bytes that tell."""


class Product(enum.Enum):
    """What a file is, as far as that can be checked."""

    SQLITE = "sqlite"
    """A database of SQLite."""
    POSTGRESQL = "PostgreSQL archive"
    """What `pg_dump --format=custom` writes."""
    REDIS = "Redis snapshot"
    ZSTD = "zstd"
    """Compressed; if it is a dump as text, that has an end."""
    GZIP = "gzip"
    """The same."""
    ENCRYPTED = "age"
    """Something of those, for who has the key."""


_HEADS = {
    b"SQLite format 3\0": Product.SQLITE,
    b"PGDMP": Product.POSTGRESQL,
    b"REDIS": Product.REDIS,
    b"\x28\xb5\x2f\xfd": Product.ZSTD,  # RFC 8878, section 3.1.1
    b"\x1f\x8b\x08": Product.GZIP,  # RFC 1952, section 2.3.1
    b"age-encryption.o": Product.ENCRYPTED,  # age-encryption.org/v1, "Header"
}


def product_of(head: bytes) -> Product | None:
    """What a file is by its first bytes; None: a file like any other."""
    return next((kind for begin, kind in _HEADS.items() if head.startswith(begin)), None)
