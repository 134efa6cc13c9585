"""What servers and their clients say of themselves."""

from __future__ import annotations

import json

import pytest

from engine.dumps.etcd import Etcd
from engine.dumps.mysql import Mysql
from engine.dumps.postgresql import Postgresql
from engine.dumps.redis import Redis
from engine.dumps.servers import ServerSeen, Unanswered, dotted, version_in
from engine.dumps.vault import Vault
from policy.connect import Connect

NOWHERE = Connect()
MARIADB_10 = "mariadb-dump  Ver 10.19 Distrib {}-MariaDB, for debian-linux-gnu (x86_64)"
MARIADB_11 = "mariadb-dump from {}-MariaDB, client 10.19 for debian-linux-gnu (x86_64)"
MYSQL_5 = "mysqldump  Ver 10.13 Distrib {}, for Linux (x86_64)"
MYSQL_8 = "mysqldump  Ver {} for Linux on x86_64 (MySQL Community Server - GPL)"
MYSQL_UBUNTU = "mysqldump  Ver {}-0ubuntu0.22.04.1 for Linux on x86_64 ((Ubuntu))"


def mysql(program: str, server: str, *more: str) -> ServerSeen:
    return Mysql(NOWHERE).seen((program + "\n", "\n".join((f"version\t{server}", *more)) + "\n"))


@pytest.mark.parametrize(
    ("program", "server", "older"),
    [
        (MARIADB_10.format("10.5.12"), "10.11.6-MariaDB-0+deb12u1", True),
        (MARIADB_10.format("10.11.6"), "10.11.6-MariaDB-0+deb12u1", False),
        (MARIADB_10.format("10.11.6"), "10.11.19-MariaDB", False),
        (MARIADB_10.format("10.11.6"), "10.5.12-MariaDB", False),
        (MARIADB_10.format("10.11.6"), "11.4.2-MariaDB", True),
        (MARIADB_11.format("11.4.2"), "11.4.2-MariaDB-ubu2404", False),
        (MARIADB_11.format("11.4.2"), "11.8.1-MariaDB", True),
        (MARIADB_11.format("11.4.2"), "10.11.6-MariaDB", False),
        (MYSQL_5.format("5.7.44"), "8.0.36", True),
        (MYSQL_5.format("5.7.44"), "5.7.44-log", False),
        (MYSQL_8.format("8.0.36"), "8.4.0", True),
        (MYSQL_8.format("8.4.0"), "8.0.36", False),
        (MYSQL_UBUNTU.format("8.0.36"), "8.0.36-0ubuntu0.22.04.1", False),
    ],
)
def test_law_19_which_client_is_older(program: str, server: str, older: bool) -> None:
    seen = mysql(program, server)
    assert seen.older is older
    assert seen.remarks == ()
    assert server in seen.server
    assert program in seen.client


@pytest.mark.parametrize(
    ("program", "server"),
    [(MARIADB_10.format("10.5.1"), "8.4.0"), (MYSQL_8.format("8.0.36"), "11.4.2-MariaDB")],
)
def test_clients_of_the_other_kind_are_noted(program: str, server: str) -> None:
    seen = mysql(program, server)
    assert not seen.older
    assert "the client is of " in seen.remarks[0]


def test_names_of_databases_come_as_digits() -> None:
    names = ["b", "new\nline\ttab", "grüße"]
    lines = [f"database\t{name.encode().hex().upper()}" for name in names]
    assert mysql(MYSQL_8.format("8.4.0"), "8.4.0", *lines).databases == tuple(sorted(names))
    for bad in ("zz", "FF"):
        with pytest.raises(Unanswered):
            mysql(MYSQL_8.format("8.4.0"), "8.4.0", f"database\t{bad}")


@pytest.mark.parametrize(("count", "said"), [("1", "1 table knows"), ("1200", "1,200 tables know")])
def test_tables_that_may_be_torn_are_counted(count: str, said: str) -> None:
    (remark,) = mysql(MYSQL_8.format("8.4.0"), "8.4.0", f"torn\t{count}").remarks
    assert remark.startswith(f"{said} no transactions")


def postgresql(program: str, **more: object) -> ServerSeen:
    answer = {"version": 150018, "text": "15.18", "identity": "7", "databases": ["b", "a"], **more}
    one = Postgresql(NOWHERE, per_database=True)
    return one.seen((program, json.dumps(answer)))


