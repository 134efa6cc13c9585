"""Pull the plug at the wrong moment, again and again: nothing is lost, and nothing else is touched.

The seed of each test is in its name and in what it prints: the same seed kills at the same steps,
though not at the same microseconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen", "unshare", "mount", "mkfs.ext4")
REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
# Anybody but root needs a user namespace for mounting, and gets a tmpfs instead of a loop device.
NAMESPACE = ["unshare", "--mount"] if ROOT else ["unshare", "--user", "--map-root-user", "--mount"]
ROUNDS = 5


def may_mount() -> bool:
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


class Machine:
    """The other machine: its sshd is stopped and started again, with the same keys."""

    def __init__(self, directory: Path) -> None:
        self._stack = ExitStack()
        self.server = self._stack.enter_context(serving(directory))

    def answer(self, question: str) -> None:
        if question == "stop sshd":
            self.server.stop()
        else:
            self.server.start()

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    found = Machine(tmp_path / "sshd")
    yield found
    found.close()


def rounds(top: Path, machine: Machine, seed: int, count: int) -> list[dict[str, object]]:
    """Run so many rounds in a namespace of their own; what they told."""
    server: Server = machine.server
    command = [*NAMESPACE, sys.executable, "-m", "tests.faults.rounds", str(top), server.yaml()]
    command += [str(seed), str(count), *(["--loop"] if ROOT else [])]
    told = []
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for text in child.stdout:
            line = json.loads(text)
            if "ask" in line:
                machine.answer(line["ask"])
                child.stdin.write("done\n")
                child.stdin.flush()
            else:
                print(f"seed {seed}: {text.strip()}")
                told.append(line)
    assert child.returncode == 0, (told, (top / "log").read_text()[-4000:])
    return told


def judge(told: list[dict[str, object]], count: int, log: Path) -> None:
    each = [line for line in told if "round" in line]
    assert len(each) == count
    wrong = {line["round"]: line["wrong"] for line in each if line["wrong"]}
    assert wrong == {}, f"{wrong}\n{log.read_text()[-4000:]}"


@pytest.mark.skipif(not may_mount(), reason="this user may not mount, not even in a namespace")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_crash_at_any_instant_loses_nothing(tmp_path: Path, machine: Machine, seed: int) -> None:
    top = tmp_path / "world"
    top.mkdir()
    told = rounds(top, machine, seed, ROUNDS)
    judge(told, ROUNDS, top / "log")


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="this user may not mount, not even in a namespace")
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_hundreds_of_crashes_lose_nothing(tmp_path: Path, machine: Machine, seed: int) -> None:
    top = tmp_path / "world"
    top.mkdir()
    told = rounds(top, machine, seed, 25)
    judge(told, 25, top / "log")
    modes = told[-1]["modes"]
    assert isinstance(modes, dict)
    assert modes["incremental"] > 0, "no quiet run was an incremental one: this proves little"
