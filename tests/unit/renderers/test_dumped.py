"""The service of a leg that dumps: whom it reaches, what it sees, and what it is handed."""

from __future__ import annotations

from typing import Any

import pytest

from policy.secrets import SecretFile
from policy.values import parse_absolute_path
from renderers.credentials import credentials_of
from renderers.dumped import OTHER_ACCOUNT
from renderers.sandbox import Network, Sandbox, Width, sandbox_of
from tests.strategies import compiled, manifest
from tests.unit.renderers.test_systemd_units import settings_of, units

KEY = {"file": "/etc/keys/db"}


def plan(source: dict[str, Any]) -> Any:
    dump = {"kind": "dump", "from": "it", "to": "disk:/it", "keep": {"last": 2}}
    dump |= {"schedule": "01:00"}
    return compiled(manifest(sources={"it": source}, legs={"dump": dump}, routes=None))[0].plan


def sandbox(source: dict[str, Any]) -> Sandbox:
    some = plan(source)
    return sandbox_of(some, some.legs[0])


def service(source: dict[str, Any]) -> dict[str, list[str]]:
    return settings_of(units(plan(source))["policyctl-dump.service"])


def of(kind: str, **connect: Any) -> dict[str, Any]:
    return {"kind": kind, "connect": connect}


@pytest.mark.parametrize(
    ("source", "network"),
    [
        (of("postgresql", socket="/run/postgresql"), Network.NONE),
        (of("postgresql", user="me"), Network.NONE),
        (of("postgresql", host="localhost"), Network.LOOPBACK),
        (of("mysql", host="127.0.0.1"), Network.LOOPBACK),
        (of("mysql", host="::1"), Network.LOOPBACK),
        (of("mysql", host="db.example.net"), Network.ANY),
        (of("redis", port=6380), Network.LOOPBACK),
        (of("redis", socket="/run/redis/redis.sock"), Network.NONE),
        (of("etcd", endpoint="https://127.0.0.1:2379"), Network.LOOPBACK),
        (of("etcd", endpoint="https://[::1]:2379"), Network.LOOPBACK),
        (of("vault", address="https://vault.example.net:8200"), Network.ANY),
        ({"kind": "sqlite", "path": "/srv/app/db.sqlite3"}, Network.NONE),
    ],
)
def test_it_reaches_its_server_and_nobody_else(source: dict[str, Any], network: Network) -> None:
    found = sandbox(source)
    assert found.network is network
    assert found.width is Width.CLOSED


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        (of("postgresql", socket="/run/pg"), ["/run/pg", "/etc/postgresql-common"]),
        (of("postgresql", user="me"), ["/run/postgresql"]),
        (of("mysql", user="me"), ["/run/mysqld"]),
        (of("mysql", socket="/run/my/sql.sock"), ["/run/my"]),
        (of("redis", socket="/run/redis/redis.sock"), ["/run/redis"]),
        (of("etcd", endpoint="https://e", ca="/pki/ca", cert="/pki/c", key="/pki/k"),
         ["/pki/ca", "/pki/c", "/pki/k"]),
    ],
)  # fmt: skip
def test_it_sees_what_it_needs_and_writes_the_copies_alone(
    source: dict[str, Any], paths: list[str]
) -> None:
    found = sandbox(source)
    assert {parse_absolute_path(one) for one in paths} <= set(found.shown)
    assert {str(one) for one in found.written} == {"/mnt/disk", "/var/lib/policyctl"}


def test_of_sqlite_the_folder_is_written_too() -> None:
    """It makes files beside its database."""
    found = sandbox({"kind": "sqlite", "path": "/srv/app/db.sqlite3"})
    assert parse_absolute_path("/srv/app") in found.written


def test_a_program_of_the_administrator_has_no_sandbox() -> None:
    assert sandbox({"kind": "command", "run": ["x"], "file": "f"}).width is Width.OPEN
    said = of("mysql", host="localhost", password={"command": ["pass", "db"]})
    assert sandbox(said).width is Width.OPEN


def test_another_account_takes_three_capabilities() -> None:
    plain = sandbox(of("postgresql", user="postgres"))
    other = sandbox(of("postgresql", user="postgres", account="postgres"))
    assert set(other.capabilities) - set(plain.capabilities) == set(OTHER_ACCOUNT)


def test_law_22_a_secret_is_handed_on_by_its_place_alone() -> None:
    name = SecretFile(path=parse_absolute_path("/etc/keys/db")).credential
    for source in (
        of("mysql", host="localhost", password=KEY),
        of("vault", address="https://v", token=KEY),
    ):
        assert service(source)["LoadCredential"] == [f"{name}:/etc/keys/db"]
    named = of("mysql", host="localhost", password={"credential": "db"})
    assert service(named)["LoadCredential"] == ["db"]
    for way in ({"variable": "PASS"}, {"command": ["pass"]}):
        assert "LoadCredential" not in service(of("mysql", host="localhost", password=way))
    assert list(credentials_of([None])) == []
