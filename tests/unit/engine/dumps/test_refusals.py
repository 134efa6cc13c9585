"""What is said where a server does not take a password: which one, and never its value."""

from __future__ import annotations

import pytest

from engine.dumps.refusals import with_cause
from policy.connect import Connect
from policy.secrets import Secret, SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.sources import ServerKind, ServerSource, SqliteSource
from policy.values import parse_absolute_path

FILE = SecretFile(path=parse_absolute_path("/etc/policyctl/secrets/shop"))
KNOWS_NONE = (
    "AUTH failed: ERR AUTH <password> called without any password configured for the default user."
)


def told(kind: ServerKind, said: str, password: Secret | None, user: str | None = None) -> str:
    connect = Connect(host="h", password=password, user=user)
    source = ServerSource(
        name="s", media=None, site=None, secret=False, server=kind, connect=connect
    )
    return with_cause(source, said)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ServerKind.REDIS, "AUTH failed: WRONGPASS invalid username-password pair"),
        (ServerKind.REDIS, "Warning: AUTH failed"),
        (ServerKind.REDIS, "ERR invalid password"),
        (ServerKind.POSTGRESQL, 'FATAL:  password authentication failed for user "postgres"'),
        (ServerKind.MYSQL, "Access denied for user 'a'@'localhost' (using password: YES)"),
        (ServerKind.ETCD, "etcdserver: authentication failed, invalid user ID or password"),
    ],
)
def test_a_password_that_is_refused_is_told_with_its_place(kind: ServerKind, said: str) -> None:
    place = "/etc/policyctl/secrets/shop"
    assert told(kind, said, FILE) == f"the server refuses the password from {place}: {said}"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ServerKind.REDIS, "NOAUTH Authentication required."),
        (ServerKind.POSTGRESQL, "fe_sendauth: no password supplied"),
        (ServerKind.MYSQL, "Access denied for user 'a'@'localhost' (using password: NO)"),
        (ServerKind.ETCD, "etcdserver: user name is empty"),
    ],
)
def test_where_none_is_named_that_is_told(kind: ServerKind, said: str) -> None:
    asks = "the server asks for a password, and `connect` names none"
    assert told(kind, said, None) == f"{asks}: {said}"


@pytest.mark.parametrize(
    ("password", "place"),
    [
        (FILE, "/etc/policyctl/secrets/shop"),
        (SecretCredential(name="shop"), "the credential shop"),
        (SecretVariable(name="SHOP"), "the variable SHOP"),
        (SecretCommand(run=("pass", "show", "shop")), "pass"),
    ],
)
def test_wherever_it_is_from(password: Secret, place: str) -> None:
    assert f"the password from {place}: " in told(ServerKind.REDIS, "WRONGPASS", password)


def test_a_redis_that_knows_no_password_asks_for_a_user() -> None:
    unnamed = told(ServerKind.REDIS, KNOWS_NONE, FILE)
    assert "no password of the user `default`, as `connect` names no `user`," in unnamed
    assert "no password of its user and refuses" in told(ServerKind.REDIS, KNOWS_NONE, FILE, "u")


def test_anything_else_stands_as_it_was_said() -> None:
    said = "could not connect to server: Connection refused"
    assert told(ServerKind.POSTGRESQL, said, FILE) == said
    assert told(ServerKind.MYSQL, "Access denied; you need PROCESS", FILE).startswith("Access")
    path = parse_absolute_path("/a.db")
    database = SqliteSource(name="s", media=None, site=None, secret=False, path=path)
    assert with_cause(database, "NOAUTH") == "NOAUTH"


@pytest.mark.parametrize("endpoint", ["https://h:2379", "http://h:2379"])
@pytest.mark.parametrize("own", [None, "/pki/client.crt"])
def test_etcd_hangs_up_on_who_shows_no_certificate_of_its_own(
    endpoint: str, own: str | None
) -> None:
    certificate = parse_absolute_path(own) if own is not None else None
    connect = Connect(endpoint=endpoint, certificate=certificate)
    source = ServerSource(
        name="s", media=None, site=None, secret=False, server=ServerKind.ETCD, connect=connect
    )
    said = with_cause(source, "transport: connection closed")
    assert said.endswith("transport: connection closed")
    asked = "does it want a certificate of its clients, "
    other = "another than /pki/client.crt? " if own else "one: `connect` names no `cert`? "
    assert said.startswith(asked + other) is endpoint.startswith("https:"), said
