"""A mount namespace of its own: what is mounted there is mounted nowhere else, and goes with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class MountNamespace:
    """Kept alive by a process that sleeps in it."""

    keeper: int

    def prefix(self) -> list[str]:
        """What to put before a command so that it runs there."""
        return ["nsenter", f"--mount=/proc/{self.keeper}/ns/mnt", "--"]

    def __call__(self, *argv: str | Path) -> None:
        """Run a command there, which has to succeed."""
        words = [*self.prefix(), *map(str, argv)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)

    def popen(self, *arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Start `policyctl` there."""
        command = [sys.executable, "-m", "policyctl.main", *map(str, arguments)]
        return subprocess.Popen(
            [*self.prefix(), *command],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def policyctl(self, *arguments: str | Path, **variables: str) -> tuple[int, str, str]:
        """Run `policyctl` there: its code, and what it printed."""
        with self.popen(*arguments, **variables) as process:
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def seen(self, path: Path) -> Path:
        """A path as it is in there, to be read from outside."""
        return Path(f"/proc/{self.keeper}/root", *path.parts[1:])


@contextmanager
def mount_namespace() -> Iterator[MountNamespace]:
    """Make one for the length of the block."""
    command = ["unshare", "--mount", "--propagation", "private", "sleep", "600"]
    with subprocess.Popen(command) as keeper:
        mine = Path("/proc/self/ns/mnt").readlink()
        deadline = time.monotonic() + 20
        # Private once `unshare` has become `sleep`: it changes the propagation before that.
        while _runs(keeper.pid) != "sleep" or Path(f"/proc/{keeper.pid}/ns/mnt").readlink() == mine:
            assert time.monotonic() < deadline, "no mount namespace was made"
            time.sleep(0.01)
        try:
            yield MountNamespace(keeper.pid)
        finally:
            keeper.kill()


def _runs(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text().strip()
