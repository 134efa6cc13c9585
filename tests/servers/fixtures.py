"""The servers as fixtures; a test is skipped, with the reason, where one is not installed.

PostgreSQL and MariaDB are started once by each worker that needs them, and a test finds them
without what others have made. The rest starts quickly, so that a test has its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.etcd import Etcd
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import Kind, serving
from tests.servers.programs import missing
from tests.servers.redis import Redis
from tests.servers.vault import VaultStandIn


def served(kind: type[Kind], **settings: Any) -> Iterator[Kind]:
    """A server for as long as a fixture lives."""
    lacking = missing(*kind.programs)
    if lacking:
        pytest.skip(f"{lacking[0]} is not installed (tools/setup test)")
    with serving(kind, **settings) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_of_worker() -> Iterator[PostgreSQL]:
    """The one that a worker's tests share; they ask for `postgresql`."""
    yield from served(PostgreSQL)


@pytest.fixture(scope="session")
def mariadb_of_worker() -> Iterator[MariaDB]:
    """The one that a worker's tests share; they ask for `mariadb`."""
    yield from served(MariaDB)


@pytest.fixture
def postgresql(postgresql_of_worker: PostgreSQL) -> PostgreSQL:
    """A PostgreSQL that runs, without databases and roles of other tests."""
    if not postgresql_of_worker.running:
        postgresql_of_worker.start()
    postgresql_of_worker.sweep()
    return postgresql_of_worker


@pytest.fixture
def mariadb(mariadb_of_worker: MariaDB) -> MariaDB:
    """A MariaDB that runs, without databases and users of other tests."""
    if not mariadb_of_worker.running:
        mariadb_of_worker.start()
    mariadb_of_worker.sweep()
    return mariadb_of_worker


@pytest.fixture
def postgresql_database(postgresql: PostgreSQL) -> str:
    """The name of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    postgresql.sql(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def mariadb_database(mariadb: MariaDB) -> str:
    """The name of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    mariadb.sql(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of the test's own, empty."""
    yield from served(Redis)


@pytest.fixture
def etcd() -> Iterator[Etcd]:
    """An etcd of the test's own, empty, which asks nobody for a password."""
    yield from served(Etcd)


@pytest.fixture
def etcd_that_asks() -> Iterator[Etcd]:
    """One that asks for a password."""
    yield from served(Etcd, asks=True)


@pytest.fixture
def vault() -> Iterator[VaultStandIn]:
    """A stand-in for Vault of the test's own."""
    yield from served(VaultStandIn)
