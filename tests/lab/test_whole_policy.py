"""The whole policy in the lab: its legs are services, and a new machine has all back from the NAS.

PostgreSQL, MariaDB, Redis and etcd are as Debian sets them up, and are reached as a host reaches
them: by their sockets, also as another account. Vault is a stand-in that speaks its interface
(`tests.servers.vault_stand_in`). A container has no LVM: the volumes are subvolumes of a btrfs;
`test_volume_legs` has thin ones, in a virtual machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from renderers.docs import render_docs
from tests.integration.miniature import DUMPS, NOT_KEPT, on_one_host
from tests.lab.disks import disk
from tests.lab.homelab import Homelab, compiled
from tests.lab.machine import Boot, Done, Machine
from tests.runbooks import script, sections, to_load

pytestmark = [pytest.mark.lab, pytest.mark.root]

DISK, POOL, NAS = 64, 128, 64
"""Sizes of disks, in MiB; btrfs takes none that is smaller."""
SERVERS = ("postgresql", "mariadb", "redis-server", "etcd")
TOKEN, SECRET = "hvs.of-the-old-machine", "/etc/policyctl/secrets/vault"
VAULT = "http://127.0.0.1:8200"
CONNECT: Mapping[str, Mapping[str, Any]] = {
    "postgresql": {"socket": "/run/postgresql", "user": "postgres", "account": "postgres"},
    "mysql": {"socket": "/run/mysqld/mysqld.sock", "user": "mysql", "account": "mysql"},
    "redis": {"host": "127.0.0.1"},
    "etcd": {"endpoint": "http://127.0.0.1:2379"},
    "vault": {"address": VAULT, "token": {"file": SECRET}},
}
LEGS = (
    *("lvm-snapshots", "pvc-files", "sqlite-copies", "app-files"),
    *("firewall-config", "firewall-system", *DUMPS),
    *("sda-mirror", "host-config", "synology-direct", "offsite"),
)
"""Each after those that it reads."""
LOOKS = ("drill-nfs", "drill-pvcs", "check-vaultwarden-integrity")
HERE, FOUND = "/root/here", "/mnt/found"
COPIES, KEY = f"{FOUND}/Backup/lab", "/root/key.txt"
BROUGHT = {
    "/srv/nfs-ssd": "srv-nfs-ssd/nfs-ssd",
    "/srv/apps": "srv-apps/apps",
    "/etc/pve": "etc-pve/pve",
    "/usr/local/bin": "usr-local-bin/bin",
    "/etc/systemd/system": "etc-systemd-system/system",
    "/srv/pool/films": "pvcs/films",
}
"""Live data, and where the runbook brings them."""


def manifest(recipient: str) -> str:
    """The reference, whose servers are this machine's own; what Vault holds is encrypted."""
    lab = on_one_host()
    for name, connect in CONNECT.items():
        lab["sources"][name]["connect"] = connect
    lab["legs"]["vault-snapshot"]["encrypt"] = {"age": [recipient]}
    return json.dumps(lab)


def test_law_28_all_legs_are_services_and_a_new_machine_has_all_back(
    boot: Boot, tmp_path: Path
) -> None:
    with disk(tmp_path / "nas.img", mebibytes=NAS) as nas:
        with boot("old", (DISK, POOL), nas) as machine:
            filled(machine)
            key = machine.run("age-keygen").out
            text = manifest(key.partition("# public key: ")[2].split()[0])
            every_leg_runs(machine, text)
            live = sums(machine, "/srv/nfs", "/data", *BROUGHT)
        with boot("new", (), nas) as machine:
            machine.run("mkdir", "-p", HERE, FOUND)
            machine.run("mount", "-o", "ro", nas, FOUND)
            machine.write(KEY, key, mode="600")
            shown = from_the_nas(machine, text)
            trees_are_back(machine, live)
            servers_are_back(machine, shown)


# ── Before ───────────────────────────────────────────────────────────────────────────────────


