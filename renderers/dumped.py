"""What a service needs that dumps a server, or a program: whom it reaches, what it sees and may."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from engine.plan.model import LegPlan, Plan
from policy.connect import Connect
from policy.secrets import SecretCommand
from policy.sources import CommandSource, DumpedSource, ServerKind, ServerSource, SqliteSource
from policy.urls import host_of
from policy.values import AbsolutePath, parse_absolute_path
from renderers.sandbox_paths import CERTIFICATES

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SOCKETS = {
    ServerKind.POSTGRESQL: parse_absolute_path("/run/postgresql"),
    ServerKind.MYSQL: parse_absolute_path("/run/mysqld"),
}
"""Where a server's socket lies whose manifest names neither a host nor a socket."""
# Which versions are installed, and which cluster has which port: Debian's pg_wrapper(1) looks.
_POSTGRESQL = (
    parse_absolute_path("/etc/postgresql"),
    parse_absolute_path("/etc/postgresql-common"),
)
OTHER_ACCOUNT = (
    "CAP_KILL",  # to end a client that runs as somebody else
    "CAP_SETGID",
    "CAP_SETUID",
)
"""What it takes to run a client as another account of this machine."""


class Reach(enum.Enum):
    """Where a server is."""

    SOCKET = "socket"
    LOOPBACK = "loopback"
    ELSEWHERE = "elsewhere"


def dumped_by(plan: Plan, leg: LegPlan) -> Iterator[DumpedSource]:
    """What a leg dumps."""
    for feed in leg.feeds:
        source = plan.source(feed.reads)
        if isinstance(source, DumpedSource):
            yield source


def reach_of(source: DumpedSource) -> Reach:
    """Where a client has to go."""
    if not isinstance(source, ServerSource):
        return Reach.SOCKET
    host = _host(source)
    if host is None:
        return Reach.SOCKET
    return Reach.LOOPBACK if host in _LOCAL else Reach.ELSEWHERE


def _host(source: ServerSource) -> str | None:
    one = source.connect
    url = one.endpoint or one.address
    if url is not None:
        return host_of(url)
    if one.host is None and one.socket is None and source.server is ServerKind.REDIS:
        return "127.0.0.1"  # redis-cli --help
    return one.host


def runs_anything(source: DumpedSource) -> bool:
    """Whether the administrator's own programs run, which may need all that root has."""
    if isinstance(source, ServerSource):
        return isinstance(source.connect.secret, SecretCommand)
    return isinstance(source, CommandSource)


def accounts(source: DumpedSource) -> bool:
    """Whether a client runs as another account."""
    return isinstance(source, ServerSource) and source.connect.account is not None


def seen_of(source: DumpedSource) -> Iterator[AbsolutePath]:
    """What of this machine is read to dump it."""
    if isinstance(source, SqliteSource):
        yield AbsolutePath(source.path.names[:-1])
    if isinstance(source, ServerSource):
        yield from source.connect.files
        yield from _socket(source.server, source.connect)
        if source.server is ServerKind.POSTGRESQL:
            yield from _POSTGRESQL
        if source.server in {ServerKind.ETCD, ServerKind.VAULT}:
            yield from CERTIFICATES


def _socket(kind: ServerKind, connect: Connect) -> Iterator[AbsolutePath]:
    """The directory of its socket: a server that starts anew makes another one there."""
    if connect.socket is not None:
        directory = kind is ServerKind.POSTGRESQL
        yield connect.socket if directory else AbsolutePath(connect.socket.names[:-1])
    elif connect.host is None and kind in _SOCKETS:
        yield _SOCKETS[kind]
