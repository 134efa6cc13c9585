"""What to type to load a dump."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dumps.artefact import file_name
from engine.dumps.loading import loading, word
from policy.connect import Connect
from policy.secrets import Secret, SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.sources import ServerKind, ServerSource, SqliteSource
from policy.values import parse_absolute_path


def commands(kind: ServerKind, *names: str, **connect: Any) -> list[str]:
    one = Connect(**connect)
    source = ServerSource(name="s", media=None, site=None, secret=False, server=kind, connect=one)
    return [one.command for one in loading(source, names)]


def test_roles_come_before_databases() -> None:
    found = commands(ServerKind.POSTGRESQL, "a.dump", "contents.json", "globals.sql.gz", host="h")
    assert found == [
        "zcat globals.sql.gz | psql --no-psqlrc --quiet --host h --dbname postgres",
        "pg_restore --create --clean --if-exists --exit-on-error --host h --dbname postgres"
        " < a.dump",
    ]


def test_the_database_that_the_client_is_in_is_not_made_anew() -> None:
    (found,) = commands(ServerKind.POSTGRESQL, "postgres.dump")
    assert "--create" not in found


def test_the_address_and_the_account_are_those_of_the_manifest() -> None:
    (found,) = commands(
        ServerKind.POSTGRESQL, "all.sql.zst", socket=parse_absolute_path("/run/my pg"),
        port=5433, user="me", account="postgres",
    )  # fmt: skip
    assert found == (
        "zstdcat all.sql.zst | runuser -u postgres -- psql --no-psqlrc --quiet"
        " --host '/run/my pg' --port 5433 --username me --dbname postgres"
    )


@pytest.mark.parametrize(
    ("secret", "given"),
    [
        (SecretFile(path=parse_absolute_path("/etc/my key")), "\"$(cat '/etc/my key')\""),
        (SecretVariable(name="PASS"), '"$PASS"'),
        (SecretCommand(run=("pass", "a b")), "\"$(pass 'a b')\""),
    ],
)
def test_law_22_a_password_is_read_where_it_lies(secret: Secret, given: str) -> None:
    """E16: it reaches the client, and not what unpacks."""
    (found,) = commands(ServerKind.MYSQL, "all.sql.zst", host="h", password=secret)
    flushed = "{ zstdcat all.sql.zst; echo 'FLUSH PRIVILEGES;'; }"
    assert found == f"{flushed} | MYSQL_PWD={given} mysql --host h --protocol=TCP"
    (found,) = commands(ServerKind.POSTGRESQL, "a.dump", password=secret)
    assert found.startswith(f"PGPASSWORD={given} pg_restore ")


def test_a_credential_is_there_for_services_alone() -> None:
    (found,) = commands(ServerKind.MYSQL, "all.sql", password=SecretCredential(name="x"))
    assert found == "{ cat all.sql; echo 'FLUSH PRIVILEGES;'; } | mysql"


def test_a_dump_of_one_database_says_that_it_has_no_accounts() -> None:
    connect = Connect()
    source = ServerSource(
        name="s", media=None, site=None, secret=False, server=ServerKind.MYSQL, connect=connect
    )
    whole, one = (next(loading(source, (name,))).text for name in ("all.sql", "shop.sql"))
    assert "accounts are not in it" in one
    assert "accounts are not in it" not in whole


NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)


@given(name=NAMES)
def test_a_dump_of_a_database_names_it_by_itself(name: str) -> None:
    stem = file_name(name).decode()
    (found,) = commands(ServerKind.MYSQL, f"{stem}.sql.zst")
    assert found == f"zstdcat {word(stem + '.sql.zst')} | mysql"
    assert len(found.splitlines()) == 1


@given(texts=st.lists(st.text(st.characters(min_codepoint=1, blacklist_categories=["Cs"]))))
def test_a_shell_reads_each_word_as_it_was(texts: list[str]) -> None:
    line = " ".join(word(one) for one in texts)
    assert len(line.splitlines()) <= 1
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert done.stdout == b"".join(one.encode() + b"\0" for one in texts or [""])


def test_other_kinds_say_what_to_see_to() -> None:
    assert commands(ServerKind.REDIS, "dump.rdb", "contents.json") == ["redis-check-rdb dump.rdb"]
    (etcd,) = commands(ServerKind.ETCD, "snapshot.db")
    assert etcd == "ETCDCTL_API=3 etcdctl snapshot restore snapshot.db --data-dir ./etcd-data"
    (vault,) = commands(ServerKind.VAULT, "raft.snap", address="https://v")
    assert vault == "VAULT_ADDR=https://v vault operator raft snapshot restore -force raft.snap"


def sqlite(path: str, *names: str, companions: tuple[str, ...] = ()) -> list[str]:
    source = SqliteSource(
        name="s", media=None, site=None, secret=False, path=parse_absolute_path(path),
        companions=companions,
    )  # fmt: skip
    return [one.command for one in loading(source, names)]


@pytest.mark.parametrize(
    ("path", "names", "companions", "beside"),
    [
        ("/d/a.db", ("contents.json", "contents.sha256", "a.db"), (), []),
        (
            "/d/a.db", ("a.db", "k 1", "-f"), ("*",),
            ["cp --archive --target-directory /d -- -f 'k 1'"],
        ),
        (
            "/d/a.db", ("a.db", "beside.tar"), ("*.pem",),
            ["tar --extract --file beside.tar --directory /d"],
        ),
        (
            "/d/a.db", ("a.db", "beside.tar"), ("beside.tar",),
            ["cp --archive --target-directory /d -- beside.tar"],
        ),
        ("/d/a.db", ("a.db", "beside.tar.age"), ("*.pem",), []),
    ],
)  # fmt: skip
def test_what_lies_beside_a_database_goes_back_beside_it(
    path: str, names: tuple[str, ...], companions: tuple[str, ...], beside: list[str]
) -> None:
    first, *rest = sqlite(path, *names, companions=companions)
    assert first == (
        r"mkdir -- /d/a.db.before && find /d -maxdepth 1 \( -name a.db -o -name a.db-wal"
        r" -o -name a.db-shm -o -name a.db-journal \)"
        " -exec mv --target-directory /d/a.db.before -- {} + && cp -- a.db /d/a.db"
    )
    assert rest == beside


@pytest.mark.parametrize("name", ["a b.db", "[x]*.db", "it's", "-f", "back\\slash"])
def test_the_old_database_is_moved_aside_with_its_logs_and_nothing_else(
    tmp_path: Path, name: str
) -> None:
    live, came = tmp_path / "my data", tmp_path / "came"
    for folder in (live, came):
        folder.mkdir()
    ends = ("", "-wal", "-journal")
    for one in (*(name + end for end in ends), "other", "x.db-wal"):
        (live / one).write_text("old")
    (came / name).write_text("new")
    (command,) = sqlite(str(live / name), name)
    subprocess.run(["bash", "-c", command], cwd=came, check=True)
    assert (live / name).read_text() == "new"
    kept = live / f"{name}.before"
    assert sorted(one.name for one in kept.iterdir()) == sorted(name + end for end in ends)
    left = {one.name for one in live.iterdir()}
    assert left == {name, f"{name}.before", "other", "x.db-wal"}
    again = subprocess.run(["bash", "-c", command], cwd=came, check=False, capture_output=True)
    assert again.returncode != 0, "what was kept is not overwritten"
    assert (kept / name).read_text() == "old"


def test_the_archive_beside_a_database_of_its_name() -> None:
    _, beside = sqlite("/beside.tar", "beside.tar", "beside-it.tar", companions=("*.pem",))
    assert beside == "tar --extract --file beside-it.tar --directory /"
    assert sqlite("/a.db", "a.db.age") == []


def test_what_the_leg_believes_the_load_believes() -> None:
    """Without it the password goes to whoever answers."""
    believed = {"host": "db.example.net", "authority": parse_absolute_path("/etc/ca.pem")}
    (found,) = commands(ServerKind.POSTGRESQL, "all.sql", **believed)
    assert "| PGSSLMODE=verify-full PGSSLROOTCERT=/etc/ca.pem psql " in found
    (found,) = commands(ServerKind.MYSQL, "all.sql", **believed)
    assert "mysql --host db.example.net --protocol=TCP --ssl-ca=/etc/ca.pem --ssl-ver" in found
