"""Reading the folders of a dump: each file to its end, its sum in a list."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from engine.dumps.artefact import Nature
from engine.dumps.figures import NotWhole
from engine.dumps.record import NAME, DumpRecord, FileRecord, record_to_json
from engine.dumps.sums import NAME as SUMS
from engine.dumps.sums import line_of
from engine.system.dumps.folders import reading_folders
from engine.system.host.descent import remove_tree
from tests.integration.lab import HOSTILE, at, write

OTHER = hashlib.sha256(b"of another file").hexdigest()


class OutOfPatience(Exception):
    pass


def read(
    folder: Path, former: Path | None = None, *, listed: bool = True
) -> tuple[FileRecord, str, list[bytes]]:
    """The record of `d`, the sum of the list, and its lines."""
    before = os.fsencode(former) if former is not None else None
    staging = os.fsencode(folder)
    with reading_folders(staging, before, lambda: None, listed=listed) as folders:
        found = folders.record(b"d", Nature.DIRECTORY)
    path = folder / SUMS.decode()
    return found, folders.digest, path.read_bytes().splitlines(keepends=True) if listed else []


def test_every_file_has_its_line(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(at(tmp_path, b"d", name, name), name)
    (tmp_path / "d/link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "d/pipe")
    found, digest, lines = read(tmp_path)
    assert (found.files, found.sha256) == (len(HOSTILE) + 2, "")
    assert digest == hashlib.sha256(b"".join(lines)).hexdigest()
    wanted = [line_of((b"d", n, n), hashlib.sha256(n).hexdigest()) for n in sorted(HOSTILE)]
    assert lines == wanted
    command = ["sha256sum", "--check", "--strict", "--quiet", SUMS.decode()]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_what_is_linked_to_the_dump_before_is_not_read_again(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for name in ("a", "b/c", "b/d", "e"):
        write(old / "d" / name, name)
        write(new / "d" / name, name)
    for name in ("b/c", "e"):
        (new / "d" / name).unlink()
        (new / "d" / name).hardlink_to(old / "d" / name)
    # That each sum is another file's shows where it was taken from.
    lines = [line_of((b"d", *n.split(b"/")), OTHER) for n in (b"a", b"b/c", b"b/d", b"e")]
    leave(old, lines)
    _, _, found = read(new, old)
    assert [line[:64].decode() == OTHER for line in found] == [False, True, False, True]
    # Nobody believes a list that is not the one of its record.
    leave(old, lines, "0" * 64)
    (new / SUMS.decode()).unlink()
    _, _, found = read(new, old)
    assert not any(line[:64].decode() == OTHER for line in found)


def leave(folder: Path, lines: list[bytes], digest: str = "") -> None:
    content = b"".join(lines)
    (folder / SUMS.decode()).write_bytes(content)
    record = DumpRecord(
        source="s",
        server="v",
        client="c",
        began="2026-01-01",
        files=(),
        sums=digest or hashlib.sha256(content).hexdigest(),
    )
    (folder / NAME.decode()).write_text(record_to_json(record))


def test_where_it_does_not_come_to_its_end_there_is_no_list(tmp_path: Path) -> None:
    write(tmp_path / "d/a", "x" * 3_000_000)
    left = iter(range(2))

    def check_time() -> None:
        if next(left, None) is None:
            raise OutOfPatience

    with (
        pytest.raises(OutOfPatience),
        reading_folders(os.fsencode(tmp_path), None, check_time, listed=True) as folders,
    ):
        folders.record(b"d", Nature.DIRECTORY)
    assert not (tmp_path / SUMS.decode()).exists()


@pytest.mark.parametrize("what", ["nothing", "empty", "file", "link"])
def test_law_18_a_folder_that_was_not_filled_is_no_artefact(tmp_path: Path, what: str) -> None:
    path = tmp_path / "d"
    if what in {"nothing", "empty"}:
        path.mkdir()
    if what == "empty":
        write(path / "a", "")
    if what == "file":
        write(path, "1")
    if what == "link":
        path.symlink_to("/etc")
    with pytest.raises(NotWhole):
        read(tmp_path)
    assert not (tmp_path / SUMS.decode()).exists()


def test_what_is_encrypted_gets_no_list(tmp_path: Path) -> None:
    write(tmp_path / "d/a", "secret")
    found, digest, _ = read(tmp_path, listed=False)
    assert (found.size, found.files, digest) == (6, 1, "")
    assert not (tmp_path / SUMS.decode()).exists()


DEEP = "deep" * 50


def test_a_very_deep_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path / "d/a", "1")
    here = os.open(tmp_path / "d", os.O_RDONLY)
    for _ in range(30):
        os.mkdir(DEEP, dir_fd=here)
        inner = os.open(DEEP, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("b", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    found, _, lines = read(tmp_path)
    assert (found.files, len(lines)) == (2, 2)
    remove_tree(os.fsencode(tmp_path / "d"))  # pytest cannot
