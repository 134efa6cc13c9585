"""Reading the answer of an SSH destination; the script itself is run by the real `sh`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.reach.targets import Presence
from engine.runs.probe import (
    ASK,
    MAKE,
    MAKE_WAY,
    REFUSALS,
    RENAME,
    RENAMED,
    greeting,
    parse_answer,
    speaks,
)
from tests.integration.lab import HOSTILE, at, tree, write
from tests.integration.mounts import mount_namespace


def asked(root: Path, target: Path, *names: bytes) -> bytes:
    ends = (os.fsencode(root), os.fsencode(target))
    command = [b"sh", b"-c", ASK, b"sh", *ends, b".aside", *names]
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


@pytest.mark.tool("sh", "df", "find")
def test_the_script_tells_whether_the_plan_lies_at_the_root(tmp_path: Path) -> None:
    target = tmp_path / "root/copies"
    target.mkdir(parents=True)
    found = []
    for make in (lambda: None, lambda: write(tmp_path / "root/.policyctl-plan.json")):
        make()
        answer = parse_answer(asked(tmp_path / "root", target, b"copies"))
        assert answer is not None
        assert answer.room is not None
        found.append(answer.left)
    assert found == [False, True]


@pytest.mark.tool("sh", "df", "find")
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_script_tells_a_symlink_on_the_way(tmp_path: Path, level: int) -> None:
    names = (b"a b", b"-n", b"c\nd")
    way = [*names, b".aside"]
    (tmp_path / "root").mkdir()
    target = at(tmp_path, b"root", *names)
    at(target, b".aside").mkdir(parents=True)
    straight = parse_answer(asked(tmp_path / "root", target, *names))
    assert straight is not None
    assert (straight.astray, straight.target) == (0, True)
    there = at(tmp_path, b"root", *way[:level])
    there.rename(tmp_path / "moved")
    there.symlink_to(tmp_path / "moved")
    answer = parse_answer(asked(tmp_path / "root", target, *names))
    assert answer is not None
    assert (answer.astray, answer.target) == (level, True)
    assert answer.room is not None
    # The root itself may be one: the manifest names it.
    (tmp_path / "root").rename(tmp_path / "elsewhere")
    (tmp_path / "root").symlink_to("elsewhere")
    again = parse_answer(asked(tmp_path / "root", target, *names))
    assert again is not None
    assert again.astray == level


@pytest.mark.tool("sh")
@pytest.mark.parametrize("script", [MAKE, MAKE_WAY], ids=["make", "make way"])
def test_directories_are_made_below_a_root_that_is_there(tmp_path: Path, script: bytes) -> None:
    names = [b"a", b"-b", b"c\nd"]
    command = [b"sh", b"-c", script, b"sh", os.fsencode(tmp_path), *names]
    assert subprocess.run(command).returncode == 0
    assert subprocess.run(command).returncode == 0
    assert at(tmp_path, *names).stat().st_mode & 0o777 == 0o700
    command[4] = os.fsencode(tmp_path / "none")
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0
    assert not (tmp_path / "none").exists()


@pytest.mark.tool("sh")
def test_law_41_none_is_made_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a").symlink_to(tmp_path / "outside")
    root = os.fsencode(tmp_path / "root")
    command = [b"sh", b"-c", MAKE_WAY, b"sh", root, b"a", b"b"]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, b"astray\n")
    assert list((tmp_path / "outside").iterdir()) == []


# ── Renaming ─────────────────────────────────────────────────────────────────────────────────

_KNOWN = {"sh": (b"sh",), "dash": (b"dash",), "bash": (b"bash",), "busybox": (b"busybox", b"sh")}
SHELLS = {name: words for name, words in _KNOWN.items() if shutil.which(name)}
"""Those that are there; a NAS has one of them."""
every_shell = pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)


def renaming(shell: tuple[bytes, ...], root: bytes, old: bytes, new: bytes) -> list[bytes]:
    """The command that renames a path below a root to another one."""
    ends = [part for one in (old, new) for part in os.path.split(one)]
    return [*shell, b"-c", RENAME, b"sh", root, *ends]


def renamed(shell: tuple[bytes, ...], root: Path, old: str | bytes, new: str | bytes) -> bytes:
    """What the script answers; nothing but one word may come with each end."""
    command = renaming(shell, os.fsencode(root), os.fsencode(old), os.fsencode(new))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/")
    answer = done.stdout.rstrip(b"\n")
    assert (answer == RENAMED) == (done.returncode == 0)
    assert answer == RENAMED or answer in REFUSALS
    return answer


@every_shell
def test_a_path_is_renamed_and_nothing_copied(tmp_path: Path, shell: tuple[bytes, ...]) -> None:
    write(tmp_path / "old/a/1", b"one")
    (tmp_path / "new/deep").mkdir(parents=True)
    inode = (tmp_path / "old/a").stat().st_ino
    assert renamed(shell, tmp_path, "old/a", "new/deep/b") == RENAMED
    assert (tmp_path / "new/deep/b").stat().st_ino == inode
    assert (tmp_path / "new/deep/b/1").read_bytes() == b"one"
    assert renamed(shell, tmp_path, "new/deep/b", "top") == RENAMED, "to the root itself"
    assert renamed(shell, tmp_path, "top", "old/b") == RENAMED, "and from there"
    (tmp_path / "old/link").symlink_to("/nowhere")
    assert renamed(shell, tmp_path, "old/link", "link") == RENAMED
    assert (tmp_path / "link").readlink() == Path("/nowhere")


@every_shell
@pytest.mark.parametrize("ending", ["", "/", "//", "/."])
def test_the_root_may_be_written_in_any_way(
    tmp_path: Path, shell: tuple[bytes, ...], ending: str
) -> None:
    write(tmp_path / "disk\n/old/1")
    (tmp_path / "way\n").symlink_to("disk\n")
    root = os.fsencode(tmp_path / "way\n") + ending.encode()
    done = subprocess.run(renaming(shell, root, b"old", b"new"), stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"renamed\n")
    assert (tmp_path / "disk\n/new/1").exists()


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter", "chroot")
def test_the_root_may_be_that_of_the_machine(tmp_path: Path) -> None:
    """An account may be shut into its folder."""
    with mount_namespace() as there:
        cell = there.seen(tmp_path)
        for name in ("bin", "lib", "lib64", "usr"):
            if Path("/", name).exists():
                (tmp_path / name).mkdir()
                there("mount", "--bind", Path("/", name), tmp_path / name)
        write(cell / "old/1", b"one")
        (cell / "x").mkdir()
        for old, new in ((b"old", b"new"), (b"new", b"x/newer"), (b"x/newer", b"last")):
            command = [b"chroot", os.fsencode(tmp_path), *renaming((b"sh",), b"/", old, new)]
            words = [*map(os.fsencode, there.prefix()), *command]
            assert subprocess.run(words, stdout=subprocess.PIPE).stdout == b"renamed\n"
        assert (cell / "last/1").read_bytes() == b"one"


@every_shell
def test_law_34_hostile_names_are_renamed(tmp_path: Path, shell: tuple[bytes, ...]) -> None:
    for name in (*HOSTILE, b"ends\n", b"$HOME", b"`id`", b"--", b"-", b"-n", b"*"):
        write(at(tmp_path, b"old", name, name), name)
        at(tmp_path, b"new", name).mkdir(parents=True)
        paths = [b"/".join((b"old", name, name)), b"/".join((b"new", name, name))]
        assert renamed(shell, tmp_path, *paths) == RENAMED
        assert renamed(shell, tmp_path, b"/".join((b"new", name)), name) == RENAMED
        assert at(tmp_path, name, name).read_bytes() == name


@every_shell
@pytest.mark.parametrize("kind", ["file", "directory", "full", "symlink", "dangling"])
def test_nothing_is_overwritten(tmp_path: Path, shell: tuple[bytes, ...], kind: str) -> None:
    """`mv` by itself would put it into a directory, or behind a symlink to one."""
    write(tmp_path / "old/1", b"one")
    write(tmp_path / "elsewhere/2", b"two")
    target = tmp_path / "new"
    match kind:
        case "file":
            target.write_bytes(b"theirs")
        case "directory":
            target.mkdir()
        case "full":
            write(target / "3", b"three")
        case "symlink":
            target.symlink_to("elsewhere")
        case _:
            target.symlink_to("nowhere")
    before = tree(tmp_path)
    assert renamed(shell, tmp_path, "old", "new") == b"taken"
    assert tree(tmp_path) == before


@every_shell
def test_law_41_no_symlink_on_the_way(tmp_path: Path, shell: tuple[bytes, ...]) -> None:
    write(tmp_path / "root/old/1", b"one")
    write(tmp_path / "out/2", b"two")
    (tmp_path / "root/link").symlink_to(tmp_path / "out")
    (tmp_path / "root/inside").symlink_to("old")
    before = tree(tmp_path)
    for old, new in (
        ("link/2", "mine"),
        ("old/1", "link/1"),
        ("old", "link/old"),
        ("inside/1", "mine"),
        ("../out/2", "mine"),
    ):
        assert renamed(shell, tmp_path / "root", old, new) == b"astray", (old, new)
    assert tree(tmp_path) == before


@every_shell
def test_what_is_not_there(tmp_path: Path, shell: tuple[bytes, ...]) -> None:
    write(tmp_path / "old/1", b"one")
    for old, new in (("none", "new"), ("old/none", "new"), ("no/ne", "new"), ("old/1/2", "new")):
        assert renamed(shell, tmp_path, old, new) == b"missing", (old, new)
    assert renamed(shell, tmp_path, "old", "no/directory") == b"missing"
    command = renaming(shell, os.fsencode(tmp_path / "away"), b"old", b"new")
    done = subprocess.run(command, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b""), "the root is never made"


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter")
@every_shell
def test_another_file_system_is_never_copied_to(tmp_path: Path, shell: tuple[bytes, ...]) -> None:
    write(tmp_path / "old/1", b"one")
    (tmp_path / "other").mkdir()
    with mount_namespace() as there:
        there("mount", "-t", "tmpfs", "none", tmp_path / "other")
        command = renaming(shell, os.fsencode(tmp_path), b"old", b"other/old")
        words = [*map(os.fsencode, there.prefix()), *command]
        done = subprocess.run(words, stdout=subprocess.PIPE)
        assert (done.returncode, done.stdout) == (3, b"elsewhere\n")
        assert list(there.seen(tmp_path / "other").iterdir()) == []
    assert (tmp_path / "old/1").read_bytes() == b"one"


def test_a_machine_that_cannot_say_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `stat` of BSD knows no `-c`."""
    write(tmp_path / "bin/stat", "#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/stat").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    write(tmp_path / "old/1", b"one")
    assert renamed((b"sh",), tmp_path, "old", "new") == b"unable"
    assert (tmp_path / "old/1").exists()


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
