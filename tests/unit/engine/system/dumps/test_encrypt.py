"""Encrypting files and folders with the real age and tar."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.dumps.figures import NotWhole
from engine.system.dumps.encrypt import decrypt, encrypt, pack
from engine.system.host.process import Command, Completed, run
from policy.encryption import Encryption
from tests.integration.lab import HOSTILE, at, tree, write

pytestmark = pytest.mark.tool("age", "age-keygen", "tar")


class Late(Exception):
    pass


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True)
    return tmp_path / "key"


def to(key: Path) -> Encryption:
    command = ["age-keygen", "-y", str(key)]
    public = subprocess.run(command, check=True, capture_output=True, text=True)
    return Encryption(recipients=(public.stdout.strip(),))


def opened(target: Path, key: Path) -> Path:
    """The folder that a packed one comes back as, by what anybody has."""
    decrypt(os.fsencode(target), os.fsencode(target) + b".tar", os.fsencode(key), run)
    came = target.with_name("came")
    came.mkdir()
    subprocess.run(["tar", "-xf", f"{target}.tar", "-C", came], check=True)
    return came


def test_a_folder_comes_back_as_it_was(tmp_path: Path, key: Path) -> None:
    names = [*HOSTILE, b"-dash", b"host:name", b"back\\nslash"]
    for name in names:
        write(at(tmp_path / "plain", name, b"inner"), name)
    (tmp_path / "plain/link").symlink_to("/etc/passwd")
    os.setxattr(tmp_path / "plain/-dash/inner", "user.a", b"b")
    target = tmp_path / "packed.age"
    folder = os.fsencode(tmp_path / "plain")
    pack(folder, sorted([*names, b"link"]), os.fsencode(target), to(key), run)
    assert target.stat().st_mode & 0o777 == 0o600
    came = opened(target, key)
    assert tree(came) == tree(tmp_path / "plain")
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "came", "key", "packed.age", "packed.age.tar", "plain",
    ]  # fmt: skip


def test_holes_stay_holes(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "plain/hole"
    write(path, b"x" * 10_000)
    os.truncate(path, 10 << 30)
    target = tmp_path / "packed.age"
    pack(os.fsencode(path.parent), [b"hole"], os.fsencode(target), to(key), run)
    assert target.stat().st_size < 100_000
    command = f"age --decrypt -i {key} {target} | tar -tv"
    told = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    assert str(10 << 30) in told.stdout


def test_what_cannot_be_packed_leaves_nothing(tmp_path: Path, key: Path) -> None:
    write(tmp_path / "plain/a", "1")
    target = tmp_path / "packed.age"
    with pytest.raises(NotWhole, match=r"could not be packed: .*not-there"):
        pack(os.fsencode(tmp_path / "plain"), [b"not-there"], os.fsencode(target), to(key), run)
    bad = Encryption(recipients=("age1no-key",))
    with pytest.raises(NotWhole, match="could not be encrypted"):
        pack(os.fsencode(tmp_path / "plain"), [b"a"], os.fsencode(target), bad, run)
    assert not target.exists()


def test_whatever_ends_age_ends_tar_as_well(tmp_path: Path, key: Path) -> None:
    """Its time has passed while a large folder is packed."""
    path = tmp_path / "plain/large"
    path.parent.mkdir()
    path.write_bytes(os.urandom(1 << 20) * 64)
    target = tmp_path / "packed.age"

    def late(_: Command) -> Completed:
        raise Late

    with pytest.raises(Late):
        pack(os.fsencode(path.parent), [b"large"], os.fsencode(target), to(key), late)
    assert not target.exists()
    assert [
        one for one in processes() if b"--create" in one and os.fsencode(path.parent) in one
    ] == []


def processes() -> list[bytes]:
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(one.read_bytes())
        except OSError:
            continue
    return found


def test_a_file_comes_back_as_it_was(tmp_path: Path, key: Path) -> None:
    write(tmp_path / "plain", b"content")
    target = os.fsencode(tmp_path / "plain.age")
    encrypt(os.fsencode(tmp_path / "plain"), target, to(key), run)
    with pytest.raises(FileExistsError):
        encrypt(os.fsencode(tmp_path / "plain"), target, to(key), run)
    decrypt(target, os.fsencode(tmp_path / "came"), os.fsencode(key), run)
    assert (tmp_path / "came").read_bytes() == b"content"
