"""The README's first command: what a new user sees before anything else."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.tool("rsync")
def test_the_demonstration_comes_to_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    skipped = [line for line in done.stdout.splitlines() if line.startswith("# skipped: ")]
    assert any(
        "lvm-snapshots: refused" in line and "this machine's own" in line for line in skipped
    )
    assert any("vault-snapshot: refused" in line and "in the cluster" in line for line in skipped)
