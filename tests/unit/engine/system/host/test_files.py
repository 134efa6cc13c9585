"""A file that a person has named is written whole, and is theirs."""

import os
import stat
from pathlib import Path

import pytest

from engine.system.host.files import write_named


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_named(tmp_path / "page", b"one")
    assert ((tmp_path / "page").read_bytes(), mode(tmp_path / "page")) == (b"one", 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["page"]


def test_one_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_bytes(b"before, and longer")
    page.chmod(0o644)
    write_named(page, b"one")
    assert (page.read_bytes(), mode(page)) == (b"one", 0o644)


@pytest.mark.root
def test_and_its_owner(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_bytes(b"")
    os.chown(page, 33, 34)
    write_named(page, b"one")
    assert (page.stat().st_uid, page.stat().st_gid) == (33, 34)


def test_a_symlink_is_followed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "page").symlink_to("inner/real")
    write_named(tmp_path / "page", b"one")
    assert (tmp_path / "page").is_symlink()
    assert (tmp_path / "inner/real").read_bytes() == b"one"


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_named(tmp_path / "pipe", b"one")
    assert os.read(reader, 10) == b"one"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_no_directory_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_named(tmp_path / "missing" / "page", b"one")
    with pytest.raises(IsADirectoryError):
        write_named(tmp_path, b"one")
    assert list(tmp_path.iterdir()) == []
