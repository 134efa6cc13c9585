"""Snapshots of Vault, read to their end."""

from __future__ import annotations

import io
import sys
import tarfile

import pytest

from engine.system.dumps.raft import WRONG, check_snapshot, main
from tests.servers.raft_snapshot import pack

STATE = bytes(range(256)) * 40
WHOLE = pack(STATE, index=7, term=3, seal=lambda sums: sums[::-1])


def test_what_a_snapshot_says() -> None:
    found = check_snapshot(io.BytesIO(WHOLE))
    assert found == {"index": 7, "term": 3, "size": len(STATE)}


def verdict(
    content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return main(), "".join(capsys.readouterr())


def test_law_18_cut_off_anywhere_it_is_no_snapshot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(WHOLE, monkeypatch, capsys)[0] == 0
    for length in range(len(WHOLE)):
        code, said = verdict(WHOLE[:length], monkeypatch, capsys)
        assert code == WRONG, length
        assert "it is no whole snapshot" in said


def repacked(**changed: bytes | None) -> bytes:
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(WHOLE)) as old,
        tarfile.open(fileobj=made, mode="w:gz") as new,
    ):
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            content = changed.get(member.name.replace(".", "_"), file.read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    "changed",
    [
        {"state_bin": STATE[:-1]},
        {"state_bin": STATE[:-1] + b"x"},
        {"state_bin": b""},
        {"state_bin": None},
        {"meta_json": None},
        {"meta_json": b"{}"},
        {"SHA256SUMS": None},
        {"SHA256SUMS": b""},
        {"SHA256SUMS": b"\xff"},
        {"SHA256SUMS": b"three words here\n"},
    ],
)
def test_law_18_what_is_not_as_its_sums_say_is_none(
    changed: dict[str, bytes | None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verdict(repacked(**changed), monkeypatch, capsys)[0] == WRONG


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08", bytes(9999)])
def test_anything_else_is_none(
    content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(content, monkeypatch, capsys)[0] == WRONG
