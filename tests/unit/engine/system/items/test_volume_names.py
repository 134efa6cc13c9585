"""Asking a cluster that may be away, wrong or empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.system.items.volume_names import ClaimNames, NamesUnknown, claim_names
from tests.fake_commands import FakeCommands, fake_commands
from tests.unit.engine.items.test_volume_names import addresses, listed, persistent

ASK = ["kubectl", "get", "persistentvolumes", "--output", "json", "--request-timeout", "20s"]
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
LATER = NOW + timedelta(hours=12)
ANSWER = listed(
    persistent("p", "media/films", csi={"volumeHandle": "pve/a"}),
    persistent("q", "dbaas/pg", csi={"volumeHandle": "pve/b"}),
).decode()
NAMES = {"a": "media/films", "b": "dbaas/pg"}


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCommands]:
    with fake_commands(tmp_path / "bin", monkeypatch) as commands:
        yield commands


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "state" / "names.pvcs.json"


def ask(cache: Path, now: datetime = NOW, *, kubeconfig: bytes | None = None) -> ClaimNames:
    return claim_names(["a", "b", "new"], "pve", kubeconfig=kubeconfig, cache=cache, now=now)


def test_an_answer_names_volumes_and_is_kept(kubectl: FakeCommands, cache: Path) -> None:
    kubectl.expect(ASK, out=ANSWER)
    found = ask(cache)
    assert (addresses(found.naming), found.asked, found.problem) == (NAMES, NOW, "")
    assert cache.stat().st_mode & 0o777 == 0o600


def test_the_manifests_kubeconfig_is_used(kubectl: FakeCommands, cache: Path) -> None:
    kubectl.expect(["kubectl", "--kubeconfig", "/etc/k.conf", *ASK[1:]], out=ANSWER)
    ask(cache, kubeconfig=b"/etc/k.conf")


@pytest.mark.parametrize(
    ("out", "err", "code", "words"),
    [
        ("", "Unable to connect to the server\n", 1, "kubectl: Unable to connect"),
        (ANSWER, "", 1, "kubectl: it ended with 1"),
        (ANSWER[:-20], "", 0, "kubectl: it is no JSON"),
        ("", "", 0, "kubectl: it is no JSON"),
        (listed().decode(), "", 0, "knows none of the volumes that it named before"),
    ],
)
def test_law_33_the_last_answer_holds(
    kubectl: FakeCommands, cache: Path, out: str, err: str, code: int, words: str
) -> None:
    kubectl.expect(ASK, out=ANSWER)
    ask(cache)
    kubectl.expect(ASK, out=out, err=err, code=code)
    found = ask(cache, LATER)
    assert words in found.problem
    assert (addresses(found.naming), found.asked) == (NAMES, NOW)
    assert [one.volume for one in found.naming.unnamed] == ["new"]
    assert json.loads(cache.read_text())["asked"] == NOW.isoformat()


def test_law_33_without_any_answer_nothing_is_known(kubectl: FakeCommands, cache: Path) -> None:
    kubectl.expect(ASK, err="refused\n", code=1)
    with pytest.raises(NamesUnknown, match="cannot be asked for names: kubectl: refused"):
        ask(cache)
    for text in (
        "{}",
        "\udcff",
        '{"asked": "soon", "bound": []}',
        '{"asked": "2026-11-28T03:00:00", "bound": []}',
    ):
        cache.parent.mkdir(exist_ok=True)
        cache.write_text(text, errors="surrogateescape")
        kubectl.expect(ASK, err="refused\n", code=1)
        with pytest.raises(NamesUnknown):
            ask(cache)


def test_a_missing_kubectl_is_a_cluster_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NamesUnknown, match="kubectl cannot be run"):
        ask(cache)


def test_a_cluster_without_claims_is_believed_the_first_time(
    kubectl: FakeCommands, cache: Path
) -> None:
    kubectl.expect(ASK, out=listed().decode())
    found = ask(cache)
    assert (found.naming.named, len(found.naming.unnamed), found.problem) == ((), 3, "")
    kubectl.expect(ASK, out=ANSWER)
    assert addresses(ask(cache, LATER).naming) == NAMES