def filled(machine: Machine) -> None:
    """All that the reference manifest speaks of."""
    homelab = Homelab(machine)
    _, pool, nas = machine.disks
    machine.run("mkfs.btrfs", "-q", "-f", pool)
    homelab.mount(pool, "/srv/pool", "btrfs")
    homelab.mount(nas, "/volume1")
    homelab.prepare()
    machine.run("mkdir", "-p", "/var/scratch")
    machine.python("tests.lab.inside_whole", "fill")
    start(machine, *SERVERS)
    psql(machine, "CREATE ROLE clerk LOGIN PASSWORD 'canary'")
    psql(machine, "CREATE DATABASE shop OWNER clerk")
    psql(machine, "CREATE TABLE sold AS SELECT generate_series(1, 500) AS number", "shop")
    mariadb(machine, "CREATE DATABASE blog; CREATE USER author@localhost IDENTIFIED BY 'canary'")
    mariadb(machine, "GRANT ALL ON blog.* TO author@localhost")
    mariadb(machine, "CREATE TABLE said (text TEXT); INSERT INTO said VALUES ('(1)')", "blog")
    machine.run("redis-cli", "SET", "greeting", "good morning")
    etcdctl(machine, "put", "answer", "42")
    vault(machine, TOKEN, "a secret")
    machine.write(SECRET, f"{TOKEN}\n", mode="600")


def every_leg_runs(machine: Machine, text: str) -> None:
    """Each by its own service; so do the drills and the check."""
    homelab = Homelab(machine)
    homelab.apply(text)
    units = [f"policyctl-{one}.service" for one in DUMPS]
    shut = machine.systemctl("show", "--property=TemporaryFileSystem", "--value", *units).split()
    assert shut == ["/:ro"] * len(DUMPS), "each sees nothing but what is named"
    for one in (*LEGS, *LOOKS):
        machine.systemctl("start", f"policyctl-{one}.service", code=None)
        assert homelab.ended(one) == "success", machine.journal(f"policyctl-{one}.service")
    status = machine.policyctl("status", "--json").json
    assert status["healthy"], status["summary"]
    machine.run("sync")


# ── After ────────────────────────────────────────────────────────────────────────────────────


def from_the_nas(machine: Machine, text: str) -> Mapping[str, str]:
    """What the runbook says, typed on a machine that has nothing; what it shows, by source."""
    pages = {one.path: one.content.decode() for one in render_docs(compiled(text))}
    typed = sections(pages["host-lost.md"])["From synology, mounted somewhere"]
    lines = script(typed, {"FOUND": COPIES, "KEY": KEY})
    given = [line for line in lines if not line.startswith("policyctl ")]
    shown = {}
    for line in lines:
        if line not in given:
            what = line.split()[4].partition(":")[0]
            shown[what] = shell(machine, *given, line).out
    return shown


def trees_are_back(machine: Machine, live: Mapping[str, Mapping[str, str]]) -> None:
    found = sums(machine, *(f"{HERE}/{one}" for one in BROUGHT.values()))
    for path, folder in BROUGHT.items():
        assert found[f"{HERE}/{folder}"] == live[path], path
        assert live[path], path
    nfs, immich, kept = (
        f"{HERE}/{one}" for one in ("srv-nfs/nfs", "srv-nfs-immich/immich", "vaultwarden")
    )
    found = sums(machine, nfs, immich, f"{kept}/vaultwarden")
    images = {f"immich/{path}": one for path, one in found[immich].items()}
    wanted = {
        path: one for path, one in live["/srv/nfs"].items() if path.split("/")[0] not in NOT_KEPT
    }
    assert found[nfs] | {"immich": "directory"} | images == wanted
    files = {path: one for path, one in live["/data"].items() if "sqlite3" not in path}
    assert found[f"{kept}/vaultwarden"].items() >= files.items()
    for database in ("vaultwarden/vaultwarden/db.sqlite3", "pvcs-databases/films/data/library.db"):
        rows = machine.python("tests.lab.inside_whole", "rows", f"{HERE}/{database}").json
        assert rows == [[1], [2], [3]], database
    config = machine.run("find", f"{HERE}/firewall-config-xml", "-name", "config.xml").out.strip()
    assert machine.read(config) == "<config>1</config>"
    system = machine.run("find", f"{HERE}/firewall-full-tar-gz", "-name", "full.tar.gz").out.strip()
    assert "var/db/leases" in machine.run("tar", "tzf", system).out.split()


