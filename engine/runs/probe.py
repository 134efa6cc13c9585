"""The question that is asked of an SSH destination before a run, and how its answer is read.

It is one fixed script with the paths as its arguments, since each further command costs the start
of a login shell there. It needs POSIX `sh`, `find`, `df` and `printf`, so that a NAS answers too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.plan.left_plan import NAME as LEFT
from engine.reach.targets import Presence
from engine.rsync.output import parse_version

_LIST = (
    b'find "$d" ! -path "$d" -prune -type d -exec printf "%s\\0" {} + && printf "\\0" && '
    b'find "$d" ! -path "$d" -prune ! -type d -exec printf "%s\\0" {} + && printf "\\0"'
)
assert re.fullmatch(rb"[.a-z-]+", LEFT), "it stands in a script as it is"
ASK = (
    b"rsync --version 2>/dev/null | sed -n 1p; "
    b'if [ -d "$1" ]; then echo directory; elif [ -e "$1" ]; then echo other; '
    b"else echo missing; fi; "
    b'(cd "$1" && shift 2 && a=$1 && shift && n=0 && for d in "$@" "$a"; do n=$((n + 1)); '
    b'if [ -L "./$d" ]; then echo "astray $n"; break; fi; cd "./$d" || break; done) 2>/dev/null; '
    b'[ ! -f "$1/' + LEFT + b'" ] || echo left; '
    b'df -P -k "$1" 2>/dev/null | sed -n 2p; '
    b'if [ -d "$2" ]; then echo; echo present; cd "$2" && d=. && ' + _LIST + b"; "
    b'cd "$2/$3" 2>/dev/null && ' + _LIST + b'; elif [ -e "$2" ]; then :; '
    b"else echo; echo absent; fi"
)
"""$1 is the destination's root, $2 the directory of copies, $3 the folder of what is set aside.

The rest are the names from the root to the directory of copies: through a symlink, a level that is
told by its number, the copies would land somewhere else.
"""
ROOM = b'df -P -k "$1" | sed -n 2p'
"""$1 is a destination's root: the room there alone."""
MAKE = (
    b'cd "$1" && shift && for name; do '
    b'{ [ -d "./$name" ] || mkdir -m 700 "./$name"; } && cd "./$name" || exit 1; done'
)
"""$1 is a root that must be there; directories named by the rest are made below it, in a row."""
MAKE_WAY = MAKE.replace(
    b"for name; do ", b'for name; do if [ -L "./$name" ]; then echo astray; exit 3; fi; '
)
"""The same, but through no symlink: it leads somewhere else."""
assert MAKE_WAY != MAKE

FLUSH = b'sync -f "$1" 2>/dev/null || sync'
"""$1 lies on the file system that is to be on the disk; a smaller `sync` takes no path."""

LEAVE = (
    b'cd "$1" && umask 077 && [ ! -d "./$2" ] && m=$(stat -c %y . 2>/dev/null || :) && '
    b'rm -f "./$2.new" && set -C && '
    b'cat >"./$2.new" && { sync "./$2.new" 2>/dev/null || :; } && mv -f "./$2.new" "./$2" && '
    b'{ [ -z "$m" ] || touch -m -d "$m" . 2>/dev/null || :; }'
)
"""$1 is a root, $2 the name of a file in it that gets what comes in; no symlink is followed.

The root keeps its time, which may be that of the tree whose copy it is.
"""

RENAME = (
    b'r=$(cd -P "$1" && pwd -P && echo .) && r=${r%??} && cd -P "$r" || exit 1; r=${r%/}; '
    b'for d in "$2" "$4"; do p=$(cd -P "./$d" && pwd -P && echo .) || '
    b"{ echo missing; exit 3; }; p=${p%??}; "
    b'[ "${p%/}" = "$r${d:+/$d}" ] || { echo astray; exit 3; }; done; '
    b'o="./${2:+$2/}$3"; n="./${4:+$4/}$5"; '
    b'[ -e "$o" ] || [ -L "$o" ] || { echo missing; exit 3; }; '
    b'if [ -e "$n" ] || [ -L "$n" ]; then echo taken; exit 3; fi; '
    b'a=$(stat -c %d "$o") && b=$(stat -c %d "./$4") || { echo unable; exit 3; }; '
    b'[ "$a" = "$b" ] || { echo elsewhere; exit 3; }; '
    b'mv "$o" "$n" && echo renamed && { sync -f . 2>/dev/null || sync; }'
)
"""$1 is a root; $2 and $4 are directories below it that are there, $3 and $5 names in them.

`mv` copies from one file system to another one, so the devices are compared first. The dot keeps
a newline at the end of a name, which `$()` would drop.
"""
RENAMED = b"renamed"
REFUSALS = {
    b"astray": "a symlink is in the place of a directory on the way",
    b"missing": "it is not there any more",
    b"taken": "something lies there already, and nothing is overwritten",
    b"elsewhere": "it lies on another file system there, or in another subvolume",
    b"unable": "the other machine cannot say on which file system it lies (`stat -c`)",
}
"""What else it may answer, and what that means."""

