"""Where what is to be encrypted lies until it is: in the private directory of the run.

So no place that copies go to ever holds it in the clear. What a killed run has left there goes
before the leg runs again (`engine.system.host.run_directory`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from engine.dumps.figures import NotWhole
from engine.system.host.descent import remove_tree
from policy.values import display

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def in_the_clear(directory: bytes) -> Iterator[bytes]:
    """A folder of our own in the directory of a run; gone afterwards, whatever ends it."""
    path = directory + b"/plain"
    os.mkdir(path, 0o700)  # noqa: PTH102 - bytes
    try:
        yield path
    finally:
        remove_tree(path)


@contextmanager
def room_in(plain: bytes) -> Iterator[None]:
    """While something is written there. Raises `NotWhole` where it is full.

    That is no fault of the destination, of which nothing is removed for it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        where = display(plain.rpartition(b"/")[0])
        said = f"{where} is full, where it lies in the clear until it is encrypted"
        raise NotWhole(said) from None
