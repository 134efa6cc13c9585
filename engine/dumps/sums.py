"""The list of sums beside the record of a dump: a line for each file in a folder of it. Pure.

Its form is that of sha256sum(1), so that whoever has nothing else holds files against it with
`sha256sum --check`. It may have millions of lines: nobody holds all of them at once.
"""

from __future__ import annotations

import re

from policy.sources import SUMS

NAME = SUMS.encode()
LONGEST = 1 << 20
"""Bytes of a line: no path that anybody made on purpose is longer."""
Names = tuple[bytes, ...]
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)\n", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PLAIN = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_NO_NAMES = frozenset({b"", b".", b".."})


class NoLine(ValueError):
    """What stands there is no line of such a list."""


def line_of(names: Names, digest: str) -> bytes:
    """The line of one file."""
    path = b"/".join(names)
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%s%s  %s\n" % (b"\\" if escaped != path else b"", digest.encode(), escaped)


def parse_line(line: bytes) -> tuple[Names, str]:
    """The names of a file below the dump, and its sum. Raises `NoLine`.

    A list may be anybody's by now: no name leads out of the dump.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        raise NoLine("no sum and path")
    escaped, digest, path = found.groups()
    if escaped:
        path = _ESCAPED.sub(_unescaped, path)
    names = tuple(path.split(b"/"))
    if _NO_NAMES & set(names) or b"\0" in path:
        raise NoLine("no path below a dump")
    return names, digest.decode()


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1] not in _PLAIN:
        raise NoLine("a backslash before nothing that needs it")
    return _PLAIN[found[1]]
