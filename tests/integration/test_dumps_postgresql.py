"""`dump` legs of a real PostgreSQL: every row comes back, by what `restore` says to type."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from tests.integration.dumping import (
    House,
    age_key,
    file_records,
    holding,
    instead,
    killed_amid,
    secret,
    small_disk,
    typed,
    watched,
)
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import serving

pytestmark = pytest.mark.tool("pg_dump", "pg_dumpall", "pg_restore", "psql", "zstdcat")
ODD = ["a/b", "it's", "a=b", "new\nline", "-dash", 'qu"ote', "50%", "back\\slash", "globals"]
THREE = ODD[:3]


def named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def filled(server: PostgreSQL, *names: str, rows: int = 50) -> None:
    for name in names:
        server.sql(f"CREATE DATABASE {named(name)}")
        fill(server, name, rows)


def fill(server: PostgreSQL, name: str, rows: int = 50) -> None:
    server.sql(
        f"CREATE TABLE t AS SELECT n AS id, repeat(E'\\\\\\n\\t''é', n) AS v,"
        f" decode('00ff5c', 'hex') AS b FROM generate_series(1, {rows}) AS n;"
        "ALTER TABLE t ADD PRIMARY KEY (id); CREATE VIEW w AS SELECT count(*) FROM t;"
        'CREATE SCHEMA s; CREATE TABLE s."odd\nname" (i int);'
        "INSERT INTO s.\"odd\nname\" VALUES (7); SELECT lo_from_bytea(0, 'large');",
        database=connection(name),
    )


def connection(name: str) -> str:
    """A database for psql, whatever its name."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"


def rows(server: PostgreSQL, *names: str) -> list[str]:
    """All rows of databases, as one text each."""
    question = (
        "SELECT string_agg(t::text, E'\\n' ORDER BY id) FROM t; SELECT * FROM w;"
        ' SELECT * FROM s."odd\nname"; SELECT lo_get(oid) FROM pg_largeobject_metadata'
    )
    return [server.sql(question, connection(name)) for name in names]


def over_tcp(server: PostgreSQL, folder: Path) -> str:
    password = secret(folder, server.password)
    return (
        f"kind: postgresql, connect: {{host: {server.host}, port: {server.port},"
        f" user: {server.user}, password: {password}}}"
    )


@pytest.fixture
def house(tmp_path: Path, postgresql: PostgreSQL) -> House:
    return House(tmp_path, over_tcp(postgresql, tmp_path))


def test_a_cluster_that_is_destroyed_comes_back(house: House, postgresql: PostgreSQL) -> None:
    filled(postgresql, "orders", "a=b")
    postgresql.sql("CREATE ROLE clerk LOGIN PASSWORD 'pass'; ALTER DATABASE orders OWNER TO clerk")
    before = rows(postgresql, "orders", "a=b")
    house.good()
    assert house.names == ["all.sql.zst"]
    counted = {one.database: (one.tables, one.rows) for one in house.record.files[0].parts}
    assert counted["orders"] == counted["a=b"] == (2, 51)
    postgresql.sweep()
    told = house.load()
    assert 'role "postgres" already exists' in told
    assert rows(postgresql, "orders", "a=b") == before
    assert postgresql.sql("SELECT 1", "orders", user="clerk", password="pass") == "1"


def test_each_database_comes_back_over_what_has_become_of_it(
    house: House, postgresql: PostgreSQL
) -> None:
    house.options["per"] = "database"
    filled(postgresql, *THREE)
    postgresql.sql(
        "CREATE ROLE clerk LOGIN PASSWORD 'pass'; GRANT ALL ON DATABASE \"it's\" TO clerk"
    )
    before = rows(postgresql, *THREE)
    house.good()
    print(house.names)
    postgresql.sql("DROP TABLE t CASCADE", "it's")
    postgresql.sql('DROP DATABASE "a/b"')
    house.load()
    assert rows(postgresql, *THREE) == before


@pytest.mark.root
@pytest.mark.tool("runuser")
def test_the_clients_run_as_the_account_that_the_server_knows(
    house: House, postgresql: PostgreSQL
) -> None:
    house.source = (
        f"kind: postgresql, connect: {{socket: {postgresql.socket}, port: {postgresql.port},"
        f" user: {postgresql.user}, account: postgres}}"
    )
    house.options |= {"per": "database", "compress": "gzip"}
    filled(postgresql, "orders")
    before = rows(postgresql, "orders")
    house.good()
    assert house.names == ["globals.sql.gz", "orders.dump", "postgres.dump"]
    postgresql.sql("DROP TABLE t CASCADE", "orders")
    house.load()
    assert rows(postgresql, "orders") == before
    house.source = house.source.replace("account: postgres", "account: nobody")
    house.refused("it cannot be dumped: psql: error:")
    house.source = house.source.replace("account: nobody", "account: no-such-account")
    house.refused("this machine has no account 'no-such-account'")