@pytest.mark.parametrize(
    ("program", "older"),
    [
        ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", False),
        ("pg_dump (PostgreSQL) 15.1\n", False),
        ("pg_dump (PostgreSQL) 14.22\n", True),
        ("pg_dump (PostgreSQL) 9.6.24\n", True),
        ("pg_dump (PostgreSQL) 17.2\n", False),
        ("pg_dump (PostgreSQL) 18beta1\n", False),
        ("pg_dump (PostgreSQL) 19devel\n", False),
    ],
)
def test_law_19_of_postgresql_the_first_number_counts(program: str, older: bool) -> None:
    assert postgresql(program).older is older


def test_what_a_cluster_says() -> None:
    seen = postgresql("pg_dump (PostgreSQL) 15.18\n")
    assert (seen.server, seen.identity) == ("PostgreSQL 15.18", "7")
    assert seen.databases == ("a", "b")
    assert postgresql("pg_dump (PostgreSQL) 15.18", databases=None).databases == ()
    assert not postgresql("pg_dump (PostgreSQL) 9.6.24", version=90624).older


@pytest.mark.parametrize("said", ["", "no json", "[]", "{}", '{"version": "x"}', "null"])
def test_no_answer_of_postgresql_is_told(said: str) -> None:
    with pytest.raises(Unanswered):
        Postgresql(NOWHERE, per_database=False).seen(("pg_dumpall (PostgreSQL) 15.1", said))
    with pytest.raises(Unanswered):
        postgresql("nothing that has a number")


def etcd(program: str, version: str) -> ServerSeen:
    status = {"version": version, "header": {"cluster_id": 14841639068965178418}}
    return Etcd(NOWHERE).seen((program, json.dumps([{"Endpoint": "e", "Status": status}])))


@pytest.mark.parametrize(
    ("client", "server", "older"),
    [("3.4.23", "3.4.30", False), ("3.3.11", "3.4.0", True), ("3.5.9", "3.4.23", False),
     ("3.5.9", "3.10.1", True)],
)  # fmt: skip
def test_law_19_of_etcd_two_numbers_count(client: str, server: str, older: bool) -> None:
    seen = etcd(f"etcdctl version: {client}\nAPI version: 3.4\n", server)
    assert seen.older is older
    assert seen.client == f"etcdctl version: {client}"
    assert seen.identity == "14841639068965178418"


@pytest.mark.parametrize("said", ["", "[]", "{}", '[{"Status": {}}]', "[1]"])
def test_no_answer_of_etcd_is_told(said: str) -> None:
    with pytest.raises(Unanswered):
        Etcd(NOWHERE).seen(("etcdctl version: 3.4.23", said))


def redis(program: str, version: str) -> ServerSeen:
    return Redis(NOWHERE).seen(
        (program, f"# Server\r\nredis_version:{version}\r\nredis_mode:x\r\n")
    )


@pytest.mark.parametrize(
    ("program", "version", "older"),
    [
        ("redis-check-rdb 7.0.15 (git:00000000)", "7.0.15", False),
        ("redis-check-rdb 7.0.15", "7.2.4", True),
        ("redis-check-rdb 7.2.4", "7.0.15", False),
        ("redis-check-rdb 6.2.14", "10.0.0", True),
    ],
)
def test_law_19_of_redis_two_numbers_count(program: str, version: str, older: bool) -> None:
    assert redis(program, version).older is older


def test_what_redis_answers_instead_is_told() -> None:
    for said in ("NOAUTH Authentication required.\n", "", "ERR unknown"):
        with pytest.raises(Unanswered, match=said.strip() or "no answer"):
            Redis(NOWHERE).seen(("redis-check-rdb 7.0.15", said))


def test_what_vault_says() -> None:
    seen = Vault(NOWHERE).seen(("1.15.6\ncluster\n",))
    assert (seen.server, seen.identity, seen.older) == ("Vault 1.15.6", "cluster", False)
    with pytest.raises(Unanswered):
        Vault(NOWHERE).seen(("\n",))


def test_versions_are_read_and_shown() -> None:
    assert version_in("a 15.1.2-x") == (15, 1, 2)
    assert version_in("17") == (17,)
    assert dotted((1, 2)) == "1.2"
