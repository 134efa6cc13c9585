"""The programs of servers and their clients, where Debian puts them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def search_path() -> str:
    """PATH, with the folders of system programs and of the newest PostgreSQL behind it."""
    own = os.environ.get("PATH", os.defpath)
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest = sorted(versions, key=lambda path: float(path.parent.name), reverse=True)
    return os.pathsep.join([own, "/usr/local/sbin", "/usr/sbin", "/sbin", *map(str, newest[:1])])


SEARCH = search_path()


def missing(*commands: str) -> list[str]:
    """Those that are not installed."""
    return [command for command in commands if shutil.which(command, path=SEARCH) is None]


def program(command: str) -> str:
    """Where a program lies."""
    found = shutil.which(command, path=SEARCH)
    if found is None:
        raise FileNotFoundError(f"{command} is not installed (tools/setup test)")
    return found
