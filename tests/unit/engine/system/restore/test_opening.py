"""Opening what came encrypted: nothing else is touched, and one that fails keeps no other shut."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from policyctl.decrypting import open_encrypted

pytestmark = pytest.mark.tool("age", "age-keygen")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", made], check=True, capture_output=True)
    return made


def encrypted(path: Path, text: str, key: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    command = ["age", "--recipient", public.stdout.strip(), "--output", str(path)]
    subprocess.run(command, input=text.encode(), check=True)
    return path


def test_each_regular_file_is_opened_beside_itself(tmp_path: Path, key: Path) -> None:
    came = tmp_path / "came"
    encrypted(came / "a.age", "one", key)
    encrypted(came / "b/c.txt.age", "two", key)
    (came / "foreign.age").write_text("my notes")
    encrypted(came / "there.age", "three", key)
    (came / "there").write_text("was there before")
    opened = open_encrypted(os.fsencode(came), key)
    assert [Path(os.fsdecode(one)).name for one in opened.files] == ["a", "c.txt"]
    assert (came / "a").read_text() == "one"
    assert not (came / "a.age").exists()
    assert (came / "there").read_text() == "was there before"
    foreign, there = opened.failed
    assert "foreign.age: it could not be opened with that key" in foreign
    assert "there.age: " in there
    assert "is there already" in there
    left = ["a", "b", "foreign.age", "there", "there.age"]
    assert sorted(one.name for one in came.iterdir()) == left


def test_a_symlink_is_not_followed_and_a_pipe_not_read(tmp_path: Path, key: Path) -> None:
    outside = encrypted(tmp_path / "outside/s.age", "secret", key)
    came = tmp_path / "came"
    came.mkdir()
    (came / "l.age").symlink_to(outside)
    os.mkfifo(came / "p.age")
    (came / "d.age").mkdir()
    assert open_encrypted(os.fsencode(came), key).files == ()
    assert (came / "l.age").is_symlink()
    assert not (came / "l").exists()
