"""Products that came back, each asked by its own kind whether it is sound."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import assert_never

from engine.drill.products import HEAD, Product, product_of
from engine.dumps.artefact import Artefact, Nature
from engine.dumps.clients import Client
from engine.dumps.figures import NotWhole
from engine.dumps.sql_text import TextReader, reader_for
from engine.sqlite.copies import QUICK_ABOVE, choose_check
from engine.system.dumps.encrypt import decrypt
from engine.system.dumps.read_back import Reading, read_back
from engine.system.dumps.streams import reading
from engine.system.host.process import CommandNotStarted, run
from engine.system.sqlite.reading import find_problems, opened
from policy.legs.dump import Compression

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPENED = b".policyctl-opened"
"""The name of what was encrypted, for as long as it is read."""
_BEGIN = 4096
"""Bytes that tell what a text is."""
_WAITING = (b"-wal", b"-journal")
"""Ends of the names of files in which commits, or their way back, may still wait."""


def product_at(directory: int, name: bytes) -> tuple[Product | None, int]:
    """What a file in a directory is, and how large. Raises `OSError`."""
    with os.fdopen(os.open(name, _FILE, dir_fd=directory), "rb") as file:
        return product_of(file.read(HEAD)), os.fstat(file.fileno()).st_size


def unsound(
    product: Product, directory: int, name: bytes, size: int, identity: bytes | None = None
) -> str:
    """What the product's own check finds wrong with it; empty: nothing.

    It lies in scratch space, where nobody but the check writes. `identity`: the file with the key
    to what is encrypted; None: nothing can be told of that.
    """
    if product is Product.ENCRYPTED:
        return _opened(directory, name, identity) if identity is not None else ""
    check: Callable[[int, bytes, int], str]
    match product:
        case Product.SQLITE:
            check = _sqlite
        case Product.POSTGRESQL:
            check = _postgresql
        case Product.REDIS:
            check = _redis
        case Product.ZSTD:
            check = _zstd
        case Product.GZIP:
            check = _gzip
        case _:
            assert_never(product)
    return check(directory, name, size)


def _opened(directory: int, name: bytes, identity: bytes) -> str:
    """Opened, and what is in it asked in its turn."""
    folder = b"/proc/%d/fd/%d/" % (os.getpid(), directory)
    try:
        decrypt(folder + name, folder + _OPENED, identity, run)
        product, size = product_at(directory, _OPENED)
    except NotWhole as error:
        return str(error)
    except CommandNotStarted:
        return "age is not installed, so that nobody can tell"
    try:
        told = product is None or product is Product.ENCRYPTED
        return "" if told or product is None else unsound(product, directory, _OPENED, size)
    finally:
        os.unlink(_OPENED, dir_fd=directory)


def _postgresql(directory: int, name: bytes, _size: int) -> str:
    """Unpacked to its end, as a load would; nothing of it is carried out."""
    return _read_back(directory, name, Nature.POSTGRESQL_ARCHIVE)


def _redis(directory: int, name: bytes, _size: int) -> str:
    return _read_back(directory, name, Nature.RDB)


def _zstd(directory: int, name: bytes, _size: int) -> str:
    return _packed(directory, name, Compression.ZSTD)


def _gzip(directory: int, name: bytes, _size: int) -> str:
    return _packed(directory, name, Compression.GZIP)


def _packed(directory: int, name: bytes, compression: Compression) -> str:
    """Where it is a dump as text: unpacked to its end, which has to be there.

    Any other such file is somebody's own, and may have been cut off by them.
    """
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=directory), "rb") as file:
            pieces = reading(file, compression)
            reader = _reader_of(pieces)
            if reader is not None:
                for piece in pieces:
                    reader.feed(piece)
                reader.finish()
    except NotWhole as error:
        return str(error)
    return ""


def _reader_of(pieces: Iterator[bytes]) -> TextReader | None:
    """What reads the rest, once the first piece has shown a dump; that one is read by then."""
    try:
        first = next(pieces, b"")
    except NotWhole:
        return None
    reader = reader_for(first[:_BEGIN])
    if reader is not None:
        reader.feed(first)
    return reader


def _read_back(directory: int, name: bytes, nature: Nature) -> str:
    artefact = Artefact(name=name, nature=nature, client=Client(programs=(), arguments=()))
    path = b"/proc/%d/fd/%d/%s" % (os.getpid(), directory, name)
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=directory), "rb") as file:
            read_back(artefact, file, path, Reading(run=run, check_time=lambda: None))
    except NotWhole as error:
        return str(error)
    except CommandNotStarted:
        return ""  # without the program nobody can tell: its bytes are those of the copy
    return ""


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
