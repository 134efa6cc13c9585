"""What lies below a directory, with everything that a mirror keeps of it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

RESERVED = b".policyctl-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry as a mirror has to keep it."""

    kind: int
    mode: int
    owner: tuple[int, int]
    modified: int
    content: bytes
    """A file's bytes, a symlink's target, a device's number."""
    names: tuple[bytes, ...]
    """All names of it below the same directory; none for a directory."""


def facts(root: Path) -> dict[bytes, Fact]:
    """Everything below a directory by its path; what the engine keeps for itself is left out."""
    base = os.fsencode(root)
    paths = sorted(_paths(base, b""))
    families: dict[int, list[bytes]] = {}
    for path in paths:
        families.setdefault(os.lstat(base + b"/" + path).st_ino, []).append(path)
    return {path: _fact(base + b"/" + path, families) for path in paths}


def differences(mine: dict[bytes, Fact], theirs: dict[bytes, Fact]) -> dict[bytes, object]:
    """What two trees do not have in common."""
    return {
        path: (mine.get(path), theirs.get(path))
        for path in sorted(mine.keys() | theirs.keys())
        if mine.get(path) != theirs.get(path)
    }


def _paths(base: bytes, below: bytes) -> list[bytes]:
    found = []
    with os.scandir(base + b"/" + below) as entries:
        for one in entries:
            if one.name.startswith(RESERVED):
                continue
            path = below + one.name
            found.append(path)
            if one.is_dir(follow_symlinks=False):
                found += _paths(base, path + b"/")
    return found


def _fact(path: bytes, families: dict[int, list[bytes]]) -> Fact:
    status = os.lstat(path)
    content = b""
    if stat.S_ISREG(status.st_mode):
        content = Path(os.fsdecode(path)).read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        content = os.fsencode(Path(os.fsdecode(path)).readlink())
    elif not stat.S_ISDIR(status.st_mode):
        content = b"%d" % status.st_rdev
    directory = stat.S_ISDIR(status.st_mode)
    return Fact(
        kind=stat.S_IFMT(status.st_mode),
        mode=0 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        modified=status.st_mtime_ns,
        content=content,
        names=() if directory else tuple(families[status.st_ino]),
    )


def sums(folder: Path, *, without: tuple[str, ...] = ()) -> dict[bytes, str]:
    """The checksum, or what else it is, of everything in a folder, and when it was changed."""
    found: dict[bytes, str] = {}
    for top, directories, files in os.walk(folder):
        for path in (Path(top, name) for name in (*directories, *files)):
            names = path.relative_to(folder).parts
            if names[0] in without or any(name.startswith(".policyctl-") for name in names):
                continue
            found[os.fsencode(path.relative_to(folder))] = _sum(path)
    return found


def _sum(path: Path) -> str:
    if path.is_symlink():
        return f"→ {path.readlink()}"
    if path.is_file():
        return f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
    return "directory"
