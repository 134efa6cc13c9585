"""Progress on a terminal, and silence where there is none: a real run, a real pseudo-terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from datetime import timedelta
from pathlib import Path

import pytest

from engine.progress import Progress
from policyctl.views.progress import progress_line
from tests.integration.lab import Lab, manifest, write

REPOSITORY = Path(__file__).resolve().parents[4]
RUN = """\
import sys
from datetime import datetime
from pathlib import Path
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from policyctl.views.progress import progress_of
from tests.integration.lab import compiled
root, text, now, verbose = sys.argv[1:]
with progress_of(verbose=verbose == "verbose") as (sentence, sink):
    report = run_leg(
        compiled(Path(text).read_text()), "nightly", places=Places(root=Path(root)),
        clock=lambda: datetime.fromisoformat(now), progress=sentence, sink=sink,
    )
print(report.status.value)
"""


def started(lab: Lab, verbose: str, stderr: int) -> subprocess.Popen[bytes]:
    text = lab.root / "policy.yaml"
    text.write_text(lab.text)
    lab.now += timedelta(days=1)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(lab.root), str(text), lab.now.isoformat(), verbose],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def on_a_terminal(lab: Lab, columns: int) -> bytes:
    """What a run shows on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = started(lab, "quiet", theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert out == b"ok\n"
    return shown


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, manifest(", bandwidth: 1M"))
    write(lab.source / "large", os.urandom(1_500_000))
    return lab


@pytest.mark.tool("rsync")
@pytest.mark.parametrize("columns", [200, 40])
def test_a_terminal_shows_one_line_and_is_left_clean(lab: Lab, columns: int) -> None:
    shown = on_a_terminal(lab, columns)
    assert b"\n" not in shown, "one line that is written over"
    lines = [one for one in shown.split(b"\r") if one]
    assert any(one.startswith(b"data: ") and b" MiB, " in one for one in lines), lines
    assert {len(one) for one in lines} == {min(78, columns - 1)}, "never wider than the terminal"
    assert lines[-1].strip() == b""
    assert shown.endswith(b"\r")


@pytest.mark.tool("rsync")
def test_without_a_terminal_there_is_silence_and_verbose_tells_steps(lab: Lab) -> None:
    out, err = started(lab, "quiet", subprocess.PIPE).communicate(timeout=30)
    assert (out, err) == (b"ok\n", b"")
    out, err = started(lab, "verbose", subprocess.PIPE).communicate(timeout=30)
    assert out == b"ok\n"
    assert b"data: copy, and count deletions: rsync " in err
    assert b"\r" not in err


@pytest.mark.tool("rsync")
def test_a_terminal_that_goes_away_does_not_end_the_run(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    process = started(lab, "quiet", theirs)
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert out == b"ok\n"


@pytest.mark.parametrize(
    ("progress", "entries", "size", "line"),
    [
        (
            Progress(bytes=500 * 2**20, rate=10.0 * 2**20, files=1200, left=None, known=None),
            None,
            2**30,
            "data: 500.0 MiB of 1.0 GiB, 1,200 files, 10.0 MiB/s, 0 min 52 s left",
        ),
        (
            Progress(bytes=2**20, rate=0.0, files=0, left=25, known=50),
            100,
            None,
            "data: 1.0 MiB, 0 files, 0 B/s, 75% looked at",
        ),
        (
            Progress(bytes=2 * 2**30, rate=2.0**20, files=1, left=None, known=None),
            None,
            2**30,
            "data: 2.0 GiB of 1.0 GiB, 1 files, 1.0 MiB/s, 0 min 00 s left",
        ),
        (
            Progress(bytes=0, rate=0.0, files=0, left=None, known=None),
            None,
            None,
            "data: 0 B, 0 files, 0 B/s",
        ),
    ],
)
def test_a_line_says_no_more_than_is_known(
    progress: Progress, entries: int | None, size: int | None, line: str
) -> None:
    assert progress_line("data", progress, entries=entries, size=size) == line
