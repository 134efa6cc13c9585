"""PostgreSQL: who gets in by which way, and what a test finds."""

from __future__ import annotations

import pytest

from tests.servers.clients import Refused, ask
from tests.servers.postgresql import PostgreSQL


@pytest.mark.root
def test_its_socket_opens_to_the_account_of_that_name(postgresql: PostgreSQL) -> None:
    def as_nobody(user: str) -> str:
        to = ("-h", postgresql.socket, "-p", str(postgresql.port), "-U", user, "-d", "postgres")
        psql = postgresql.binaries / "psql"
        return ask(psql, "-X", "-A", "-t", *to, "-c", "SELECT current_user", account="nobody")

    postgresql.sql("CREATE ROLE nobody LOGIN")
    assert as_nobody("nobody") == "nobody"
    with pytest.raises(Refused, match="Peer authentication failed"):
        as_nobody("postgres")


def test_a_dump_by_a_role_that_may_only_read(
    postgresql: PostgreSQL, postgresql_database: str
) -> None:
    postgresql.sql("CREATE ROLE reader LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    postgresql.sql("CREATE TABLE t AS SELECT 'café' AS v", postgresql_database)
    to = ("-h", postgresql.host, "-p", str(postgresql.port), "-U", "reader")
    dump = ask(postgresql.binaries / "pg_dump", *to, postgresql_database, PGPASSWORD="x")
    assert "\ncafé\n" in dump
    with pytest.raises(Refused, match="must be owner"):
        postgresql.sql("DROP TABLE t", postgresql_database, user="reader", password="x")


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_finds_nothing_of_another(postgresql: PostgreSQL, turn: int) -> None:
    databases = "SELECT datname FROM pg_database WHERE NOT datistemplate"
    assert postgresql.sql(databases) == "postgres"
    assert postgresql.sql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'") == "postgres"
    postgresql.sql('CREATE ROLE "odd ""name" LOGIN; CREATE DATABASE "Odd" OWNER "odd ""name"')
    postgresql.sql('GRANT CREATE ON SCHEMA public TO "odd ""name"')
    if turn == 1:
        postgresql.kill()


def test_an_error_ends_a_row_of_statements(postgresql: PostgreSQL) -> None:
    with pytest.raises(Refused, match='relation "none" does not exist'):
        postgresql.sql("SELECT * FROM none; CREATE DATABASE later")
    assert postgresql.sql("SELECT 1 FROM pg_database WHERE datname = 'later'") == ""
