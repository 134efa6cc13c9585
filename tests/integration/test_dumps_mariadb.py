"""`dump` legs of a real MariaDB: all of it comes back, and what is doubtful is told each night."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.generations.names import Standing
from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from tests.integration.dumping import (
    House,
    holding,
    instead,
    killed_amid,
    secret,
    small_disk,
    typed,
    watched,
)
from tests.servers.mariadb import MariaDB, named, quoted

pytestmark = pytest.mark.tool("mariadb", "mariadb-dump", "mysql", "zstdcat")
ODD = ["a/b", "it's", 'qu"ote', "new\nline", "-dash", "50%", "grüße", "a=b", "in ner", ".hidden",
       "back\\slash", "x" * 64, "$(id)", "back`tick", "all", "globals", "..", "ＡＢ"]  # fmt: skip
FILL = """\
CREATE TABLE t (id INT PRIMARY KEY, v TEXT, b BLOB) ENGINE=InnoDB;
INSERT INTO t SELECT seq, CONCAT(REPEAT('(', seq), '\\'\\\\\\n);é', seq), UNHEX('00FF5C27')
    FROM seq_1_to_{rows};
CREATE VIEW w AS SELECT COUNT(*) FROM t;
CREATE TABLE empty (id INT) ENGINE=InnoDB;
DELIMITER //
CREATE PROCEDURE p()
BEGIN
INSERT INTO t VALUES
(1000, 'new', '');
END //
"""


def filled(server: MariaDB, *names: str, rows: int = 50) -> None:
    for name in names:
        server.sql(f"CREATE DATABASE {named(name)} CHARACTER SET utf8mb4")
        server.sql(FILL.format(rows=rows), name)


def rows(server: MariaDB, *names: str) -> list[str]:
    question = "SELECT id, HEX(v), HEX(b) FROM t ORDER BY id; SELECT * FROM w; SHOW TABLES"
    return [server.sql(question, name) for name in names]


def over_tcp(server: MariaDB, folder: Path) -> str:
    """Its administrator comes by the socket alone; another one may come from anywhere."""
    server.sql(
        f"CREATE USER admin@127.0.0.1 IDENTIFIED BY {quoted(server.password)};"
        "GRANT ALL ON *.* TO admin@127.0.0.1 WITH GRANT OPTION"
    )
    password = secret(folder, server.password)
    return (
        f"kind: mysql, connect: {{host: {server.host}, port: {server.port}, user: admin,"
        f" password: {password}}}"
    )


@pytest.fixture
def house(tmp_path: Path, mariadb: MariaDB) -> House:
    password = secret(tmp_path, mariadb.password)
    return House(
        tmp_path,
        f"kind: mysql, connect: {{socket: {mariadb.socket}, user: root, password: {password}}}",
    )


def test_all_databases_come_back_with_the_accounts(
    tmp_path: Path, house: House, mariadb: MariaDB
) -> None:
    house.source = over_tcp(mariadb, tmp_path)
    filled(mariadb, "orders", "back`tick")
    mariadb.sql(
        "CREATE USER clerk@127.0.0.1 IDENTIFIED BY 'pass'; GRANT ALL ON orders.* TO clerk@127.0.0.1"
    )
    before = rows(mariadb, "orders", "back`tick")
    house.good()
    assert house.names == ["all.sql.zst"]
    counted = {one.database: (one.tables, one.rows) for one in house.record.files[0].parts}
    assert counted["orders"] == counted["back`tick"] == (2, 50)
    mariadb.sql("DROP DATABASE orders; DROP DATABASE `back``tick`; DROP USER clerk@127.0.0.1")
    house.load()
    assert rows(mariadb, "orders", "back`tick") == before
    mariadb.sql("FLUSH PRIVILEGES; CALL orders.p()")
    assert mariadb.sql("SELECT COUNT(*) FROM orders.t", user="clerk", password="pass") == "51"


def test_each_database_comes_back_by_itself(house: House, mariadb: MariaDB) -> None:
    house.options |= {"per": "database", "compress": "gzip"}
    filled(mariadb, "all", "a/b", "-dash")
    before = rows(mariadb, "all", "a/b", "-dash")
    house.good()
    for name in ("all", "a/b", "-dash"):
        mariadb.sql(f"DROP DATABASE {named(name)}; CREATE DATABASE {named(name)}")
    house.load()
    assert rows(mariadb, "all", "a/b", "-dash") == before


def test_two_hundred_databases_with_any_names(house: House, mariadb: MariaDB) -> None:
    house.options |= {"per": "database", "compress": "none"}
    names = [*ODD, *(f"many {number}/{number}" for number in range(200 - len(ODD)))]
    mariadb.sql(
        "\n".join(
            f"CREATE DATABASE {named(name)}; CREATE TABLE {named(name)}.t SELECT 1 AS id;"
            for name in names
        )
    )
    house.timeout = "5m"
    house.good()
    files = {one.database: one for one in house.record.files}
    assert set(files) == set(names)
    assert len({one.name for one in files.values()}) == 200
    assert {one.parts[0].rows for one in files.values()} == {1}
    folder, commands = house.restore()
    assert len(commands) < 200
    assert len(list(folder.iterdir())) == 201
    for name in ("it's", "new\nline", "-dash", "back`tick", "all", "..", "$(id)"):
        mariadb.sql(f"DROP TABLE {named(name)}.t")
        house.load(f"shop:{files[name].name.decode()}")
        assert mariadb.sql(f"SELECT id FROM {named(name)}.t") == "1"


def test_law_18_a_database_that_lost_its_rows_is_told_until_it_is_allowed(
    house: House, mariadb: MariaDB
) -> None:
    house.options["per"] = "database"
    house.keep = "last: 1"
    filled(mariadb, "orders", "other")
    house.good()
    first = house.good()
    mariadb.sql("DELETE FROM orders.t")
    for night in (1, 2, 3):
        report = house.degraded("orders has 0 rows, and had 50: nothing older goes")
        assert "--allow smaller-source" in report.reason
        assert len(house.generations) == night + 1
        assert first in house.generations
    assert house.known() == [Standing.VERIFIED, *[Standing.COMPLETE] * 3]
    house.good(Waiver.SMALLER_SOURCE)
    house.good()
    for _ in range(2):
        house.good()
    assert first not in house.generations
    assert set(house.known()) == {Standing.VERIFIED}


def test_law_18_what_its_run_has_told_is_not_what_a_restore_takes(
    house: House, mariadb: MariaDB
) -> None:
    """The newest dump of a server that has lost its data is the last one that is wanted."""
    house.options["per"] = "database"
    filled(mariadb, "orders", "other")
    before = rows(mariadb, "orders", "other")
    house.good()
    mariadb.sql("DELETE FROM orders.t")
    house.degraded("orders has 0 rows, and had 50")
    told = house.ask_back("shop:", "--list").out
    assert "its own run has said of it: orders has 0 rows, and had 50" in told
    house.load()
    assert rows(mariadb, "orders", "other") == before
    newest = house.generations[-1].name
    named_one = house.ask_back("shop:", "--from", f"disk:{newest}", "--explain")
    assert "note      its own run has said of it: orders has 0 rows" in named_one.out


def test_law_18_a_database_that_is_gone_is_told(house: House, mariadb: MariaDB) -> None:
    for options in ({}, {"per": "database"}):
        mariadb.sweep()
        house.options = dict(options)
        house.keep = "last: 9"
        filled(mariadb, "orders", "other")
        house.run(Waiver.SMALLER_SOURCE)
        mariadb.sql("DROP DATABASE orders")
        said = "orders.sql.zst" if options else "the database orders"
        house.degraded(f"{said} is not in it any more: nothing older goes")
        house.good(Waiver.SMALLER_SOURCE)
        house.good()


def test_law_18_what_was_empty_from_the_first_is_told_until_it_is_allowed(
    house: House, mariadb: MariaDB
) -> None:
    house.options["per"] = "database"
    mariadb.sql("CREATE DATABASE fresh; CREATE TABLE fresh.t (id INT)")
    for _ in range(3):
        house.degraded("not one row is in it: nothing older goes")
    house.good(Waiver.SMALLER_SOURCE)
    house.good()


def test_without_any_database_there_is_nothing_to_dump(house: House) -> None:
    house.options["per"] = "database"
    house.refused("there is nothing to dump")


def test_a_content_that_stands_still_is_told_until_it_is_said_to_be_right(
    house: House, mariadb: MariaDB
) -> None:
    house.options |= {"changes_within": "2d", "per": "database"}
    filled(mariadb, "orders", "other")
    for _ in range(3):
        house.good()
    for _ in range(2):
        house.degraded("its content has been the same since 2026-01-02 01:00 UTC, for more than")
    house.good(Waiver.SMALLER_SOURCE)
    house.good()
    house.good()
    house.degraded("its content has been the same since 2026-01-07 01:00 UTC")
    mariadb.sql("INSERT INTO other.empty VALUES (1)")
    house.good()


def test_a_server_that_dies_amid_a_dump_leaves_the_older_ones(
    tmp_path: Path, house: House, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(mariadb, "orders")
    house.options["per"] = "database"
    first = house.good()
    mariadb.sql(
        "CREATE TABLE big ENGINE=InnoDB SELECT seq, REPEAT(MD5(seq), 9) AS v FROM seq_1_to_40000",
        "orders",
    )
    with killed_amid(mariadb, monkeypatch, tmp_path, "mariadb-dump"):
        house.refused("orders.sql.zst: ")
    assert house.generations == [first]
    house.refused("it cannot be dumped: ")


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_a_full_disk_fails_the_run_and_gets_its_room_back(house: House, mariadb: MariaDB) -> None:
    filled(mariadb, "orders")
    house.options |= {"compress": "none", "per": "database"}
    with small_disk(house, "4m"):
        house.good()
        free = os.statvfs(house.disk).f_bfree
        mariadb.sql(
            "CREATE TABLE big ENGINE=InnoDB SELECT seq, REPEAT(MD5(seq), 9) AS v"
            " FROM seq_1_to_20000",
            "orders",
        )
        report = house.refused("orders.sql cannot be written: No space left on device")
        assert report.status is RunStatus.FAILED
        assert os.statvfs(house.disk).f_bfree == free


def test_what_the_server_refuses_is_told_in_its_words(
    tmp_path: Path, house: House, mariadb: MariaDB
) -> None:
    filled(mariadb, "orders")
    house.source = over_tcp(mariadb, tmp_path)
    secret(tmp_path, "wrong")
    report = house.refused("Access denied for user 'admin'")
    assert f"the server refuses the password from {tmp_path}/secret: " in report.reason
    (tmp_path / "secret").unlink()
    house.refused(f"{tmp_path}/secret: No such file or directory")
    mariadb.sql(
        "CREATE USER clerk@127.0.0.1 IDENTIFIED BY 'pass';"
        "GRANT SELECT ON orders.* TO clerk@127.0.0.1"
    )
    house.source = house.source.replace("user: admin", "user: clerk")
    secret(tmp_path, "pass")
    house.refused("all.sql.zst: ")


def test_the_rights_that_are_said_to_be_enough_are(
    tmp_path: Path, house: House, mariadb: MariaDB
) -> None:
    filled(mariadb, "orders")
    mariadb.sql(
        "CREATE USER clerk@127.0.0.1 IDENTIFIED BY 'pass'; GRANT SELECT, SHOW VIEW, TRIGGER,"
        " LOCK TABLES, EVENT, PROCESS ON *.* TO clerk@127.0.0.1"
    )
    house.source = over_tcp(mariadb, tmp_path).replace("user: admin", "user: clerk")
    secret(tmp_path, "pass")
    house.good()
    house.options["per"] = "database"
    house.run(Waiver.SMALLER_SOURCE)
    assert house.names == ["orders.sql.zst"]


@pytest.mark.parametrize(
    "password", ['a"b#c', "a'b # c", "end\\", '"all"', "#", " blank ", "ü€\\n"]
)
def test_any_password_opens_the_server(
    tmp_path: Path, house: House, mariadb: MariaDB, password: str
) -> None:
    filled(mariadb, "orders")
    mariadb.sql(
        f"CREATE USER clerk@127.0.0.1 IDENTIFIED BY {quoted(password)};"
        "GRANT ALL ON *.* TO clerk@127.0.0.1"
    )
    house.source = over_tcp(mariadb, tmp_path).replace("user: admin", "user: clerk")
    secret(tmp_path, password)
    house.good()


def test_law_19_a_client_older_than_its_server_is_refused_with_both_versions(
    tmp_path: Path, house: House, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(mariadb, "orders")
    told = "mariadb-dump  Ver 10.19 Distrib {}-MariaDB, for debian-linux-gnu (x86_64)"
    body = 'case "$1" in --version) echo "{}";; *) real "$@";; esac'
    old, new = (body.format(told.format(version)) for version in ("10.5.12", "11.4.2"))
    instead(monkeypatch, tmp_path, "mariadb-dump", old)
    report = house.refused("MariaDB 10.")
    assert "dumped by mariadb-dump  Ver 10.19 Distrib 10.5.12-MariaDB" in report.reason
    instead(monkeypatch, tmp_path, "mariadb-dump", new)
    house.good()


def test_law_22_the_password_is_nowhere(
    tmp_path: Path, house: House, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(mariadb, "orders")
    house.options |= {"per": "database", "compress": "none"}
    seen = watched(monkeypatch, tmp_path, "mariadb", "mariadb-dump")
    house.good()
    canary = mariadb.password.split(":")[0]
    assert b"--single-transaction" in seen.read_bytes()
    assert canary.encode() not in seen.read_bytes()
    assert holding(canary, house.top / "state", house.disk) == []
    assert canary not in house.explain()
    _, commands = house.restore()
    assert canary not in "".join(commands)
    secret(tmp_path, mariadb.password + "x")
    assert canary not in house.refused("Access denied").reason


def test_settings_of_this_machine_change_no_dump(
    tmp_path: Path, house: House, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(mariadb, "orders")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.my.cnf").write_text("[client]\nno-data\npassword=x\n[mysqldump]\nno-data\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    house.good()


def test_a_table_without_transactions_is_told(house: House, mariadb: MariaDB) -> None:
    filled(mariadb, "orders")
    mariadb.sql("CREATE TABLE old (id INT) ENGINE=MyISAM", "orders")
    report = house.run()
    assert report.status.succeeded
    assert "1 table knows no transactions" in str(report.findings)


def test_a_database_that_is_gone_comes_back_as_it_was(house: House, mariadb: MariaDB) -> None:
    """With the character set that it had, and not with the one of the server."""
    mariadb.sql("CREATE DATABASE orders CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    mariadb.sql("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)", "orders")
    house.options["per"] = "database"
    house.good()
    folder, (command,) = house.restore()
    mariadb.sql("DROP DATABASE orders")
    typed(command, folder)
    assert mariadb.sql("SELECT a FROM t", "orders") == "1"
    assert "utf8mb4_bin" in mariadb.sql("SHOW CREATE DATABASE orders")


EVIL = "x');\\\nCREATE TABLE y (\nUSE `z`;\nINSERT INTO `t` VALUES (1),(2);\nDELIMITER ;\n"


@pytest.mark.parametrize("each", [True, False])
def test_no_text_of_a_tenant_changes_the_figures(
    house: House, mariadb: MariaDB, each: bool
) -> None:
    house.options |= {"per": "database"} if each else {}
    filled(mariadb, "orders")
    text, name = quoted(EVIL), named(EVIL[:60].rstrip())
    plain = "'" + EVIL.replace("'", "''") + "'"
    mariadb.sql(
        f"CREATE TABLE {name} (v TEXT DEFAULT {text} COMMENT {text}, i INT) ENGINE=InnoDB;"
        f"INSERT INTO {name} VALUES ({text}, 1), ({text}, 2);"
        f"CREATE VIEW v AS SELECT {text} AS a;"
        "\nDELIMITER $$\n"
        f"CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO BEGIN SELECT {text}; END $$\n"
        f"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.v = {text}; END $$\n"
        f"SET sql_mode = 'ANSI_QUOTES' $$\n"
        f'CREATE PROCEDURE q() BEGIN SELECT {text} AS "a\\"; END $$\n'
        f"SET sql_mode = 'NO_BACKSLASH_ESCAPES' $$\n"
        f"CREATE PROCEDURE r() BEGIN SELECT {plain}, '\\'; END $$\n",
        "orders",
    )
    house.good()
    parts = [part for one in house.record.files for part in one.parts if part.database == "orders"]
    assert [(part.tables, part.rows) for part in parts] == [(3, 52)]
    assert "z" not in {part.database for one in house.record.files for part in one.parts}
