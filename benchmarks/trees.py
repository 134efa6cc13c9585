"""Trees of any size, and a laboratory that keeps one: manifest, disk, tracker, all below a root."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FILES_IN_ONE = 100
_MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {disk}, media: hdd, site: home{ssh}}}
sources:
  data: {{kind: tree, path: {source}, track: true}}
legs:
  nightly: {{kind: mirror, to: "disk:/", schedule: "02:00", timeout: 2h, full_every: 30d}}
routes:
  {source}: nightly
"""


def file_name(number: int) -> str:
    """Where a file lies below the root: a hundred in a directory, a hundred of these in another."""
    directory = number // FILES_IN_ONE
    return f"{directory // 100:03d}/{directory % 100:02d}/file-{number % FILES_IN_ONE:02d}.dat"


def make_files(root: Path, count: int) -> None:
    """Make so many files, empty ones: what a pass looks at is names and times."""
    for first in range(0, count, FILES_IN_ONE):
        directory = (root / file_name(first)).parent
        directory.mkdir(parents=True)
        inside = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        for number in range(FILES_IN_ONE):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            os.close(os.open(f"file-{number:02d}.dat", flags, 0o644, dir_fd=inside))
        os.close(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """A root with a source, a disk, and the commands that work on them.

    With `ssh`, the keys of a destination over there, it is this very machine's root, and all lies
    in a folder: below another root such a destination is a local directory.
    """

    root: Path
    ssh: str = ""
    manifest: str = _MANIFEST

    def __post_init__(self) -> None:
        self.source.mkdir(parents=True)
        self.disk.mkdir(parents=True)
        top = self.root if self.ssh else ""
        text = self.manifest.format(
            host=socket.gethostname(),
            source=f"{top}/srv/data",
            disk=f"{top}/mnt/disk",
            ssh=f", {self.ssh}" if self.ssh else "",
        )
        self.policy.write_text(text)
        self.policy.chmod(0o644)

    @property
    def source(self) -> Path:
        """The live data."""
        return self.root / "srv/data"

    @property
    def disk(self) -> Path:
        """Where the copies go."""
        return self.root / "mnt/disk"

    @property
    def policy(self) -> Path:
        """The manifest."""
        return self.root / "backup-policy.yaml"

    @property
    def journal(self) -> Path:
        """The change journal."""
        return self.root / "var/lib/policyctl/journal.db"

    def command(self, *arguments: str) -> list[str]:
        """A command of policyctl for this root."""
        root = () if self.ssh else ("--root", str(self.root))
        return [sys.executable, "-m", "policyctl.main", *arguments, *root]

    @contextmanager
    def tracker(self) -> Iterator[int]:
        """Track the source for the length of the block; the tracker's process id."""
        child = subprocess.Popen(
            self.command("track"), cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
        )
        try:
            assert child.stderr is not None
            while "directories are watched" not in (line := child.stderr.readline()):
                assert line, f"the tracker ended with {child.wait()}"
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait()


def resident(process: int) -> float:
    """Megabytes of memory that a process holds now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