def test_what_explain_shows_is_the_whole_command(
    house: House, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    house.options["per"] = "database"
    filled(postgresql, "orders")
    (line,) = (one for one in house.explain().splitlines() if "orders.dump" in one)
    command = line.partition("own archive format: ")[2]
    assert f" PGHOST={postgresql.host} PGPORT={postgresql.port} " in command
    typed(f"{command} > orders.dump", tmp_path, PGPASSWORD=postgresql.password)
    assert (tmp_path / "orders.dump").read_bytes().startswith(b"PGDMP")
    house.source = (
        f"kind: postgresql, connect: {{socket: {postgresql.socket}, port: {postgresql.port},"
        f" user: {postgresql.user}, account: postgres}}"
    )
    assert ": runuser -u postgres -- env PGAPPNAME=" in house.explain()


def test_any_name_of_a_database_is_a_file_of_its_own(house: House, postgresql: PostgreSQL) -> None:
    house.options |= {"per": "database"}
    for name in ODD:
        postgresql.sql(f"CREATE DATABASE {named(name)}")
        postgresql.sql("CREATE TABLE t AS SELECT 1 AS id", connection(name))
    house.good()
    record = house.record
    archives = {one.database: one for one in record.files if one.database}
    assert set(archives) == {*ODD, "postgres"}
    assert len({one.name for one in record.files}) == len(ODD) + 2
    assert [archives[name].parts[0].rows for name in ODD] == [1] * len(ODD)
    for file in record.files:
        assert b"/" not in file.name
        assert not file.name.startswith((b".", b"-"))
    # Whatever it is called, it comes back by its file, and by its name where that is one's alone.
    for name in ("a=b", "new\nline", "-dash", "globals"):
        postgresql.sql("DROP TABLE t", connection(name))
        house.load(f"shop:{archives[name].name.decode()}")
        assert postgresql.sql("SELECT id FROM t", connection(name)) == "1"
    for name in (one for one in ODD if one != "globals"):
        postgresql.sql("DROP TABLE t", connection(name))
        house.load(f"shop:{name}")
        assert postgresql.sql("SELECT id FROM t", connection(name)) == "1"
    both = house.ask_back("shop:globals")
    assert both.code == 5
    assert "may be shop:%67lobals.dump or shop:globals.sql.zst: type which" in both.err
    none = house.ask_back("shop:gone")
    assert none.code == 5
    assert "what is there is %2Ddash.dump, %67lobals.dump, " in none.err
    assert not (house.top / "restored-from-disk").exists()


def test_a_database_is_found_however_its_file_was_kept_then(
    house: House, postgresql: PostgreSQL
) -> None:
    house.options["per"] = "database"
    filled(postgresql, "orders", "other")
    house.good()
    first = house.generations[-1].name
    postgresql.sql("DROP DATABASE orders")
    house.good(Waiver.SMALLER_SOURCE)
    # Not the newest dump holds it, and it is found in the one that does.
    done = house.ask_back("shop:orders", "--explain")
    assert f"takes     disk:{first}: " in done.out, done.err
    del house.options["per"]
    house.run(Waiver.SMALLER_SOURCE)
    none = house.ask_back("shop:nobody")
    assert "; all.sql.zst of dump holds all databases of the server: " in none.err


@pytest.mark.tool("age", "age-keygen")
def test_each_leg_and_each_dump_is_asked_by_its_own_names(
    house: House, postgresql: PostgreSQL
) -> None:
    """In one dump another database was like it, and one leg encrypts: three names of one thing."""
    key = house.top / "key"
    house.options["per"] = "database"
    house.more = (
        "shut: {kind: dump, from: shop, to: disk:/shut, per: database, schedule: '02:00', "
        f"keep: {{last: 2}}, encrypt: {{age: [{age_key(key)}]}}}}\n"
    )
    filled(postgresql, "orders", "Orders")
    before = rows(postgresql, "Orders")
    both = house.good()
    postgresql.sql("DROP DATABASE orders")
    alone = house.good(Waiver.SMALLER_SOURCE)
    assert house.run(leg="shut").status.succeeded
    found = house.ask_back("shop:Orders", "--list", "--json").json["versions"]
    digest = next(one.name.decode() for one in file_records(both) if one.database == "Orders")
    assert [(Path(one["path"]).name, one["leg"]) for one in found] == [
        ("Orders.dump.age", "shut"), ("Orders.dump", "dump"), (digest, "dump")
    ]  # fmt: skip
    told = house.ask_back("shop:Orders", "--explain").out
    assert f"which dump has made, is in the clear: --from disk:{alone.name}\n" in told
    for more in (
        ("--identity", str(key)), ("--from", "dump"), ("--from", f"disk:{both.name}"),
    ):  # fmt: skip
        postgresql.sql('DROP DATABASE "Orders"')
        house.load("shop:Orders", *more)
        assert rows(postgresql, "Orders") == before
    path = alone / "Orders.dump"
    path.write_bytes(path.read_bytes()[:-9])
    damaged = house.ask_back("shop:Orders", "--from", f"disk:{alone.name}", "--to", "damaged")
    assert damaged.code == 6
    assert "the next best: `policyctl restore shop:Orders " in damaged.err
    assert "to load it" not in damaged.out


def test_a_server_that_dies_amid_a_dump_leaves_the_older_ones(
    tmp_path: Path, house: House, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(postgresql, "orders")
    postgresql.sql(
        "CREATE TABLE big AS SELECT md5(n::text) || md5((-n)::text)"
        " FROM generate_series(1, 60000) AS n",
        "orders",
    )
    house.options["compress"] = "none"
    first = house.good()
    with killed_amid(postgresql, monkeypatch, tmp_path, "pg_dumpall"):
        house.refused('pg_dumpall: error: pg_dump failed on database "orders"')
    assert house.generations == [first]
    house.refused("it cannot be dumped: ")
    postgresql.start()
    (tmp_path / "bin/pg_dumpall").unlink()
    house.good()


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_a_full_disk_fails_the_run_and_gets_its_room_back(
    house: House, postgresql: PostgreSQL
) -> None:
    filled(postgresql, "orders")
    with small_disk(house, "4m"):
        first = house.good()
        used = os.statvfs(house.disk).f_bfree
        postgresql.sql(
            "CREATE TABLE big AS SELECT md5(n::text) || md5((-n)::text) || md5((n * 7)::text)"
            " FROM generate_series(1, 150000) AS n",
            "orders",
        )
        report = house.refused("all.sql.zst cannot be written: No space left on device")
        assert report.status is RunStatus.FAILED
        assert house.generations == [first]
        assert os.statvfs(house.disk).f_bfree == used
        house.options["per"] = "database"
        house.refused("orders.dump cannot be written: No space left on device")
        assert os.statvfs(house.disk).f_bfree == used


def test_what_the_server_refuses_is_told_in_its_words(
    tmp_path: Path, house: House, postgresql: PostgreSQL
) -> None:
    secret(tmp_path, "wrong")
    report = house.refused('password authentication failed for user "postgres"')
    assert f"the server refuses the password from {tmp_path}/secret: " in report.reason
    (tmp_path / "secret").unlink()
    house.refused(f"{tmp_path}/secret: No such file or directory")
    postgresql.sql("CREATE ROLE clerk LOGIN PASSWORD 'pass'")
    house.source = house.source.replace("user: postgres", "user: clerk")
    secret(tmp_path, "pass")
    house.refused("permission denied for table pg_authid")


def test_law_19_a_client_older_than_its_server_is_refused_with_both_versions(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tells(version: str) -> None:
        said = f'case "$*" in *--version*) echo "pg_dumpall (PostgreSQL) {version}";;'
        instead(monkeypatch, tmp_path, "pg_dumpall", f'{said} *) real "$@";; esac')

    tells("9.6.24")
    report = house.refused("PostgreSQL 15.")
    assert "dumped by pg_dumpall (PostgreSQL) 9.6.24, which is older" in report.reason
    tells("15beta1")
    house.run()
    tells("17.2")
    assert house.run(Waiver.SMALLER_SOURCE).status is RunStatus.OK


def test_law_24_another_server_at_the_same_address_is_told(
    tmp_path: Path, house: House, postgresql: PostgreSQL
) -> None:
    filled(postgresql, "orders")
    here = house.source
    with serving(PostgreSQL) as other:
        filled(other, "orders")
        house.source = over_tcp(other, tmp_path)
        first = house.good()
    house.source, house.keep = here, "last: 1"
    secret(tmp_path, postgresql.password)
    for _ in range(2):
        report = house.degraded("another server answers than the one whose dump was verified last")
        assert "--allow other-server" in report.reason
        assert first in house.generations
    house.good(Waiver.OTHER_SERVER)
    house.good()
    assert first not in house.generations


def test_law_35_one_database_that_fails_harms_no_other(
    tmp_path: Path, house: House, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E15: a dump that fails, one that is cut, and one of which there is the header only."""
    house.options["per"], house.keep = "database", "last: 1"
    filled(postgresql, "cut", "fails", "fine", "header", "killed")
    first = house.good()
    instead(
        monkeypatch,
        tmp_path,
        "pg_dump",
        "case \"$*\" in *\\'fails\\'*) echo no such luck >&2; exit 1;;"
        " *\\'cut\\'*) real \"$@\" | head -c 2000; exit 0;;"
        " *\\'killed\\'*) kill -9 $$;;"
        ' *\\\'header\\\'*) real "$@" | head -c 11; exit 0;; *) real "$@";; esac',
    )
    for night in (1, 2):
        report = house.degraded("not all of it could be dumped, and nothing older goes")
        assert "fails.dump: no such luck" in report.reason
        assert "cut.dump: pg_restore cannot read it: " in report.reason
        assert "header.dump: pg_restore cannot read it: " in report.reason
        assert "killed.dump: it ended with -9" in report.reason
        assert house.names == ["fine.dump", "globals.sql.zst", "postgres.dump"]
        assert len(house.generations) == night + 1
        assert first in house.generations
    monkeypatch.undo()
    house.good()
    assert first not in house.generations


def test_law_22_the_password_is_nowhere(
    tmp_path: Path, house: House, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.options |= {"per": "database", "compress": "none"}
    filled(postgresql, "orders")
    seen = watched(monkeypatch, tmp_path, "psql", "pg_dump", "pg_dumpall", "pg_restore")
    house.good()
    assert postgresql.password not in house.explain()
    secret(tmp_path, postgresql.password + "x")
    assert postgresql.password not in house.refused("password authentication failed").reason
    assert b"--globals-only" in seen.read_bytes()
    canary = postgresql.password.split(":")[0]
    assert holding(canary, house.top / "state", house.disk) == []
    assert canary.encode() not in seen.read_bytes()
    _, commands = house.restore()
    assert canary not in "".join(commands)


def test_a_client_that_hangs_has_its_time(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.timeout = "2s"
    instead(
        monkeypatch,
        tmp_path,
        "pg_dumpall",
        'case "$1" in --version) real "$@";; *) echo; sleep 60;; esac',
    )
    assert house.refused("").status is RunStatus.TIMED_OUT


def test_what_a_run_would_do_is_shown_and_not_done(house: House, postgresql: PostgreSQL) -> None:
    filled(postgresql, "orders")
    house.options["per"] = "database"
    told = house.explain()
    assert "pg_dump --no-password --format=custom --dbname" in told
    assert "pg_dumpall --no-password --globals-only" in told
    assert "orders" in told
    assert house.generations == []


EVIL = (
    "x';\n$$;\nCREATE TABLE y (\n);\n-- Data for Name: y; Type: TABLE DATA\n"
    "COPY y FROM stdin;\n1\n2\n\\.\n/* \\"
)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("strings", ["on", "off"])
def test_no_text_of_a_tenant_changes_the_figures(
    house: House, postgresql: PostgreSQL, each: bool, strings: str
) -> None:
    house.options |= {"per": "database"} if each else {}
    filled(postgresql, "orders")
    postgresql.sql(f"ALTER DATABASE orders SET standard_conforming_strings = {strings}")
    text, name = "E'" + EVIL.replace("\\", "\\\\").replace("'", "\\'") + "'", named(EVIL[:50])
    postgresql.sql(
        f"SET standard_conforming_strings = on; SET check_function_bodies = off;"
        f"CREATE TABLE {name} (v text DEFAULT {text}, i int);"
        f"INSERT INTO {name} VALUES ({text}, 1), ({text}, 2);"
        f"COMMENT ON TABLE {name} IS {text}; COMMENT ON COLUMN {name}.v IS {text};"
        f"CREATE VIEW v AS SELECT {text} AS {name};"
        f"CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS {text};"
        f"CREATE FUNCTION g() RETURNS text BEGIN ATOMIC SELECT {text}; SELECT 'b'; END;"
        "CREATE FUNCTION h() RETURNS text LANGUAGE sql"
        " AS $_$ SELECT $$\n/*\nCREATE TABLE z (\n$$ $_$;"
        f"CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT {text}; SELECT 2)",
        "orders",
    )
    house.good()
    parts = [part for one in house.record.files for part in one.parts if part.database == "orders"]
    assert [(part.tables, part.rows) for part in parts] == [(3, 53)]
