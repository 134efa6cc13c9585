"""What lies at places of copies: looked at by descriptors here, by one small script elsewhere.

No symlink on the way is ever followed: it is a copy of somebody's symlink, and leads elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from engine.reach.ssh_command import key_hint, ssh_command
from engine.restore.fetch import Place
from engine.system.host.descent import Descent, NotThere, descending, list_inside, opened_root
from engine.system.host.process import Command, CommandNotStarted, run
from policy.parts import SshTarget

Names = tuple[bytes, ...]
_PATIENCE = 60.0
_AT_ONCE = 200
_NO_SHARED_CONNECTION = b"none"
_FIND = b"""\
export LC_ALL=C
way() {
    w=; r=$1
    while case $r in */*) ;; *) false ;; esac; do
        w=$w${r%%/*}; [ -L "./$w" ] && return 1
        w=$w/; r=${r#*/}
    done
    [ -e "./$1" ] || [ -L "./$1" ]
}
one() {
    way "$1" || return 0
    if [ -L "./$1" ]; then k=l; elif [ -d "./$1" ]; then k=d; else k=f; fi
    s=; [ $k = f ] && s=$(stat -c '%s %Y' "./$1" 2>/dev/null)
    printf '%s %s %s\\n' "$2" "$k" "$s"
}
cd "$1" || { echo away; exit 0; }
echo here
shift
while [ $# -gt 0 ]; do
    if [ "$1" = - ]; then one "$3" "$2"
    else
        if way "$2" && [ -d "./$2" ] && [ ! -L "./$2" ]; then
            for g in "./$2"/[0-9]*; do g=${g##*/}; one "$2/$g/$3" "$g"; done
        fi
    fi
    shift 3
done
"""
"""$1 is a root. Then three words a question: `-`, a name and a path, or `*` for a folder and a path
in each of its entries; each answer is that name or the entry's, what it is, its size and time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a tree."""

    directory: bool
    size: int | None = None
    """Bytes of a regular file."""
    modified: float | None = None


class CannotLook(Exception):
    """Nobody could look; the message says why."""


class NoRoot(Exception):
    """The root of the copies is not there."""


class Looker(Protocol):
    """Somebody who looks below one root of copies."""

    def at(self, names: Names) -> Entry | None:
        """What lies at a path; None: nothing, or it leads through a symlink."""

    def each(self, folder: Names, inner: Names) -> dict[bytes, Entry]:
        """What lies at a path in each entry of a folder, by the entries' names."""

    def among(self, paths: Sequence[Names]) -> dict[int, Entry]:
        """What lies at each of some paths, by their numbers."""


@dataclass(frozen=True, slots=True)
class Here:
    """Looks on this machine."""

    descent: Descent

    def at(self, names: Names) -> Entry | None:
        """What lies at a path."""
        try:
            parent = self.descent.enter(names[:-1])
            found = os.stat(names[-1] if names else b".", dir_fd=parent, follow_symlinks=False)
        except (NotThere, FileNotFoundError):
            return None
        except OSError as error:
            raise CannotLook(error.strerror or str(error)) from None
        regular = stat.S_ISREG(found.st_mode)
        return Entry(
            directory=stat.S_ISDIR(found.st_mode),
            size=found.st_size if regular else None,
            modified=found.st_mtime if regular else None,
        )

    def each(self, folder: Names, inner: Names) -> dict[bytes, Entry]:
        """What lies at a path in each directory of a folder."""
        try:
            inside = list_inside(self.descent.enter(folder))
        except (NotThere, FileNotFoundError):
            return {}
        except OSError as error:
            raise CannotLook(error.strerror or str(error)) from None
        found = {name: self.at((*folder, name, *inner)) for name, is_one in inside if is_one}
        return {name: one for name, one in found.items() if one is not None}

    def among(self, paths: Sequence[Names]) -> dict[int, Entry]:
        """What lies at each of some paths."""
        found = ((index, self.at(names)) for index, names in enumerate(paths))
        return {index: one for index, one in found if one is not None}


@contextmanager
def looking_here(root: bytes) -> Iterator[Here]:
    """Look below a root of this machine. Raises `NoRoot` and `CannotLook`."""
    try:
        with opened_root(root) as descriptor, descending(descriptor) as descent:
            yield Here(descent)
    except (FileNotFoundError, NotADirectoryError):
        raise NoRoot from None
    except PermissionError as error:
        raise CannotLook(error.strerror or str(error)) from None


@dataclass(frozen=True, slots=True)
class There:
    """Looks on another machine: one connection a question."""

    ssh: SshTarget
    root: bytes

    def at(self, names: Names) -> Entry | None:
        """What lies at a path."""
        return self._ask(b"-", b"-", b"/".join(names) or b".").get(b"-")

    def each(self, folder: Names, inner: Names) -> dict[bytes, Entry]:
        """What lies at a path in each entry of a folder."""
        return self._ask(b"*", b"/".join(folder) or b".", b"/".join(inner) or b".")

    def among(self, paths: Sequence[Names]) -> dict[int, Entry]:
        """What lies at each of some paths: a few hundred of them in one command."""
        found: dict[int, Entry] = {}
        for first in range(0, len(paths), _AT_ONCE):
            words: list[bytes] = []
            for index in range(first, min(first + _AT_ONCE, len(paths))):
                words += (b"-", b"%d" % index, b"/".join(paths[index]) or b".")
            found |= {int(name): one for name, one in self._ask(*words).items()}
        return found

    def _ask(self, *words: bytes) -> dict[bytes, Entry]:
        script = (b"sh", b"-c", _FIND, b"sh", self.root, *words)
        command = ssh_command(self.ssh, _NO_SHARED_CONNECTION, *script)
        try:
            told = run(Command(argv=command, timeout=_PATIENCE))
        except CommandNotStarted as error:
            raise CannotLook(str(error)) from None
        if told.timed_out:
            raise CannotLook("no answer in time")
        first, *lines = told.stdout.split(b"\n")
        if first == b"away":
            raise NoRoot
        if told.code != 0 or first != b"here":
            said = told.last_words or f"it ended with {told.code}"
            raise CannotLook(said + key_hint(self.ssh, told.stderr))
        return dict(_entries(lines))


@contextmanager
def looker(place: Place) -> Iterator[Looker]:
    """Whoever looks at a place. Raises `NoRoot` and `CannotLook`."""
    if place.ssh is not None:
        yield There(place.ssh, place.root)
        return
    with looking_here(place.root) as here:
        yield here


def _entries(lines: Sequence[bytes]) -> Iterator[tuple[bytes, Entry]]:
    for line in lines:
        name, _, rest = line.partition(b" ")
        kind, *numbers = rest.split(b" ")
        if kind not in {b"d", b"f", b"l"}:
            continue  # a name of an entry that is no generation or run may hold anything
        size, modified = (
            (int(numbers[0]), float(numbers[1]))
            if len(numbers) == 2 and all(one.isdigit() for one in numbers)
            else (None, None)
        )
        yield name, Entry(directory=kind == b"d", size=size, modified=modified)
