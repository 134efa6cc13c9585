"""Looking at single paths of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def absolute_subject(path: bytes) -> bytes:
    """Make a path as typed absolute, without following symlinks; `source:item` stays as it is."""
    if path.startswith(b"/"):
        return _tidy(path)
    head, colon, _ = path.partition(b":")
    if colon and b"/" not in head:
        return path
    return _tidy(bytes(Path.cwd()) + b"/" + path)


def _tidy(path: bytes) -> bytes:
    tail = b"/" if path.endswith(b"/") else b""
    return os.path.normpath(path).replace(b"//", b"/").rstrip(b"/") + tail or b"/"


def below(root: Path, path: bytes) -> bytes:
    """An absolute path put below a root directory."""
    base = os.fsencode(root)
    return path if base == b"/" else base.rstrip(b"/") + b"/" + path.lstrip(b"/")


def without_root(root: Path, path: bytes) -> bytes:
    """The path as the final system has it, should it have been typed with the root before it."""
    base = os.path.abspath(os.fsencode(root))  # noqa: PTH100 - bytes
    if base == b"/":
        return path
    if path.rstrip(b"/") == base:
        return b"/"
    return path.removeprefix(base) if path.startswith(base + b"/") else path


def is_directory(path: bytes, root: Path) -> bool:
    """Whether the path is to be judged as a directory: by its slash, or by what is there."""
    if path.endswith(b"/"):
        return True
    if not path.startswith(b"/"):
        return False
    try:
        return stat.S_ISDIR(os.lstat(below(root, path)).st_mode)
    except OSError:
        return False
