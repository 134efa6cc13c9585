"""How far a transfer is: rsync's own lines, from the real rsync and as its documents have them."""

import subprocess
from pathlib import Path

import pytest

from engine.progress import OPTION, Progress, ProgressReader, parse_progress
from engine.rsync.output import parse_figures
from tests.integration.lab import HOSTILE, at, write


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (
            b"        32768   0%    0.00kB/s    0:00:00  ",
            Progress(bytes=32768, rate=0.0, files=0, left=None, known=None),
        ),
        (
            b"    1,190,842,23   4%  698.80MB/s    0:00:00 (xfr#5, to-chk=1062/1071)",
            Progress(bytes=119084223, rate=698.8e6, files=5, left=1062, known=1071),
        ),
        (
            b"   5000000000 100%    1.25GB/s    1:00:00 (xfr#12, ir-chk=1/30)",
            Progress(bytes=5_000_000_000, rate=1.25e9, files=12, left=1, known=30),
        ),
        (  # rsync's words for more than 9,999 hours
            b"            1   0%    0.01kB/s  ??:??:??  ",
            Progress(bytes=1, rate=10.0, files=0, left=None, known=None),
        ),
    ],
)
def test_a_line_of_progress_is_read(line: bytes, progress: Progress) -> None:
    assert parse_progress(line) == progress


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Number of files: 3 (reg: 1, dir: 2)",
        b"<f+++++++++ 100% 1.00MB/s 0:00:00",
        b"*deleting   12 50% 1.00MB/s 0:00:01",
        b"cannot delete non-empty directory: 12 50% 1.00MB/s 0:00:01",
        b"total size is 0  speedup is 0.00",
        b"   12   50%",
    ],
)
def test_whatever_else_rsync_says_is_none(line: bytes) -> None:
    assert parse_progress(line) is None


OUTPUT = (
    b"\r        32768   0%    0.00kB/s    0:00:00  "
    b"\r        68496   1%   34.07MB/s    0:00:00 (xfr#1, to-chk=9/10)"
    b"<f+++++++++ a name\n"
    b"\r       100000 100%   34.07MB/s    0:00:00 (xfr#2, to-chk=0/10)\n"
    b"cannot delete non-empty directory: x\n"
    b"\n"
    b"Number of files: 10 (reg: 9, dir: 1)\n"
    b"Number of deleted files: 0\n"
)


def read(output: bytes, size: int) -> tuple[Progress | None, bytes]:
    reader, newest, kept = ProgressReader(), None, b""
    for at_ in range(0, len(output), size):
        progress, rest = reader.feed(output[at_ : at_ + size])
        newest = progress or newest
        kept += rest
    return newest, kept


def test_a_cut_anywhere_loses_nothing() -> None:
    whole = read(OUTPUT, len(OUTPUT))
    assert whole[0] == Progress(bytes=100000, rate=34.07e6, files=2, left=0, known=10)
    assert whole[1] == (
        b"<f+++++++++ a name\n"
        b"cannot delete non-empty directory: x\nNumber of files: 10 (reg: 9, dir: 1)\n"
        b"Number of deleted files: 0\n"
    )
    for size in range(1, len(OUTPUT)):
        assert read(OUTPUT, size) == whole


@pytest.mark.tool("rsync")
def test_the_real_rsync_is_read_and_its_other_words_are_kept(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(at(tmp_path / "source", b"d", name), b"x" * 1000)
    write(tmp_path / "copies/gone")
    command = [b"rsync", b"-r", b"--delete", b"--no-human-readable"]
    ends = [bytes(tmp_path / "source") + b"/", bytes(tmp_path / "copies") + b"/"]
    said = subprocess.run(
        [*command, OPTION, b"--out-format=%i %n", b"--8-bit-output", *ends],
        stdout=subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        check=True,
    ).stdout
    assert b"\r" in said, "or it tells no progress"
    newest, kept = read(said, 7)
    assert newest is not None
    assert (newest.files, newest.left) == (len(HOSTILE), 0)
    assert newest.bytes == 1000 * len(HOSTILE)
    assert b"\r" not in kept
    assert b"%" not in kept
    figures = parse_figures(kept)
    assert (figures.files, figures.deleted) == (len(HOSTILE), 1)
    assert kept.count(b"<f+++++++++ ") + kept.count(b">f+++++++++ ") == len(HOSTILE)
    assert b"*deleting   gone\n" in kept
