"""Opening what came encrypted: nothing else is touched, and one that fails keeps no other shut."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.system.dumps.encrypt import ASIDE
from engine.system.restore.opening import Opened, is_shut, open_encrypted

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


def opened_in(folder: Path, name: str, key: Path) -> Opened:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return open_encrypted(directory, os.fsencode(name), os.fsencode(key))
    finally:
        os.close(directory)


def test_each_regular_file_is_opened_beside_itself(tmp_path: Path, key: Path) -> None:
    came = tmp_path / "came"
    encrypted(came / "a.age", "one", key)
    encrypted(came / "b/c.txt.age", "two", key)
    (came / "foreign.age").write_text("my notes")
    encrypted(came / "there.age", "three", key)
    (came / "there").write_text("was there before")
    opened = opened_in(tmp_path, "came", key)
    assert opened.files == (b"came/a", b"came/b/c.txt")
    assert (came / "a").read_text() == "one"
    assert not (came / "a.age").exists()
    assert (came / "there").read_text() == "was there before"
    foreign, there = opened.failed
    assert "came/foreign.age: it could not be opened with that key" in foreign
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
    assert opened_in(tmp_path, "came", key) == Opened()
    assert (came / "l.age").is_symlink()
    assert not (came / "l").exists()


def test_one_file_alone(tmp_path: Path, key: Path) -> None:
    encrypted(tmp_path / "a.age", "one", key)
    assert opened_in(tmp_path, "a.age", key).files == (b"a",)
    assert (tmp_path / "a").read_text() == "one"
    assert opened_in(tmp_path, "a.age", key) == Opened()


def test_what_a_killed_try_has_left_is_taken_up(tmp_path: Path, key: Path) -> None:
    """Amid the first file, and between the name of the second and the end of what it was."""
    came = tmp_path / "came"
    encrypted(came / "a.age", "one", key)
    (came / f"a{ASIDE.decode()}").write_text("on")
    encrypted(came / "b.age", "two", key)
    (came / "b").write_text("two")
    assert opened_in(tmp_path, "came", key) == Opened(files=(b"came/a", b"came/b"))
    assert {one.name: one.read_text() for one in came.iterdir()} == {"a": "one", "b": "two"}


def test_a_symlink_in_the_place_of_the_plain_file_is_no_such_file(
    tmp_path: Path, key: Path
) -> None:
    came = tmp_path / "came"
    encrypted(came / "a.age", "one", key)
    (tmp_path / "same").write_text("one")
    (came / "a").symlink_to(tmp_path / "same")
    (failed,) = opened_in(tmp_path, "came", key).failed
    assert "a is there already" in failed
    assert (came / "a.age").exists()


def test_one_reason_is_told_once(tmp_path: Path, key: Path) -> None:
    for name in ("a", "b", "c"):
        encrypted(tmp_path / f"came/{name}.age", name, key)
    (tmp_path / "wrong").write_text("no key")
    (failed,) = opened_in(tmp_path, "came", tmp_path / "wrong").failed
    assert failed.startswith("came/a.age and 2 more: it could not be opened with that key: ")


def test_whether_something_is_left_shut(tmp_path: Path, key: Path) -> None:
    encrypted(tmp_path / "came/in/a.age", "one", key)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/d.age").mkdir()
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        shut = [is_shut(directory, name) for name in (b"came", b"plain", b"gone")]
        assert shut == [True, False, False]
    finally:
        os.close(directory)
