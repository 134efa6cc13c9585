"""`dump` legs of a real etcd."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.runs.observation import Waiver
from tests.integration.dumping import House, instead, secret, typed
from tests.servers.etcd import Etcd

pytestmark = pytest.mark.tool("etcd", "etcdctl")

OWN = 4
"""Keys that etcd keeps for itself."""


def source(server: Etcd, folder: Path) -> str:
    password = f", password: {secret(folder, server.password)}" if server.asks else ""
    return f"kind: etcd, connect: {{endpoint: {server.url}{password}}}"


def house_of(folder: Path, server: Etcd) -> House:
    return House(folder, source(server, folder))


def test_all_keys_come_back(tmp_path: Path, etcd: Etcd) -> None:
    house = house_of(tmp_path, etcd)
    for number in range(30):
        etcd.command("put", f"key/{number}", "x" * number)
    before = etcd.command("get", "", "--prefix")
    house.good()
    assert house.names == ["snapshot.db"]
    (part,) = house.record.files[0].parts
    assert part.rows == 30 + OWN
    etcd.stop()
    shutil.rmtree(etcd.data)
    folder, commands = house.restore()
    for one in commands:
        typed(one, folder)
    shutil.copytree(folder / "etcd-data", etcd.data)
    etcd.start()
    assert etcd.command("get", "", "--prefix") == before


def test_a_password_opens_it(tmp_path: Path, etcd_that_asks: Etcd) -> None:
    house = house_of(tmp_path, etcd_that_asks)
    etcd_that_asks.command("put", "a", "1")
    house.good()
    secret(tmp_path, "wrong")
    report = house.refused(f"the server refuses the password from {tmp_path}/secret: ")
    assert "authentication failed" in report.reason
    etcd_that_asks.stop()
    house.refused("it cannot be dumped: ")


@pytest.mark.parametrize("damage", ["cut", "less its sum", "a byte", "empty"])
def test_law_18_a_snapshot_that_restore_would_refuse_is_none(
    tmp_path: Path, etcd: Etcd, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    house = house_of(tmp_path, etcd)
    for number in range(200):
        etcd.command("put", f"key/{number}", "secret" * 100) if number < 3 else None
    first = house.good()
    file = '"${!#}"'
    harm = {
        "cut": f"truncate -s 8192 {file}",
        "less its sum": f"truncate -s -32 {file}",
        "a byte": f"sed -i 's/secretsecret/secretSecret/' {file}",
        "empty": f"truncate -s 0 {file}",
    }[damage]
    body = f'case "$*" in *"snapshot save"*) real "$@" && {harm};; *) real "$@";; esac'
    instead(monkeypatch, tmp_path, "etcdctl", body.replace('"${!#}"', '"${@: -1}"'))
    house.refused("snapshot.db: it ")
    assert house.generations == [first]


def test_law_19_a_client_older_than_its_server_is_refused(
    tmp_path: Path, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of(tmp_path, etcd)
    etcd.command("put", "a", "1")
    body = 'case "$1" in version) echo "etcdctl version: 3.3.11";; *) real "$@";; esac'
    instead(monkeypatch, tmp_path, "etcdctl", body)
    report = house.refused("dumped by etcdctl version: 3.3.11, which is older")
    assert "etcd 3.4." in report.reason or "etcd 3.5." in report.reason
    instead(monkeypatch, tmp_path, "etcdctl", body.replace("3.3.11", "3.99.0"))
    house.good()


def test_law_24_another_cluster_is_told_until_it_is_allowed(
    tmp_path: Path, etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its identity is a sum of its configuration, which the servers of tests share."""
    house = house_of(tmp_path, etcd)
    etcd.command("put", "a", "1")
    house.good()
    instead(monkeypatch, tmp_path, "etcdctl", 'real "$@" | sed "s/cluster_id\\":/&1/"')
    for _ in range(2):
        house.degraded("another server answers than the one whose dump was verified last")
    assert len(house.generations) == 3, "nothing older goes"
    house.good(Waiver.OTHER_SERVER)
    house.good()
    assert len(house.generations) < 5


def test_law_24_what_does_not_change_any_more_is_told(tmp_path: Path, etcd: Etcd) -> None:
    house = house_of(tmp_path, etcd)
    house.options["changes_within"] = "2d"
    etcd.command("put", "a", "1")
    for _ in range(3):
        house.good()
    house.degraded("its content has been the same since 2026-01-02 01:00 UTC, for more than 48h")
    etcd.command("put", "a", "1")
    house.good()
