"""Asking the kernel who holds a lock, without being in anybody's way."""

import fcntl
import os
import subprocess
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
        # btrfs and overlays show a device that stat(2) never does; but nobody has this one open
        ("1: FLOCK  ADVISORY  WRITE 1234 00:2f:{inode} 0 EOF", False),
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
        held = False  # nothing to compare where this file lies, and nobody has it open
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


def test_where_devices_cannot_be_compared_whoever_has_it_open_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.touch()
    locks = tmp_path / "locks"
    locks.write_text(f"1: FLOCK  ADVISORY  WRITE 1234 00:2f:{path.stat().st_ino} 0 EOF\n")
    monkeypatch.setattr(lock_probe, "_LOCKS", locks)
    with path.open("w") as open_only:
        assert not is_held(path), open_only
    with hold(path):
        assert is_held(path)


@pytest.mark.root
def test_law_07_a_lock_of_another_memory_disk_is_none_of_this_one(tmp_path: Path) -> None:
    """There the first files have the same numbers, and each leg would wait for a stranger."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        (two / "lock").touch()
        with hold(one / "lock"):
            assert (one / "lock").stat().st_ino == (two / "lock").stat().st_ino
            assert is_held(one / "lock")
            assert not is_held(two / "lock")
    finally:
        for folder in (one, two):
            subprocess.run(["umount", folder], check=True)
