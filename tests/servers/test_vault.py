"""The stand-in for Vault answers as Vault does, and its snapshots are what other tools read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.servers.clients import Refused
from tests.servers.process import serving
from tests.servers.raft_snapshot import NotASnapshot, unpack
from tests.servers.vault import VaultStandIn
from tests.servers.vault_stand_in import HEALTH, SNAPSHOT


def test_a_snapshot_is_a_tar_with_sums_of_its_files(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.change(b"secrets")
    (tmp_path / "snapshot").write_bytes(vault.snapshot())
    listed = subprocess.run(
        ["tar", "--extract", "--gzip", "--verbose", "--file=snapshot"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert listed.stdout.split() == ["meta.json", "state.bin", "SHA256SUMS", "SHA256SUMS.sealed"]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)
    assert (tmp_path / "state.bin").read_bytes() == b"secrets"
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert {name: meta[name] for name in ("Version", "ID", "Index", "Term", "Size")} == {
        "Version": 1,
        "ID": "bolt-snapshot",
        "Index": vault.index,
        "Term": 3,
        "Size": len(b"secrets"),
    }


@pytest.mark.parametrize("token", ["", "hvs.wrong"])
def test_a_wrong_token_is_denied(vault: VaultStandIn, token: str) -> None:
    archive = vault.snapshot()
    for ask in (lambda: vault.snapshot(token), lambda: vault.restore(archive, token)):
        with pytest.raises(Refused) as refused:
            ask()
        assert str(refused.value) == '403 {"errors":["permission denied"]}\n'


def test_its_health_needs_no_token_and_names_a_version(vault: VaultStandIn) -> None:
    health = json.loads(vault.request("GET", HEALTH, token=""))
    assert health["version"] == vault.version
    assert (health["initialized"], health["sealed"]) == (True, False)


def test_sealed_it_does_nothing(vault: VaultStandIn) -> None:
    vault.seal()
    with pytest.raises(Refused, match=r'^503 {"errors":\["Vault is sealed"\]}'):
        vault.snapshot()
    with pytest.raises(Refused, match=r'^503 .*"sealed":true'):
        vault.request("GET", HEALTH)
    vault.stop()
    vault.start()
    vault.unseal()
    assert vault.snapshot()


def test_a_snapshot_brings_its_state_back(vault: VaultStandIn) -> None:
    vault.change(b"before")
    archive, index = vault.snapshot(), vault.index
    vault.change(b"after")
    vault.restore(archive, force=False)
    assert (vault.state, vault.index) == (b"before", index)


def test_a_snapshot_of_another_needs_force(vault: VaultStandIn) -> None:
    with serving(VaultStandIn) as other:
        archive, state = other.snapshot(), other.state
    with pytest.raises(Refused, match=r"^400 .*different set of unseal keys"):
        vault.restore(archive, force=False)
    assert vault.state != state
    vault.restore(archive)
    assert vault.state == state


def test_a_snapshot_that_was_cut_off_looks_like_a_whole_one(vault: VaultStandIn) -> None:
    state = vault.state
    vault.cut(50_000)
    archive = vault.snapshot()
    assert len(archive) == 50_000
    with pytest.raises(NotASnapshot):
        unpack(archive)
    with pytest.raises(Refused, match=r"^500 .*failed to read snapshot file"):
        vault.restore(archive)
    assert vault.state == state
    vault.cut(None)
    assert unpack(vault.snapshot()).state == state


def test_a_body_of_unknown_length_is_read(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.change(b"before")
    archive = vault.snapshot()
    vault.change(b"after")
    parts = (archive[start : start + 100] for start in range(0, len(archive), 100))
    vault.request("PUT", f"{SNAPSHOT}-force", parts)
    assert vault.state == b"before"


def test_another_path_is_not_found(vault: VaultStandIn) -> None:
    with pytest.raises(Refused, match=r"^404 "):
        vault.request("GET", "/v1/sys/storage/raft/configuration")
