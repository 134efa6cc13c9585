"""What a server has answered before it is dumped, and which programs are there to dump it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """A server that a leg dumps, as it is now."""

    problem: str = ""
    """Why it cannot be dumped, in a sentence; empty where it can be."""
    server: str = ""
    """Its product and version, for people."""
    client: str = ""
    """The same of the program that dumps it."""
    older: bool = False
    """Whether the program is older than the server: it may leave out what it does not know."""
    identity: str = ""
    """What tells it from every other server of its kind; empty where nothing does."""
    databases: tuple[str, ...] = ()
    """Those that it has and that a dump takes, sorted."""
    remarks: tuple[str, ...] = ()
    """What should be known of the dump before it is needed."""


class Unanswered(Exception):
    """What a program has said is no answer; the message says what is wrong."""


Version = tuple[int, ...]
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+|[0-9]{2,}")


def version_in(text: str) -> Version:
    """The first version number in a text. Raises `Unanswered`."""
    found = _VERSION.search(text)
    if found is None:
        raise Unanswered(f"no version is told: {text.strip()[:200] or 'nothing was said'}")
    return tuple(int(part) for part in found[0].split("."))


def dotted(version: Version) -> str:
    """A version for people."""
    return ".".join(map(str, version))
