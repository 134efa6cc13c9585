"""`dump` legs of a stand-in for Vault, by HTTP alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runs.observation import Waiver
from tests.integration.dumping import House, holding, secret
from tests.integration.web import site as serving_web
from tests.servers.process import serving
from tests.servers.vault import VaultStandIn

pytestmark = pytest.mark.tool("setpriv")


def source(server: VaultStandIn, folder: Path) -> str:
    token = secret(folder, server.token)
    return f"kind: vault, connect: {{address: {server.url}, token: {token}}}"


@pytest.fixture
def house(tmp_path: Path, vault: VaultStandIn) -> House:
    return House(tmp_path, source(vault, tmp_path))


def test_its_state_comes_back(house: House, vault: VaultStandIn) -> None:
    vault.change(b"all secrets" * 9999)
    house.good()
    assert house.names == ["raft.snap"]
    assert house.record.server == f"Vault {vault.version}"
    vault.change(b"lost")
    folder, (command,) = house.restore()
    assert (
        command == f"VAULT_ADDR={vault.url} vault operator raft snapshot restore -force raft.snap"
    )
    vault.restore((folder / "raft.snap").read_bytes())
    assert vault.state == b"all secrets" * 9999


def test_law_18_a_snapshot_that_breaks_off_is_none(house: House, vault: VaultStandIn) -> None:
    first = house.good()
    size = (first / "raft.snap").stat().st_size
    for after in (0, size // 2, size - 60):
        vault.cut(after)
        house.refused("raft.snap: it would be empty" if not after else "raft.snap: it is no whole")
    vault.cut(None)
    house.good()


def test_what_it_refuses_is_told(tmp_path: Path, house: House, vault: VaultStandIn) -> None:
    secret(tmp_path, "hvs.wrong")
    house.refused("raft.snap: ")
    secret(tmp_path, "hvs.€")
    house.refused("the token holds letters that no token has")
    secret(tmp_path, vault.token)
    vault.seal()
    house.refused("is sealed: unseal it")
    vault.unseal()
    house.good()
    vault.kill()
    house.refused("does not answer: Connection refused")


def test_law_24_another_vault_is_told_until_it_is_allowed(tmp_path: Path, house: House) -> None:
    house.good()
    with serving(VaultStandIn) as other:
        house.source = source(other, tmp_path)
        house.degraded("another server answers")
        house.degraded("another server answers")
        house.good(Waiver.OTHER_SERVER)
        house.good()


def test_law_24_what_stands_still_is_told(house: House, vault: VaultStandIn) -> None:
    house.options["changes_within"] = "2d"
    for _ in range(3):
        house.good()
    house.degraded("its content has been the same since")
    vault.change(vault.state + b"new")
    house.good()


def test_law_22_the_token_is_nowhere(tmp_path: Path, house: House, vault: VaultStandIn) -> None:
    house.good()
    assert vault.token not in house.explain()
    assert holding(vault.token, house.top / "state", house.disk) == []
    secret(tmp_path, vault.token + "x")
    assert vault.token not in house.refused("raft.snap: ").reason


@pytest.mark.parametrize("path", ["/status/301", "/cut", "/broken", "/none", "/closed"])
def test_what_is_no_vault_is_told(tmp_path: Path, path: str) -> None:
    with serving_web() as some:
        token = secret(tmp_path, "hvs.secret")
        house = House(
            tmp_path, f"kind: vault, connect: {{address: '{some.url}{path}', token: {token}}}"
        )
        house.refused("it cannot be dumped: ")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_redirect_is_followed_nowhere(tmp_path: Path, elsewhere: bool) -> None:
    with serving_web() as first, serving_web() as other:
        token = secret(tmp_path, "hvs.secret")
        to = other if elsewhere else first
        address = f"{first.url}/to/{to.url}/me@canary"
        house = House(tmp_path, f"kind: vault, connect: {{address: '{address}', token: {token}}}")
        report = house.refused(f"wants {to.url} to be asked instead")
        assert "name the active node" in report.reason
        assert "canary" not in report.reason.partition("wants")[2]
        assert len(first.seen) == 1
        assert other.seen == []


def test_a_standby_node_sends_a_snapshot_nowhere(
    tmp_path: Path, house: House, vault: VaultStandIn
) -> None:
    """Its health answers; the snapshot alone is sent on (307)."""
    house.good()
    with serving_web() as other:
        vault.stand_by(other.url)
        house.refused(f"raft.snap: {vault.url} wants {other.url} to be asked instead")
        assert other.seen == []
