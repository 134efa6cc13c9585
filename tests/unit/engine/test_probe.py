"""Reading the answer of an SSH destination; the script itself is run by the real `sh`."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.preflight import Presence
from engine.probe import ASK, MAKE, greeting, parse_answer, speaks
from tests.integration.lab import HOSTILE, at, write


def asked(root: Path, target: Path) -> bytes:
    command = [b"sh", b"-c", ASK, b"sh", os.fsencode(root), os.fsencode(target), b".aside"]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


@pytest.mark.tool("rsync", "sh", "df", "find")
def test_the_script_answers_for_a_full_directory(tmp_path: Path) -> None:
    target = tmp_path / "copies"
    for name in HOSTILE:
        write(at(target, name))
    (target / "directory").mkdir()
    (target / "link").symlink_to("directory")
    (target / ".aside/run").mkdir(parents=True)
    answer = parse_answer(asked(tmp_path, target))
    assert answer is not None
    assert answer.rsync is not None
    assert answer.root is Presence.DIRECTORY
    assert answer.room is not None
    assert answer.room[0] <= answer.room[1]
    assert answer.target
    assert set(answer.entries) == {
        *((name, False) for name in HOSTILE),
        (b"link", False),
        (b"directory", True),
        (b".aside", True),
    }
    assert answer.set_aside == ((b"run", True),)


@pytest.mark.tool("sh", "df", "find")
def test_the_script_answers_for_what_is_not_there(tmp_path: Path) -> None:
    answer = parse_answer(asked(tmp_path, tmp_path / "none"))
    assert answer is not None
    assert (answer.root, answer.target, answer.entries) == (Presence.DIRECTORY, False, ())
    missing = parse_answer(asked(tmp_path / "none", tmp_path / "none/copies"))
    assert missing is not None
    assert (missing.root, missing.room, missing.target) == (Presence.MISSING, None, False)
    write(tmp_path / "file")
    other = parse_answer(asked(tmp_path / "file", tmp_path / "file/copies"))
    assert other is not None
    assert other.root is Presence.OTHER


@pytest.mark.tool("sh")
def test_directories_are_made_below_a_root_that_is_there(tmp_path: Path) -> None:
    names = [b"a", b"-b", b"c\nd"]
    command = [b"sh", b"-c", MAKE, b"sh", os.fsencode(tmp_path), *names]
    assert subprocess.run(command).returncode == 0
    assert subprocess.run(command).returncode == 0
    assert at(tmp_path, *names).stat().st_mode & 0o777 == 0o700
    command[4] = os.fsencode(tmp_path / "none")
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"This account is not available.\n",
        b"rsync  version 3.2.7  protocol version 31\n",
        b"directory\n\nname\0\0",
    ],
)
def test_any_other_answer_is_none(output: bytes) -> None:
    assert parse_answer(output) is None


def test_a_greeting_before_the_answer_does_no_harm() -> None:
    answer = parse_answer(
        b"Welcome!\nrsync  version 3.2.7\ndirectory\n/dev/a 9 4 5 44% /\n\npresent\n\0\0"
    )
    assert answer is not None
    assert (answer.rsync, answer.room, answer.target) == ((3, 2, 7), (5 * 1024, 9 * 1024), True)


@pytest.mark.parametrize("lists", [b"", b"present\n", b"present\n\0", b"absent\n\0\0", b"\0\0"])
def test_law_01_a_directory_that_was_not_listed_is_never_taken_for_empty(lists: bytes) -> None:
    """Without a listing nothing would be foreign, and all of it would be deleted."""
    assert parse_answer(b"rsync  version 3.2.7\ndirectory\n\n" + lists) is None


@pytest.mark.parametrize(
    ("line", "room"),
    [
        (b"/dev/sda1 1000 400 600 40% /", (600, 1000)),
        (b"/dev/mapper/a%b 1000 400 600 40% /mnt/100% full", (600, 1000)),
        (b"//nas/50% off share 1000 400 600 40% /mnt", (600, 1000)),
        (b"server:/a 1% b 1000 400 600 40% /mnt", (600, 1000)),
        (b"tank/backup 5000000000000 1 4999999999999 1% /tank", (4999999999999, 5000000000000)),
        (b"/dev/sda1 1000 1000 -50 105% /", (0, 1000)),
        (b"none 0 0 0 - /proc", None),
        (b"/dev/sda1 - - - - /mnt", None),
        (b"df: /mnt: No such file or directory", None),
    ],
)
def test_the_room_is_read_whatever_the_names_hold(
    line: bytes, room: tuple[int, int] | None
) -> None:
    answer = parse_answer(b"rsync  version 3.2.7\ndirectory\n" + line + b"\n\nabsent\n")
    assert answer is not None
    assert answer.room == (None if room is None else (room[0] * 1024, room[1] * 1024))


@pytest.mark.parametrize(
    ("output", "said", "shell"),
    [
        (b"rsync  version 3.2.7\ndirectory\n\npresent\n\0\0", b"", True),
        (b"directory\n\npresent\n\0\0", b"", True),
        (b"Welcome!\nrsync  version 3.2.7\ndirectory\n", b"Welcome!", True),
        (b"\n\nWelcome!\n\nrsync  version 3.2.7\nmissing\n", b"Welcome!", True),
        (b"Welcome!\ndirectory\n", b"Welcome!", True),
        (b"This account is not available.\n", b"", False),
        (b"", b"", False),
    ],
)
def test_a_shell_that_speaks_is_told_from_one_that_is_not_there(
    output: bytes, said: bytes, shell: bool
) -> None:
    assert greeting(output) == said
    assert speaks(output) is shell


@pytest.mark.tool("sh", "df", "find", "rsync")
def test_a_list_that_could_not_be_made_is_no_answer_but_a_shell(tmp_path: Path) -> None:
    write(tmp_path / "file")
    output = asked(tmp_path, tmp_path / "file")
    assert parse_answer(output) is None
    assert speaks(output)
