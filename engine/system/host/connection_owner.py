"""Whose process is at the other end of a connection from this machine to itself.

The kernel lists all connections with the user that each belongs to (proc(5), /proc/net/tcp). A
socket of IPv6 can reach an address of IPv4 as well, and stands in the other list then.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_MAPPED = "00000000" * 2 + f"{int.from_bytes(bytes((0, 0, 255, 255)), sys.byteorder):08X}"
"""Begins an address of IPv4 that is written as one of IPv6 (RFC 4291, 2.5.5.2)."""
Endpoint = tuple[str, int]
"""An address of IPv4 and a port."""


def owner_of(*, client: Endpoint, server: Endpoint, tables: Iterable[Path] = _TABLES) -> int | None:
    """The user that has the client's end; None where the kernel does not tell."""
    ends = set(product(_written(client), _written(server)))
    for table in tables:
        with suppress(OSError, ValueError, IndexError), table.open(encoding="ascii") as lines:
            found = _find(lines, ends)
            if found is not None:
                return found
    return None


def _find(lines: Iterable[str], ends: set[tuple[str, str]]) -> int | None:
    """The eighth field of the line with these ends: `sl local remote st queues tr when uid`."""
    for line in lines:
        fields = line.split()
        if tuple(fields[1:3]) in ends:
            return int(fields[7])
    return None


def _written(end: Endpoint) -> tuple[str, str]:
    """An end as the kernel writes it: each word of the address in the machine's order of bytes."""
    number = int.from_bytes(ipaddress.IPv4Address(end[0]).packed, sys.byteorder)
    short = f"{number:08X}:{end[1]:04X}"
    return short, _MAPPED + short
