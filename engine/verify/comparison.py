r"""The command that compares, and what it prints.

It is the full pass that the leg itself would make, by the same rules and with the same guards, but
it reads every byte on both sides and writes nothing. So nothing that a leg leaves alone is called
missing, and nothing that somebody else keeps there is called superfluous.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.reach.targets import Target
from engine.rsync.itemized import FORMAT
from engine.rsync.output import unescaped

_ITEM = re.compile(rb"^([<>ch.*][fdLDSe][^ ]{9}|\*deleting  ) (.*)$", re.DOTALL)
_KEPT = 1_000
"""Differences that are listed; all are counted."""


class Difference(enum.Enum):
    """How a copy is not what it should be."""

    MISSING = "missing"
    EXTRA = "extra"
    """The copy has it, and what it is a copy of has not."""
    DAMAGED = "damaged"
    """Other content, with the size and the time unchanged: no program writes so, a disk does."""
    DIFFERENT = "different"
    """Other content, and another size or time."""
    UNSOUND = "unsound"
    """SQLite finds damage in the copy of a database."""
    CORRUPT = "corrupt"
    """Other content than the record of the dump says."""
    ATTRIBUTES = "attributes"
    """The content is right; owner, mode, time or the like is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One path that differs."""

    path: bytes
    """Below the root of both."""
    difference: Difference


def comparing(argv: tuple[bytes, ...], listed: bytes | None) -> tuple[bytes, ...]:
    """Turn the command of a full pass into one that compares by content and writes nothing.

    `listed`: a file of paths that alone are compared, ended by NUL bytes; then what the copy has
    beside them is not looked at.
    """
    ends = argv.index(b"--")
    options = [one for one in argv[1:ends] if not _writes(one)]
    if listed is not None:
        options = [one for one in options if one != b"--delete"]
        options += [b"--from0", b"--files-from=" + listed]
    telling = (b"--dry-run", b"--checksum", b"--8-bit-output", FORMAT)
    return (b"rsync", *options, *telling, *argv[ends:])


def against(argv: tuple[bytes, ...], generation: Target) -> tuple[bytes, ...]:
    """Turn the command that makes a generation into a pass over one that is complete."""
    options = (one for one in argv[1:-1] if not one.startswith(b"--link-dest="))
    return (argv[0], b"--delete", *options, generation.argument)


_OF_WRITING = (b"--backup", b"--partial-dir", b"--max-delete", b"--bwlimit", b"--timeout")
"""What a pass needs that writes. While rsync reads a very large file it says nothing at all, so no
silence is too long."""


def _writes(option: bytes) -> bool:
    return option.startswith((*_OF_WRITING, b"--out-format", b"--8-bit-output", b"--mkpath"))


def difference_of(item: bytes, name: bytes) -> Found | None:
    """What one line of rsync(1)'s --itemize-changes says; None where that is no difference.

    The time of a directory is none: whoever writes in it afterwards changes it.
    """
    path = unescaped(name).rstrip(b"/").removeprefix(b"./")
    if path in {b"", b"."}:
        return None
    if item.startswith(b"*deleting"):
        return Found(path=path, difference=Difference.EXTRA)
    kind, changes = item[1:2], item[2:]
    if changes.startswith(b"+"):
        return Found(path=path, difference=Difference.MISSING)
    if item[:1] in b"<>" or (item[:1] == b"c" and kind != b"d"):
        same_size, same_time = changes[1:2] == b".", changes[2:3] == b"."
        rot = kind == b"f" and same_size and same_time
        return Found(path=path, difference=Difference.DAMAGED if rot else Difference.DIFFERENT)
    other = set(changes) - ({*b". t"} if kind == b"d" else {*b". "})
    other |= {*b"h"} if item.startswith(b"h") else set()  # a name of a file that is linked no more
    return Found(path=path, difference=Difference.ATTRIBUTES) if other else None


@dataclass(slots=True)
class Comparison:
    """Reads what the command prints, chunk by chunk; keeps the first differences, counts all."""

    found: list[Found] = field(default_factory=list)
    more: int = 0
    """Differences that are not listed."""
    _rest: bytes = field(default=b"", repr=False)

    def feed(self, chunk: bytes) -> bytes:
        """Read a chunk; what comes back are the whole lines that are no items."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return b"".join(line + b"\n" for line in lines if not self._take(line))

    def _take(self, line: bytes) -> bool:
        item = _ITEM.match(line)
        if item is None:
            return False
        found = difference_of(item[1], item[2])
        if found is not None and len(self.found) < _KEPT:
            self.found.append(found)
        elif found is not None:
            self.more += 1
        return True


def nul_separated(paths: tuple[bytes, ...]) -> bytes:
    """A list for `--files-from` with `--from0`: no name is read as anything but a name.

    A leading `./` keeps `;`, `#` and `:` at the beginning of a name from being special.
    """
    return b"".join(b"./" + path + b"\0" for path in paths)


def below(found: list[Found], roots: tuple[bytes, ...]) -> Iterator[Found]:
    """Those that lie at or below certain paths; all where none is named."""
    for one in found:
        if not roots or any(one.path == root or one.path.startswith(root + b"/") for root in roots):
            yield one
