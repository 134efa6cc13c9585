"""What is neither file, directory nor symlink, found below a directory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from engine.restore.specials import Special, Specials
from engine.system.restore import specials
from engine.system.restore.specials import special_at, specials_below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("inner")
    os.mkfifo(tmp_path / "inner/queue")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "app.sock"))
    return tmp_path


def test_each_is_found_once_and_no_symlink_followed(folder: Path) -> None:
    assert specials_below(os.fsencode(folder)) == Specials(
        found=((b"app.sock", Special.SOCKET), (b"inner/queue", Special.FIFO)), whole=True
    )


def test_one_path(folder: Path) -> None:
    assert special_at(os.fsencode(folder / "inner/queue")) is Special.FIFO
    assert special_at(b"/dev/null") is Special.DEVICE
    assert special_at(os.fsencode(folder / "file")) is None
    assert special_at(os.fsencode(folder / "gone")) is None


def test_where_nothing_lies_nothing_is_said(folder: Path) -> None:
    assert specials_below(os.fsencode(folder / "gone")) is None


def test_looking_ends_after_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specials, "PATIENCE", 0.0)
    assert specials_below(os.fsencode(folder)) == Specials(found=(), whole=False)
