"""Why a server lets a client in or not, as far as what it said tells. Pure.

The place of a password is told, and never the password (law 22).
"""

from __future__ import annotations

import re

from policy.connect import Connect
from policy.secrets import place_of
from policy.sources import DumpedSource, ServerKind, ServerSource

_REFUSED = {
    ServerKind.POSTGRESQL: re.compile("password authentication failed"),
    ServerKind.MYSQL: re.compile(r"\(using password: YES\)"),
    ServerKind.REDIS: re.compile("WRONGPASS|invalid password|AUTH failed"),
    ServerKind.ETCD: re.compile("invalid user ID or password"),
}
"""How each says that a password is not the right one."""
_ASKED = {
    ServerKind.POSTGRESQL: re.compile("no password supplied"),
    ServerKind.MYSQL: re.compile(r"\(using password: NO\)"),
    ServerKind.REDIS: re.compile("NOAUTH"),
    ServerKind.ETCD: re.compile("user name is empty"),
}
"""How each says that it was given none."""
_HUNG_UP = re.compile(
    "connection closed|closed network connection|connection reset|broken pipe|EOF|"
    "bad certificate|certificate required"
)
"""How etcd's client says that a server which wants another certificate, or any, has hung up."""
_KNOWS_NONE = "without any password configured"
"""How Redis says that its user needs no password (AUTH)."""


def with_cause(source: DumpedSource, said: str) -> str:
    """What a server said, after what that means where it is about a password or certificate."""
    if not isinstance(source, ServerSource):
        return said
    cause = _cause(source.server, source.connect, said)
    end = "" if cause.endswith("?") else ":"
    return f"{cause}{end} {said}" if cause else said


def _is_hung_up(connect: Connect, said: str) -> bool:
    return (connect.endpoint or "").startswith("https:") and bool(_HUNG_UP.search(said))


def _cause(server: ServerKind, connect: Connect, said: str) -> str:
    if server is ServerKind.ETCD and _is_hung_up(connect, said):
        own = connect.certificate
        other = f"another than {own}" if own is not None else "one: `connect` names no `cert`"
        return f"does it want a certificate of its clients, {other}?"
    if connect.password is None:
        asks = server in _ASKED and _ASKED[server].search(said)
        return "the server asks for a password, and `connect` names none" if asks else ""
    where = place_of(connect.password)
    if server is ServerKind.REDIS and _KNOWS_NONE in said:
        user = "its user" if connect.user else "the user `default`, as `connect` names no `user`,"
        return f"the server knows no password of {user} and refuses the one from {where}"
    if server in _REFUSED and _REFUSED[server].search(said):
        return f"the server refuses the password from {where}"
    return ""