_ROOM = re.compile(rb"\s[0-9]+\s+([0-9]+)\s+(-?[0-9]+)\s+[0-9]+%\s")
"""Blocks, used, free and share of `df -P`: names of file systems and places may hold spaces and
percent signs too. Free is less than nothing where root has filled what is kept for root."""
_ASTRAY = re.compile(rb"astray ([1-9][0-9]*)")
_PRESENCE = {
    b"directory": Presence.DIRECTORY,
    b"other": Presence.OTHER,
    b"missing": Presence.MISSING,
}
Entries = tuple[tuple[bytes, bool], ...]
"""Names, and whether they are directories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other side said."""

    rsync: tuple[int, int, int] | None
    root: Presence
    room: tuple[int, int] | None
    """Bytes free, and all that could be used."""
    target: bool
    """Whether the directory of copies is there."""
    entries: Entries
    set_aside: Entries
    left: bool = False
    """Whether the plan lies at the root that each success leaves there."""
    astray: int = 0
    """Which level below the root is a symlink, or one more for what is set aside; 0: none."""


def parse_answer(output: bytes) -> Answer | None:
    """Read the answer; None where something else than the script has answered."""
    head, blank, lists = output.partition(b"\n\n")
    lines = head.split(b"\n")
    at = next((index for index, line in enumerate(lines) if line in _PRESENCE), None)
    if not blank or at is None:
        return None
    told = lines[at + 1 :]
    level = _ASTRAY.fullmatch(told[0]) if told else None
    told = told[1:] if level else told
    left = told[:1] == [b"left"]
    told = told[1:] if left else told
    word, _, names = lists.partition(b"\n")
    groups = _groups(names)
    # What is there must have been listed: protection rests on knowing what lies at the top.
    if len(groups) not in {b"present": (2, 4), b"absent": (0,)}.get(word, ()):
        return None
    return Answer(
        rsync=parse_version(b"\n".join(lines[:at])),
        root=_PRESENCE[lines[at]],
        room=parse_room(b"\n".join(told[:1])),
        target=bool(groups),
        entries=_entries(groups[:2]),
        set_aside=_entries(groups[2:]),
        left=left,
        astray=int(level[1]) if level else 0,
    )


def speaks(output: bytes) -> bool:
    """Whether the script was run there at all, whether or not its answer can be read."""
    return any(line in _PRESENCE for line in output.split(b"\n"))


def greeting(output: bytes) -> bytes:
    """What the login shell there has printed by itself; empty where nothing, or no shell speaks."""
    before: list[bytes] = []
    for line in output.split(b"\n"):
        if line in _PRESENCE:
            said = before[:-1] if before and b"rsync" in before[-1] else before
            return next((one for one in said if one.strip()), b"")
        before.append(line)
    return b""


def _groups(lists: bytes) -> list[list[bytes]]:
    """Lists of names, each name and each list ended by a NUL."""
    groups: list[list[bytes]] = []
    names: list[bytes] = []
    for name in lists.split(b"\0")[:-1]:
        if name:
            names.append(name.removeprefix(b"./"))
        else:
            groups.append(names)
            names = []
    return groups


def _entries(groups: list[list[bytes]]) -> Entries:
    if not groups:
        return ()
    directories, others = groups
    return (*((name, True) for name in directories), *((name, False) for name in others))


def parse_room(line: bytes) -> tuple[int, int] | None:
    """Read the line of `df -P -k`: file system, blocks, used, free, share, place."""
    found = _ROOM.search(line)
    if found is None:
        return None
    used, free = int(found[1]), max(0, int(found[2]))
    return free * 1024, (used + free) * 1024
