"""The private directory of one run: rules, an empty directory, and the shared ssh's socket.

What is to be encrypted lies there in the clear until it is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.system.host.descent import remove_tree
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places

_EMPTY = "empty"
"""The first thing in it: an empty directory."""
_SOCKET_MOST = 80
"""A socket's path has 107 bytes, and ssh adds a suffix while it makes one."""


class NotPrivate(Exception):
    """Somebody else owns, or may enter, a directory that must be ours alone."""


@contextmanager
def run_directory(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Give a fresh directory and a path for the socket; both are gone afterwards.

    What a killed run left there goes first: the caller holds the lock that makes this ours.
    """
    _clear(path)
    (path / _EMPTY).mkdir(mode=0o700, parents=True)
    path.chmod(0o700)
    short = _short(path)
    try:
        if short != path:
            _make_private(short)
        yield os.fsencode(path), os.fsencode(short / "ssh")
    finally:
        _clear(path)
        if short != path and _is_ours(short):
            _clear(short)


def clear_left(places: Places, legs: Collection[str]) -> None:
    """Remove what killed runs of legs have left that are none of these: no run of them comes."""
    with suppress(OSError):
        for path in (places.state_dir / "run").iterdir():
            if path.name not in legs and (path / _EMPTY).is_dir():  # else it is none of a run
                with suppress(Locked, OSError), hold(places.leg_lock(path.name)):
                    _clear(path)


def _clear(path: Path) -> None:
    """Remove it, however deep it is: it may hold what a program has made."""
    with suppress(OSError):
        remove_tree(os.fsencode(path))


def _short(path: Path) -> Path:
    """The directory itself, or one whose path is short enough and follows from it."""
    if len(os.fsencode(path)) <= _SOCKET_MOST:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path("/tmp") / f"policyctl-{os.geteuid()}-{digest}"  # noqa: S108 - checked below


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(path):
        raise NotPrivate(f"{path} is not this user's alone: remove it")
    # A killed run's connection lives on for a while, and may lead to where the leg wrote before.
    for left in path.iterdir():
        left.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether it is a directory that nobody else owns or may enter."""
    try:
        status = path.lstat()
    except OSError:
        return False
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return ours and not status.st_mode & 0o077
