"""What rsync prints, read back: figures, deletions wanted, a listing, its version.

rsync runs with LC_ALL=C.UTF-8 and --no-human-readable, so its words and numbers are fixed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIGURE = re.compile(
    rb"^(Number of [a-z ]*files(?: transferred)?|Total [a-z ]*size): ([0-9,]+)", re.MULTILINE
)
_SKIPPED = re.compile(
    rb"^Deletions stopped due to --max-delete limit \(([0-9]+) skipped\)$", re.MULTILINE
)
_NOT_EMPTY = re.compile(rb"^cannot delete non-empty directory: (.*)$", re.MULTILINE)
_NO_WAY = re.compile(rb"^could not make way for new [^:]*: (.*)$", re.MULTILINE)
_HARMLESS = re.compile(
    rb"could not make way for new |cannot delete non-empty directory: |"
    rb"Deletions stopped due to --max-delete |rsync error: |rsync warning: |$"
)
_UNREADABLE = re.compile(
    rb"rsync: \[sender\] .*: Permission denied \(13\)$|"
    rb"IO error encountered -- skipping file deletion$|cannot delete non-empty directory: |"
    rb"Deletions stopped due to --max-delete |rsync error: |rsync warning: |$"
)
_WANTED = re.compile(rb"^\*deleting   (.*)$", re.MULTILINE)
WOULD = b"--out-format=would %i %n"
"""Has a dry run print each change for `would_change`, and for no journal."""
_WOULD = re.compile(rb"^would [<>ch]\S+ (.*)$", re.MULTILINE)
_CREATED = re.compile(rb"^created directory ", re.MULTILINE)
_VERSION = re.compile(rb"^rsync +version v?([0-9]+)\.([0-9]+)(?:\.([0-9]+))?", re.MULTILINE)
_LISTED = re.compile(rb"^([-a-z]\S{9,10}) +[0-9,.]+ [0-9/]{10} [0-9:]{8} (.*)$", re.DOTALL)
_FILE = re.compile(rb"-\S{9,10} +([0-9,]+) [0-9/]{10} [0-9:]{8} (.*)", re.DOTALL)
_ESCAPED = re.compile(rb"\\#([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers of one rsync; None where they were not printed."""

    entries: int | None = None
    files: int | None = None
    bytes_sent: int | None = None
    deleted: int | None = None
    created: int | None = None
    size: int | None = None
    """Bytes of all files that were looked at, sent or not; each name of a hard link counts."""


def parse_figures(output: bytes) -> Figures:
    """Read what --info=stats2 prints."""
    found = {name: int(number.replace(b",", b"")) for name, number in _FIGURE.findall(output)}
    return Figures(
        entries=found.get(b"Number of files"),
        files=found.get(b"Number of regular files transferred"),
        bytes_sent=found.get(b"Total transferred file size"),
        deleted=found.get(b"Number of deleted files"),
        created=found.get(b"Number of created files"),
        size=found.get(b"Total file size"),
    )


def deletions_wanted(output: bytes, errors: bytes) -> int:
    """Count what a pass with --max-delete=0 would have deleted.

    rsync counts what it skipped, but not the topmost directories whose content was skipped: it
    prints one line for each directory that it could therefore not empty. A directory that is in
    the way of a new file is printed too, and replacing it is no deletion. Where a filter protects
    something inside such a directory the count is too high by that directory, never too low.
    """
    skipped = _SKIPPED.search(errors)
    if not skipped:
        return 0
    tops = len(_stuck_tops(output, errors))
    return int(skipped[1]) + max(0, tops - len(_NO_WAY.findall(errors)))


def directories_wanted(output: bytes, errors: bytes) -> tuple[bytes, ...]:
    """Topmost directories that such a pass would have deleted with all that is in them."""
    in_the_way = set(ways_blocked(errors))
    tops = (unescaped(path) for path in _stuck_tops(output, errors))
    return tuple(sorted(path for path in tops if path not in in_the_way))


def _stuck_tops(output: bytes, errors: bytes) -> list[bytes]:
    stuck = set(_NOT_EMPTY.findall(output)) | set(_NOT_EMPTY.findall(errors))
    return [path for path in stuck if not _has_ancestor(path, stuck)]


def deletions_stopped(errors: bytes) -> bool:
    """Whether more was to be deleted than --max-delete let pass.

    The exit code says so only where nothing else happened: code 24 hides it, and so does 23.
    """
    return bool(_SKIPPED.search(errors))


def _has_ancestor(path: bytes, paths: set[bytes]) -> bool:
    end = path.rfind(b"/")
    while end > 0:
        if path[:end] in paths:
            return True
        end = path.rfind(b"/", 0, end)
    return False


def only_lacks_room_for_types(errors: bytes) -> bool:
    """Whether an exit code 23 says no more than that deletions were not allowed.

    Replacing a directory by a file deletes the directory's content first, so it must wait for the
    run that may delete. Any other complaint means that something could not be read or written.
    """
    return bool(_NO_WAY.search(errors)) and not complaints(errors)


def complaints(errors: bytes) -> tuple[bytes, ...]:
    """The lines that say more than that deletions were not allowed."""
    lines = (line.rstrip() for line in errors.split(b"\n"))
    return tuple(line for line in lines if not _HARMLESS.match(line))


def ways_blocked(errors: bytes) -> tuple[bytes, ...]:
    """Paths below the destination where a directory lies in the way of something else."""
    return tuple(unescaped(path).removeprefix(b"./") for path in _NO_WAY.findall(errors))


def only_unreadable(errors: bytes) -> bool:
    """Whether every complaint is that this side may not read something."""
    return all(_UNREADABLE.match(line) for line in errors.split(b"\n"))


def would_change(output: bytes) -> tuple[bytes, ...]:
    """Paths that a dry run would have written; what differs in its attributes alone is as it is."""
    return tuple(unescaped(path).rstrip(b"/") for path in _WOULD.findall(output))


def parse_version(output: bytes) -> tuple[int, int, int] | None:
    """The version that `rsync --version` prints; None where it is not rsync's."""
    found = _VERSION.search(output)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def parse_listing(output: bytes) -> tuple[tuple[bytes, bool], ...]:
    """Read a listing by --list-only with -8 and --no-human-readable: names, and if directories."""
    entries = []
    for line in output.split(b"\n"):
        found = _LISTED.match(line)
        if found and found[2] != b".":
            entries.append((unescaped(found[2]), found[1].startswith(b"d")))
    return tuple(entries)


def parse_file(line: bytes) -> tuple[bytes, int] | None:
    """Read one line of such a listing: path and bytes of a regular file; None: of anything else."""
    found = _FILE.fullmatch(line)
    return (unescaped(found[2]), int(found[1].replace(b",", b""))) if found else None


def parse_wanted(output: bytes) -> tuple[tuple[bytes, bool], ...] | None:
    """Read what `list_for_writer_command` prints: names, and if directories.

    None where the directory is not there, so that rsync would have made it.
    """
    if _CREATED.search(output):
        return None
    found = [(name.removesuffix(b"/"), name.endswith(b"/")) for name in _WANTED.findall(output)]
    found += [(name, True) for name in _NOT_EMPTY.findall(output)]
    return tuple((unescaped(name), directory) for name, directory in found)


def unescaped(name: bytes) -> bytes:
    r"""A name as rsync prints it, with its `\\#ooo` as the bytes that they stand for."""
    return _ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), name)
