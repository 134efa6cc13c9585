"""`policyctl status --watch` on a real terminal, and where there is none."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, Machine

ENTER, LEAVE, HOME = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l", b"\x1b[H\x1b[2J"
PATIENCE = 60.0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    assert found("apply").code == 0
    return found


def started(machine: Machine, stdout: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "policyctl.main", "status", "--watch", "1"]
    command += ["-p", str(machine.manifest), "--root", str(machine.root)]
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=variables)


def read_until(descriptor: int, seen: bytes, mark: bytes, times: int) -> bytes:
    deadline = time.monotonic() + PATIENCE
    while seen.count(mark) < times:
        assert time.monotonic() < deadline, seen
        seen += os.read(descriptor, 65536)
    return seen


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_terminal_is_restored_however_it_ends(
    machine: Machine, sent: signal.Signals, code: int
) -> None:
    ours, theirs = pty.openpty()
    with started(machine, theirs) as process:
        os.close(theirs)
        seen = read_until(ours, b"", HOME, 2)
        assert seen.startswith(ENTER)
        process.send_signal(sent)
        seen = read_until(ours, seen, LEAVE, 1)
        assert process.wait(PATIENCE) == code
    os.close(ours)
    assert seen.endswith(LEAVE)
    screens = seen.split(HOME)[1:]
    assert all(b"OK: 4 legs: " in one for one in screens)


def test_without_a_terminal_it_is_plain_repetition(machine: Machine) -> None:
    ours, theirs = os.pipe()
    with started(machine, theirs) as process:
        os.close(theirs)
        seen = read_until(ours, b"", b"OK: 4 legs: ", 2)
        assert b"\x1b" not in seen
        os.close(ours)  # nobody reads any more: it ends by itself
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_what_a_look_cannot_read_is_shown_and_looked_at_again(machine: Machine) -> None:
    state = machine.root / "var/lib/policyctl/state.db"
    aside = state.with_name("aside.db")
    state.rename(aside)
    ours, theirs = os.pipe()
    with started(machine, theirs) as process:
        os.close(theirs)
        seen = read_until(ours, b"", b"state.db is not there, though a plan is applied", 1)
        aside.rename(state)
        read_until(ours, seen, b"OK: 4 legs: ", 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    os.close(ours)


@pytest.mark.parametrize("words", [["5"], ["--watch", "--json"], ["--watch", "0"]])
def test_what_makes_no_sense_is_refused(machine: Machine, words: list[str]) -> None:
    done = machine("status", *words)
    assert done.code == 2
