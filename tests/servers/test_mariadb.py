"""MariaDB: who gets in by which way, and what a test finds."""

from __future__ import annotations

import pytest

from tests.servers.clients import Refused, ask
from tests.servers.mariadb import MariaDB


def test_its_socket_wants_a_password_too(mariadb: MariaDB) -> None:
    to = ("--no-defaults", f"--socket={mariadb.socket}", "--user=root")
    assert ask("mariadb", *to, "-e", "SELECT 1", MYSQL_PWD=mariadb.password) == "1\n1"
    with pytest.raises(Refused, match="Access denied"):
        ask("mariadb", *to, "-e", "SELECT 1")


def test_a_dump_by_a_user_that_may_only_read(mariadb: MariaDB, mariadb_database: str) -> None:
    mariadb.sql("CREATE USER reader@localhost IDENTIFIED BY 'x'")
    mariadb.sql("GRANT SELECT, SHOW VIEW, LOCK TABLES ON *.* TO reader@localhost")
    mariadb.sql("CREATE TABLE t AS SELECT 'café' AS v", mariadb_database)
    to = ("--no-defaults", f"--host={mariadb.host}", f"--port={mariadb.port}", "--user=reader")
    dump = ask("mariadb-dump", *to, mariadb_database, MYSQL_PWD="x")
    assert "VALUES\n('café');" in dump
    with pytest.raises(Refused, match="DROP command denied"):
        mariadb.sql("DROP TABLE t", mariadb_database, user="reader", password="x")


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_finds_nothing_of_another(mariadb: MariaDB, turn: int) -> None:
    databases = mariadb.sql("SHOW DATABASES").splitlines()
    assert databases == ["information_schema", "mysql", "performance_schema", "sys"]
    users = "SELECT User, Host FROM mysql.user WHERE User <> 'mariadb.sys'"
    assert mariadb.sql(users) == "root\tlocalhost"
    mariadb.sql("CREATE DATABASE `odd ``name`; CREATE USER `odd ``name`@`%`; CREATE ROLE keeper")
    if turn == 1:
        mariadb.kill()
