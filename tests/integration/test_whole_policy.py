"""The whole policy at once: all of the reference is destroyed, and comes back from the NAS alone.

PostgreSQL, MariaDB, Redis and etcd are real servers, Vault is a stand-in that speaks its interface.
Dumps are loaded by what `restore` has shown, as it stands.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import make
from tests.integration.facts import sums
from tests.integration.miniature import (
    NOT_KEPT,
    PLACES,
    SOURCES,
    Lab,
    first_runs,
    machine,
    miniature,
    standing,
)
from tests.integration.sshd import Server, serving
from tests.runbooks import to_load
from tests.servers.etcd import Etcd
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import serving as serving_database
from tests.servers.redis import Redis
from tests.servers.vault import VaultStandIn

pytestmark = [
    pytest.mark.root,
    pytest.mark.tool("rsync", "sshd", "unshare", "bash", "mkfs.btrfs"),
    pytest.mark.tool("initdb", "mariadbd", "redis-server", "etcd", "etcdctl", "zstd"),
]
SECRETS = "etc/policyctl/secrets"
VAULTWARDEN = "srv/vaultwarden"


@pytest.fixture(scope="module")
def nas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "sshd") as running:
        yield running


@pytest.fixture
def redis() -> Iterator[Redis]:
    with serving_database(Redis, append_only=False) as running:
        yield running


def secret(name: str) -> dict[str, str]:
    return {"file": f"/{SECRETS}/{name}"}


def tcp(one: Any, name: str) -> dict[str, Any]:
    reached = {"host": one.host, "port": one.port, "user": one.user}
    return {"connect": {**reached, "password": secret(name)}}


def test_law_28_all_is_lost_and_comes_back_from_the_nas_alone(
    tmp_path: Path,
    nas: Server,
    postgresql: PostgreSQL,
    mariadb: MariaDB,
    redis: Redis,
    etcd: Etcd,
    vault: VaultStandIn,
) -> None:
    postgresql.sql("CREATE DATABASE shop")
    postgresql.sql("CREATE TABLE sold AS SELECT generate_series(1, 500) AS number", "shop")
    mariadb.sql("CREATE DATABASE blog")
    mariadb.sql(
        "CREATE TABLE said (text TEXT); INSERT INTO said VALUES ('(one)'), ('two\\'s')", "blog"
    )
    redis.command("SET", "greeting", "good morning")
    etcd.command("put", "answer", "42")
    vault.change(b"a secret")
    served: dict[str, dict[str, Any]] = {
        "postgresql": {"kind": "postgresql", "site": "home", **tcp(postgresql, "postgresql")},
        "mysql": {"kind": "mysql", "site": "home", **tcp(mariadb, "mysql")},
        "redis": {"kind": "redis", "site": "home", **tcp(redis, "redis")},
        "etcd": {"kind": "etcd", "site": "home", "connect": {"endpoint": etcd.url}},
        "vault": {
            "kind": "vault",
            "site": "home",
            "connect": {"address": vault.url, "token": secret("vault")},
        },
        "vaultwarden": {
            "kind": "sqlite",
            "path": f"/{VAULTWARDEN}/db.sqlite3",
            "with": ["rsa_key*", "attachments"],
            "site": "home",
            "secret": True,
        },
    }
    kept = {
        "postgresql": postgresql.password,
        "mysql": mariadb.password,
        "redis": redis.password,
        "vault": vault.token,
    }
    with standing(tmp_path, miniature(nas, tmp_path / "nas", **served)) as lab:
        keep_secrets(lab, kept)
        keys = lab.seen(VAULTWARDEN)
        (keys / "attachments").mkdir(parents=True)
        (keys / "attachments/one").write_text("attached")
        (keys / "rsa_key.pem").write_text("a key")
        shutil.copyfile(make(tmp_path / "db.sqlite3"), keys / "db.sqlite3")
        first_runs(lab)
        before = {one: sums(lab.seen(one), without=NOT_KEPT) for one in SOURCES}
        passwords = sums(keys)

        lose(lab)
        postgresql.sql("DROP DATABASE shop")
        mariadb.sql("DROP DATABASE blog")
        redis.stop()
        (redis.data / "dump.rdb").unlink(missing_ok=True)
        etcd.stop()
        shutil.rmtree(etcd.data)
        vault.change(b"nothing")

        lab.space("mount", "--bind", lab.folder / "nas", "/mnt/found")
        lab.follow("host-lost.md", "From synology, mounted somewhere", FOUND="/mnt/found")
        here = lab.folder / "here"
        nfs = sums(here / "srv-nfs/nfs")
        images = sums(here / "srv-nfs-immich/immich")
        nfs |= {b"immich": "directory"} | {b"immich/" + key: one for key, one in images.items()}
        assert nfs == before["srv/nfs"]
        assert sums(here / "srv-nfs-ssd/nfs-ssd") == before["srv/nfs-ssd"]
        assert (
            sums(here / "vaultwarden/vaultwarden").items()
            >= {key: one for key, one in passwords.items() if key != b"db.sqlite3"}.items()
        )

        keep_secrets(lab, kept)  # they are kept elsewhere, as the manifest says
        load(lab, "postgresql", "postgresql-full")
        load(lab, "mysql", "mysql-full")
        assert postgresql.sql("SELECT count(*), sum(number) FROM sold", "shop") == "500|125250"
        assert mariadb.sql("SELECT text FROM said ORDER BY text", "blog").split() == [
            "(one)",
            "two's",
        ]
        shutil.copyfile(here / "redis/redis/dump.rdb", redis.data / "dump.rdb")
        redis.start()
        assert redis.command("GET", "greeting") == "good morning"
        etcd.restore(here / "etcd/etcd/snapshot.db")
        etcd.start()
        assert etcd.command("get", "answer", "--print-value-only") == "42"
        vault.restore((here / "vault/vault/raft.snap").read_bytes())
        assert vault.state == b"a secret"


def keep_secrets(lab: Lab, kept: dict[str, str]) -> None:
    """Put passwords where the manifest says that they are."""
    folder = lab.seen(SECRETS)
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in kept.items():
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)


def lose(lab: Lab) -> None:
    """The host is gone, and another machine stands in its place."""
    lab.space("umount", "/mnt/backup")
    lab.space("umount", "/srv/pool")
    for place in reversed(PLACES):
        lab.space("umount", place)
    machine(lab)


def load(lab: Lab, source: str, leg: str) -> None:
    """Restore what a leg has made, and type what is shown then."""
    words = ["policyctl", "restore", f"{source}:", "--from", leg, "--at", "/mnt/found"]
    shown = lab.said(shlex.join([*words, "--to", f"./loaded-{leg}"]))
    typed = to_load(shown)
    assert len(typed) > 1, shown
    lab.type(typed)
