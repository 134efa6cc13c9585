"""The record of a dump on another machine, fetched to hold a part of the dump against it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from engine.dumps.record import NAME
from engine.dumps.sums import NAME as SUMS
from engine.exit_codes import meaning_of
from engine.restore.fetch import Place, fetch_beside
from engine.restore.versions import Version
from engine.rsync.filters import FilterError
from engine.system.host.descent import opened_root
from engine.system.host.process import Command, CommandNotStarted, run
from engine.system.restore.compare import Tree
from engine.system.restore.entries import CannotLook

_MOST = 1 << 30
"""Bytes of a list of sums: ten million files have less."""
_PATIENCE = 1800.0
"""Seconds."""


@contextmanager
def fetched_record(version: Version, place: Place, depth: int) -> Iterator[Tree]:
    """A folder with the record of the dump in which a version lies so deep, and with its sums.

    It is gone afterwards. Raises `CannotLook`.
    """
    with tempfile.TemporaryDirectory(prefix="policyctl-record-") as folder:
        _fetch(version, place, depth, os.fsencode(folder))
        with opened_root(os.fsencode(folder)) as root:
            names = version.location.names
            yield Tree(root=root, top=names[: len(names) - depth])


def _fetch(version: Version, place: Place, depth: int, folder: bytes) -> None:
    try:
        argv = fetch_beside(version, place, depth, (NAME, SUMS), _MOST)
        told = run(Command(argv=(*argv, folder + b"/"), timeout=_PATIENCE))
    except (CommandNotStarted, FilterError) as error:
        raise CannotLook(str(error)) from None
    if told.code != 0:
        raise CannotLook(told.last_words or meaning_of(told.code))
