"""Drills of dumps: each comes back, is read to its end, and is held against its record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import make
from tests.integration.lab import write
from tests.integration.test_drill import World, rot
from tests.servers.etcd import Etcd
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.vault import VaultStandIn

pytestmark = pytest.mark.tool("rsync")
LEG = (
    '  dump: {{kind: dump, from: data, to: "disk:/d", schedule: "02:00",'
    " keep: {{last: 2}},{more}}}\n"
)


def world(folder: Path, source: str, more: str = " timeout: 1m") -> World:
    made = World(folder / "top", source=source, legs=LEG.format(more=more))
    made.run("dump")
    return made


def secret(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.touch(mode=0o600)
    path.write_text(text)
    return f"{{file: {path}}}"


def is_read_to_its_end(one: World, *names: str, databases: int) -> None:
    """It is good as it is; each file that is cut, or has another byte, is named."""
    found = one.good()
    assert (found.files, found.databases) == (len(names) + 1, databases)
    (dump,) = (one.top / "disk/d").glob("2*")
    for name in names:
        path = dump / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        named(one, name)
        path.write_bytes(whole)
        rot(path)
        named(one, name)
        path.write_bytes(whole)
    one.good()


def named(one: World, name: str) -> None:
    assert name.encode() in {fault.path for fault in one.bad().faults}


def test_of_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:
    postgresql.sql("CREATE DATABASE orders")
    postgresql.sql("CREATE TABLE t AS SELECT generate_series(1, 500) AS id", "orders")
    connect = (
        f"kind: postgresql, connect: {{host: {postgresql.host}, port: {postgresql.port},"
        f" user: postgres, password: {secret(tmp_path, postgresql.password)}}}"
    )
    one = world(tmp_path, connect, " per: database, timeout: 1m")
    names = ("orders.dump", "globals.sql.zst", "postgres.dump")
    is_read_to_its_end(one, *names, databases=3)


def test_of_mariadb(tmp_path: Path, mariadb: MariaDB, mariadb_database: str) -> None:
    mariadb.sql("CREATE TABLE t ENGINE=InnoDB SELECT seq FROM seq_1_to_500", mariadb_database)
    connect = (
        f"kind: mysql, connect: {{socket: {mariadb.socket}, user: root,"
        f" password: {secret(tmp_path, mariadb.password)}}}"
    )
    is_read_to_its_end(world(tmp_path, connect), "all.sql.zst", databases=1)


@pytest.mark.tool("redis-check-rdb")
def test_of_redis(tmp_path: Path, redis: Redis) -> None:
    redis.command("SET", "a", "value" * 99)
    connect = (
        f"kind: redis, connect: {{host: {redis.host}, port: {redis.port},"
        f" password: {secret(tmp_path, redis.password)}}}"
    )
    is_read_to_its_end(world(tmp_path, connect), "dump.rdb", databases=1)


def test_of_etcd(tmp_path: Path, etcd: Etcd) -> None:
    etcd.command("put", "a", "value" * 99)
    one = world(tmp_path, f"kind: etcd, connect: {{endpoint: {etcd.url}}}")
    is_read_to_its_end(one, "snapshot.db", databases=0)


def test_of_vault(tmp_path: Path, vault: VaultStandIn) -> None:
    token = secret(tmp_path, vault.token)
    one = world(tmp_path, f"kind: vault, connect: {{address: {vault.url}, token: {token}}}")
    is_read_to_its_end(one, "raft.snap", databases=1)


def test_of_what_is_no_server(tmp_path: Path) -> None:
    make(tmp_path / "data/app.db")
    one = world(tmp_path, f"kind: sqlite, path: {tmp_path}/data/app.db")
    is_read_to_its_end(one, "app.db", databases=1)
    printed = world(tmp_path / "b", "kind: command, run: [seq, '9000'], file: list.txt")
    is_read_to_its_end(printed, "list.txt", databases=0)


@pytest.mark.parametrize("sample", ["all", "1M"])
def test_of_what_lies_beside_a_database(tmp_path: Path, sample: str) -> None:
    make(tmp_path / "data/app.db")
    write(tmp_path / "data/files/a/b", "attached")
    source = f"kind: sqlite, path: {tmp_path}/data/app.db, with: [files]"
    legs = LEG.format(more=" timeout: 1m")
    one = World(tmp_path / "top", source=source, legs=legs, drill=f", sample: {sample}")
    one.run("dump")
    one.good()
    (dump,) = (one.top / "disk/d").glob("2*")
    rot(dump / "files/a/b")
    named(one, "files/a/b")


def test_what_came_back_is_loaded_where_the_drill_says_how(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """Into a database that is thrown away; what does not load is a fault like any other."""
    postgresql.sql("CREATE DATABASE orders")
    postgresql.sql("CREATE TABLE t AS SELECT generate_series(1, 500) AS id", "orders")
    server = f"host: {postgresql.host}, port: {postgresql.port}, user: postgres"
    password = secret(tmp_path, postgresql.password)
    script = tmp_path / "load"
    script.write_text(
        "#!/bin/sh -e\n"
        f"export PGHOST={postgresql.host} PGPORT={postgresql.port} PGUSER=postgres\n"
        f'export PGPASSWORD="$(cat {tmp_path}/secret)"\n'
        "psql -qc 'DROP DATABASE IF EXISTS thrown_away' -c 'CREATE DATABASE thrown_away'\n"
        'pg_restore --exit-on-error --dbname thrown_away "$1/orders.dump"\n'
        "rows=$(psql -Atc 'SELECT count(*) FROM t' thrown_away)\n"
        "test $rows = 500 || { echo rows >&2; exit 3; }\n"
    )
    script.chmod(0o755)
    made = World(
        tmp_path / "top",
        source=f"kind: postgresql, connect: {{{server}, password: {password}}}",
        legs=LEG.format(more=" per: database, timeout: 1m"),
        drill=f", sample: all, load: [{script}, '{{directory}}']",
    )
    made.run("dump")
    made.good()
    assert postgresql.sql("SELECT sum(id) FROM t", "thrown_away") == "125250"
    postgresql.sql("DELETE FROM t WHERE id > 400", "orders")
    made.run("dump")
    (fault,) = made.bad().faults
    assert fault.what == "loading it ended with 3: rows"