def servers_are_back(machine: Machine, shown: Mapping[str, str]) -> None:
    """Each in a new one, as its package sets it up, by what `restore` has shown."""
    start(machine, "postgresql", "mariadb")
    load(machine, shown["postgresql"])
    assert psql(machine, "SELECT count(*), sum(number) FROM sold", "shop") == "500|125250"
    owner = "SELECT datdba::regrole FROM pg_database WHERE datname = 'shop'"
    assert psql(machine, owner) == "clerk"
    # The newest is that of each database, as the runbook's own is; the accounts are in the other.
    assert "accounts are not in it" in shown["mysql"]
    load(machine, shown["mysql"])
    assert mariadb(machine, "SELECT text FROM said", "blog") == "(1)"
    whole = ("policyctl restore", f"--at {COPIES} mysql: --from mysql-full --to ./mysql-full")
    load(machine, shell(machine, " ".join(whole)).out)
    assert mariadb(machine, "SELECT text FROM said", "blog") == "(1)"
    granted = "GRANT ALL PRIVILEGES ON `blog`.* TO `author`@`localhost`"
    assert granted in mariadb(machine, "SHOW GRANTS FOR author@localhost")
    load(machine, shown["redis"])
    put(machine, f"{HERE}/redis/redis/dump.rdb", "/var/lib/redis/dump.rdb", "redis")
    load(machine, shown["etcd"])
    put(machine, f"{HERE}/etcd/etcd/etcd-data", "/var/lib/etcd/default", "etcd")
    start(machine, "redis-server", "etcd")
    assert machine.run("redis-cli", "GET", "greeting").out.strip() == "good morning"
    assert etcdctl(machine, "get", "answer", "--print-value-only") == "42"
    vault(machine, "hvs.of-the-new-machine", "nothing")
    # `vault` itself is no package of Debian: what it would send is.
    assert "vault operator raft snapshot restore -force raft.snap" in shown["vault"]
    came = f"@{HERE}/vault/vault/raft.snap"
    token = "X-Vault-Token: hvs.of-the-new-machine"
    force = f"{VAULT}/v1/sys/storage/raft/snapshot-force"
    sent = ("curl", "--silent", "--fail", "--header", token, "--data-binary", came)
    machine.run(*sent, "--request", "PUT", force)
    assert machine.read("/var/lib/vault/state.bin") == "a secret"


# ── What is typed ────────────────────────────────────────────────────────────────────────────


def start(machine: Machine, *servers: str) -> None:
    """Start what its package has set up."""
    machine.systemctl("start", *servers)


def psql(machine: Machine, text: str, database: str = "postgres") -> str:
    client = ("runuser", "-u", "postgres", "--", "psql", "-qAtX", "-v", "ON_ERROR_STOP=1")
    return machine.run(*client, "-d", database, "-c", text).out.strip()


def mariadb(machine: Machine, text: str, database: str = "") -> str:
    return machine.run("mariadb", "--batch", "-N", "-e", text, database).out.strip()


def etcdctl(machine: Machine, *words: str) -> str:
    return machine.run("env", "ETCDCTL_API=3", "etcdctl", *words).out.strip()


def vault(machine: Machine, token: str, state: str) -> None:
    """Have the stand-in serve."""
    machine.python("tests.lab.inside_whole", "vault", token, state)
    serve = ("python3", "-m", "tests.servers.vault_stand_in", "/var/lib/vault", "127.0.0.1", "8200")
    machine.run("systemd-run", "--quiet", "--unit=vault-stand-in", "--", *serve)
    asked = ("curl", "--silent", "--fail", f"{VAULT}/v1/sys/health")
    machine.wait("it answers", lambda: machine.run(*asked, code=None).code == 0)


def shell(machine: Machine, *lines: str) -> Done:
    """Type lines into one shell; none may fail."""
    body = "\n".join((f"cd {HERE}", *lines))
    return machine.run("bash", "-eo", "pipefail", "-c", body)


def load(machine: Machine, shown: str) -> None:
    """Type what loads a dump, as `restore` has shown it."""
    typed = to_load(shown)
    assert len(typed) > 1, shown
    shell(machine, *typed)


def put(machine: Machine, came: str, place: str, account: str) -> None:
    """Put what came back into a server's place, and give it to the server's account."""
    machine.run("rm", "-rf", place)
    machine.run("mv", came, place)
    machine.run("chown", "-R", f"{account}:{account}", place)


def sums(machine: Machine, *folders: str) -> dict[str, dict[str, str]]:
    """The checksums of what is in each folder."""
    return dict(machine.python("tests.lab.inside_whole", "sums", *folders).json)
