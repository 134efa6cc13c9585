"""Database servers that listen, read from what `ss` prints. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PROGRAMS = {
    "postgres": "PostgreSQL",
    "mysqld": "MySQL",
    "mariadbd": "MariaDB",
    "redis-server": "Redis",
    "valkey-server": "Valkey",
    "etcd": "etcd",
    "vault": "Vault",
    "mongod": "MongoDB",
}
PORTS = {
    3306: "MySQL or MariaDB",
    5432: "PostgreSQL",
    6379: "Redis",
    2379: "etcd",
    8200: "Vault",
    27017: "MongoDB",
}
"""Where the program is not told, as it is to nobody but root, its usual port says what it is."""
FOLDERS = {
    b"/var/lib/postgresql": "PostgreSQL",
    b"/var/lib/mysql": "MySQL or MariaDB",
    b"/var/lib/redis": "Redis",
    b"/var/lib/etcd": "etcd",
    b"/var/lib/mongodb": "MongoDB",
    b"/var/lib/influxdb": "InfluxDB",
}
"""Where servers keep their data."""
_PROCESS = re.compile(r'users:\(\("([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A server, and what shows that it is there."""

    server: str
    where: str
    """`127.0.0.1:5432`, or the directory of its data."""


def listening_in(answer: str) -> tuple[Listening, ...]:
    """Read `ss --no-header --listening --tcp --numeric --processes`; each server once."""
    found: dict[str, Listening] = {}
    for line in answer.splitlines():
        for one in _in_line(line):
            found.setdefault(one.server, one)
    return tuple(found[server] for server in sorted(found))


def _in_line(line: str) -> Iterator[Listening]:
    words = line.split()
    if len(words) < 5 or words[0] != "LISTEN":
        return
    where = words[3]
    port = where.rpartition(":")[2]
    told = _PROCESS.search(line)
    server = PROGRAMS.get(told[1]) if told is not None else None
    if server is None and told is None and port.isascii() and port.isdigit() and len(port) <= 5:
        server = PORTS.get(int(port))
    if server is not None:
        yield Listening(server=server, where=where)
