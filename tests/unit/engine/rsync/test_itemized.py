"""What rsync says it changed, as changes: every name whole, whatever chunks it comes in."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records.journal import Change
from engine.rsync.command import TELLING
from engine.rsync.itemized import ItemReader, change_of
from tests.integration.lab import HOSTILE, at, write

OUTPUT = (
    b"cd+++++++++ a/\n"
    b">f+++++++++ a/new\n"
    b"created directory /mnt/x\n"
    b".d..t...... ./\n"
    b"*deleting   gone/\n"
    b"*deleting   other file\n"
    b"hf+++++++++ a/link\n"
    b"cL+++++++++ a/s\\#012ymlink\n"
    b".f...p..... mode\n"
    b"\n"
    b"Number of files: 7 (reg: 4)\n"
)
CHANGES = [
    Change(b"a"),
    Change(b"a/new"),
    Change(b"gone", deep=True),
    Change(b"other file"),
    Change(b"a/link"),
    Change(b"a/s\nymlink"),
    Change(b"mode"),
]
REST = b"created directory /mnt/x\n\nNumber of files: 7 (reg: 4)\n"


def read(chunks: list[bytes]) -> tuple[list[Change], bytes]:
    noted: list[Change] = []
    reader = ItemReader(noted.extend)
    rest = b"".join(reader.feed(chunk) for chunk in chunks)
    reader.close()
    return noted, rest


def test_items_are_noted_and_all_else_passes_through() -> None:
    assert read([OUTPUT]) == (CHANGES, REST)


@given(cuts=st.lists(st.integers(0, len(OUTPUT)), max_size=12).map(sorted))
def test_chunks_may_end_anywhere(cuts: list[int]) -> None:
    ends = [0, *cuts, len(OUTPUT)]
    chunks = [OUTPUT[start:end] for start, end in pairwise(ends)]
    assert read(chunks) == (CHANGES, REST)


def test_a_line_that_was_cut_off_is_no_item() -> None:
    assert read([b">f+++++++++ whole\n>f+++++++++ cut"]) == ([Change(b"whole")], b"")


def test_progress_in_between_hides_no_item() -> None:
    """rsync ends a line of progress with a carriage return, and an item may follow on it."""
    text = b"    1,024  50%  1.00MB/s  0:00:01 (xfr#1, ir-chk=1/3)\r>f+++++++++ a/new\n"
    assert read([text]) == ([Change(b"a/new")], b"")


def test_changes_come_in_lots() -> None:
    lots: list[int] = []
    reader = ItemReader(lambda changes: lots.append(len(changes)))
    for number in range(5_000):
        reader.feed(b">f+++++++++ %d\n" % number)
    reader.close()
    assert sum(lots) == 5_000
    assert 2 <= len(lots) <= 5
    reader.close()
    assert sum(lots) == 5_000


@pytest.mark.parametrize(
    ("item", "name", "change"),
    [
        (b".d..t......", b"./", None),
        (b"cd+++++++++", b"./", None),
        (b"*deleting  ", b"d/", Change(b"d", deep=True)),
        (b"*deleting  ", b"f", Change(b"f")),
        (b"cd+++++++++", b"d/", Change(b"d")),
        (b">f+++++++++", b" \\#134#012 ", Change(b" \\#012 ")),
        (b">f+++++++++", b"a -> b", Change(b"a -> b")),
        (b">f+++++++++", b"bad\xff", Change(b"bad\xff")),
        (b">f+++++++++", b"ends with slash\\#134", Change(b"ends with slash\\")),
    ],
)
def test_one_item(item: bytes, name: bytes, change: Change | None) -> None:
    assert change_of(item, name) == change


@pytest.mark.tool("rsync")
def test_law_34_the_real_rsync_tells_every_name_so_that_it_can_be_read(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    expected = set()
    for name in HOSTILE:
        write(at(source, name))
        write(at(source, b"d" + name[:254], name))
        expected |= {name, b"d" + name[:254], b"d" + name[:254] + b"/" + name}
    target.mkdir()
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}

    def mirror(*options: bytes) -> set[Change]:
        ends = (os.fsencode(source) + b"/", os.fsencode(target) + b"/")
        told = subprocess.run(
            [b"rsync", b"-a", *TELLING, *options, *ends],
            check=True,
            stdout=subprocess.PIPE,
            env=environment,
        )
        noted, rest = read([told.stdout])
        assert rest == b""
        return set(noted)

    assert mirror() == {Change(path) for path in expected}
    for name in HOSTILE:
        at(source, name).unlink()
        at(source, b"d" + name[:254], name).unlink()
        at(source, b"d" + name[:254]).rmdir()
    gone = {path for path in expected if path not in HOSTILE and b"/" not in path}
    noted = mirror(b"--delete")
    assert {one.path for one in noted} == expected
    assert {one.path for one in noted if one.deep} == gone
