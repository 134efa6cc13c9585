"""Asking the kernel who holds a lock, without being in anybody's way."""

import fcntl
import os
from pathlib import Path

import pytest

from engine.system.host import lock_probe
from engine.system.host.lock import hold
from engine.system.host.lock_probe import is_held


def test_a_lock_is_held_for_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with hold(path):
        assert is_held(path)
        with hold(tmp_path / "another"):
            assert is_held(path)
    assert path.exists()
    assert not is_held(path)


def test_a_lock_of_another_kind_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert not is_held(path)


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("1: FLOCK  ADVISORY  WRITE 1234 {device}:{inode} 0 EOF", True),
        ("1: FLOCK  ADVISORY  READ 1234 {device}:{inode} 0 EOF", True),
        ("1: -> FLOCK  ADVISORY  WRITE 1234 {device}:{inode} 0 EOF", False),
        ("1: POSIX  ADVISORY  WRITE 1234 {device}:{inode} 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE 1234 {device}:{other} 0 EOF", False),
        ("1: FLOCK  ADVISORY  WRITE 1234 {elsewhere}:{inode} 0 EOF", False),
        # btrfs and overlays: a device that stat(2) never shows
        ("1: FLOCK  ADVISORY  WRITE 1234 00:2f:{inode} 0 EOF", True),
        ("", False),
    ],
)
def test_a_file_of_the_same_number_elsewhere_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, held: bool
) -> None:
    path = tmp_path / "lock"
    path.touch()
    status = path.stat()
    major, minor = os.major(status.st_dev), os.minor(status.st_dev)
    if major == 0:
        held |= "{elsewhere}" in line  # nothing to compare where this file lies
    locks = tmp_path / "locks"
    locks.write_text(
        line.format(
            device=f"{major:02x}:{minor:02x}",
            elsewhere=f"{major + 1:02x}:{minor:02x}",
            inode=status.st_ino,
            other=status.st_ino + 1,
        )
    )
    monkeypatch.setattr(lock_probe, "_LOCKS", locks)
    assert is_held(path) is held
