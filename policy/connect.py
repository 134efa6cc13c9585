"""How a server is reached: nothing secret, only where secrets are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import NOWHERE
from policy.secrets import Secret, parse_secret
from policy.urls import check_no_secret, url_problem
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """How to reach a server; each kind of server knows some of it (the schema says which)."""

    host: str | None = None
    port: int | None = None
    socket: AbsolutePath | None = None
    """A Unix socket; of PostgreSQL its directory."""
    user: str | None = None
    account: str | None = field(default=None, metadata={"later": True})
    """The account of this machine that clients run as; None: the one that runs policyctl."""
    password: Secret | None = field(default=None, metadata={"later": True})
    token: Secret | None = field(default=None, metadata={"later": True})
    endpoint: str | None = None
    address: str | None = None
    authority: AbsolutePath | None = field(default=None, metadata={"later": True})
    """Certificates that are believed (`ca`)."""
    certificate: AbsolutePath | None = field(default=None, metadata={"later": True})
    """The client's own."""
    key: AbsolutePath | None = field(default=None, metadata={"later": True})
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    @property
    def secret(self) -> Secret | None:
        """What opens the server."""
        return self.password or self.token

    @property
    def files(self) -> Iterator[AbsolutePath]:
        """Certificates and keys."""
        for path in (self.authority, self.certificate, self.key):
            if path is not None:
                yield path


def parse_connect(fields: Fields) -> Connect:
    """Read `connect`."""
    if "host" in fields and "socket" in fields:
        message = "host or socket: a client takes one of them"
        fields.findings.error("bad-value", message, fields.origin("socket"))
    if "key" in fields and "cert" not in fields:
        message = "a key is for a client's certificate: name it as `cert`"
        fields.findings.error("bad-value", message, fields.origin("key"))
    for key in ("endpoint", "address"):
        hint = "write host and port alone, and name the password or token by where it is found"
        check_no_secret(fields, key, hint, bare=True)
    return Connect(
        host=fields.text("host"),
        port=fields.integer("port"),
        socket=fields.path("socket"),
        user=fields.text("user"),
        account=fields.text("account"),
        password=_secret(fields, "password"),
        token=_secret(fields, "token"),
        endpoint=fields.parsed("endpoint", _url),
        address=fields.parsed("address", _url),
        authority=fields.path("ca"),
        certificate=fields.path("cert"),
        key=fields.path("key"),
        origin=fields.mapping.origin,
    )


def _secret(fields: Fields, key: str) -> Secret | None:
    child = fields.child(key)
    return parse_secret(child) if child is not None else None


def _url(text: str) -> str:
    problem = url_problem(text)
    if problem or not text.startswith(("http://", "https://")):
        raise ValueError(f"the URL {problem or 'begins with neither http:// nor https://'}")
    return text
