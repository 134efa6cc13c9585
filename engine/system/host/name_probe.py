"""Asking a directory which names it does not tell apart: a file is made there and looked for."""

from __future__ import annotations

import os

from engine.reach.name_folding import Folding

_PROBE = ".policyctl-probe-\u00e9a"
"""A reserved name: no leg takes it, and none deletes it."""


def folding_in(directory: bytes) -> Folding:
    """What it takes for one name. Raises `OSError` where nothing can be made."""
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name, flags = f"{_PROBE}{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        os.close(os.open(name, flags | os.O_CLOEXEC, 0o600, dir_fd=top))
        try:
            apart = name.replace("\u00e9", "e\u0301")
            return Folding(case=_is_there(name.upper(), top), form=_is_there(apart, top))
        finally:
            os.unlink(name, dir_fd=top)
    finally:
        os.close(top)


def _is_there(name: str, top: int) -> bool:
    try:
        os.stat(name, dir_fd=top, follow_symlinks=False)
    except OSError:
        return False
    return True
