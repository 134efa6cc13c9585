"""`dump` legs of servers that are reached by TLS alone: who is believed, and who is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.dumping import House, secret
from tests.servers.encrypted import (
    Authority,
    EncryptedEtcd,
    EncryptedMariaDB,
    EncryptedPostgreSQL,
    EncryptedRedis,
)
from tests.servers.mariadb import quoted
from tests.servers.process import serving

pytestmark = pytest.mark.tool("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.in_folder(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority, of the same name."""
    return Authority.in_folder(tmp_path_factory.mktemp("tls") / "stranger")


def refused_by(house: House, why: str, believed: Authority, instead: Authority) -> None:
    """A server that another authority vouches for is none, whatever it answers."""
    house.source = house.source.replace(str(believed.folder), str(instead.folder))
    said = house.refused("it cannot be dumped: ").reason
    assert why in said, said


@pytest.mark.tool("initdb", "pg_dump")
def test_postgresql(tmp_path: Path, authority: Authority, stranger: Authority) -> None:
    with serving(EncryptedPostgreSQL, authority=authority) as server:
        server.sql("CREATE TABLE t AS SELECT generate_series(1, 40) AS a")
        password = secret(tmp_path, server.password)
        reached = f"host: {server.host}, port: {server.port}, user: {server.user}"
        house = House(
            tmp_path,
            f"kind: postgresql, connect: {{{reached}, password: {password},"
            f" ca: {authority.certificate}}}",
        )
        house.good()
        assert sum(part.rows or 0 for file in house.record.files for part in file.parts) == 40
        assert "PGSSLMODE=verify-full" in "\n".join(house.restore()[1])
        refused_by(house, "certificate verify failed", authority, stranger)


@pytest.mark.tool("mariadbd", "mariadb-dump")
def test_mariadb(tmp_path: Path, authority: Authority, stranger: Authority) -> None:
    with serving(EncryptedMariaDB, authority=authority) as server:
        server.sql("CREATE DATABASE shop; CREATE TABLE shop.t AS SELECT 1 AS a")
        server.sql(
            f"CREATE USER admin@127.0.0.1 IDENTIFIED BY {quoted(server.password)} REQUIRE SSL;"
            "GRANT ALL ON *.* TO admin@127.0.0.1 WITH GRANT OPTION"
        )
        password = secret(tmp_path, server.password)
        reached = f"host: {server.host}, port: {server.port}, user: admin"
        house = House(
            tmp_path,
            f"kind: mysql, connect: {{{reached}, password: {password},"
            f" ca: {authority.certificate}}}",
        )
        house.good()
        refused_by(house, "certificate", authority, stranger)


@pytest.mark.tool("redis-server", "redis-cli", "redis-check-rdb")
def test_redis(tmp_path: Path, authority: Authority, stranger: Authority) -> None:
    with serving(EncryptedRedis, authority=authority) as server:
        server.command("SET", "a", "1")
        password = secret(tmp_path, server.backup_password)
        reached = f"host: {server.host}, port: {server.port}, user: {server.backup_user}"
        house = House(
            tmp_path,
            f"kind: redis, connect: {{{reached}, password: {password},"
            f" ca: {authority.certificate}}}",
        )
        house.good()
        assert house.record.files[0].parts[0].rows == 1
        refused_by(house, "certificate verify failed", authority, stranger)


@pytest.mark.tool("etcd", "etcdctl")
def test_etcd_that_wants_to_know_who_asks(
    tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    with serving(EncryptedEtcd, authority=authority) as server:
        server.command("put", "a", "1")
        certificate, key = authority.of("client")
        house = House(
            tmp_path,
            f"kind: etcd, connect: {{endpoint: {server.url}, ca: {authority.certificate},"
            f" cert: {certificate}, key: {key}}}",
        )
        house.good()
        assert house.names == ["snapshot.db"]
        known = house.source
        refused_by(house, "certificate", authority, stranger)
        for other in (
            known.replace(str(authority.folder / "client"), str(stranger.folder / "client")),
            known.replace(f", cert: {certificate}, key: {key}", ""),
        ):
            assert other != known
            house.source = other
            house.refused("does it want a certificate of its clients")
