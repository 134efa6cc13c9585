"""A machine with a real btrfs, on a loop device, whose subvolumes are a source."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.generations.names import moment_of
from engine.items.subvolumes import SNAPSHOTS
from tests.integration.lab import Lab, at, write

MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  data: {{kind: btrfs, path: /srv/pool, subvolumes: "{pattern}"{source}}}
legs:
  snaps: {{kind: snapshot, schedule: "00:00", keep: {{last: 2}}, timeout: 5m{snaps}}}
  files: {{kind: versions, from: snaps, to: "disk:/files", schedule: "01:00", keep: {{last: 2}},
           timeout: 5m}}
  dbs: {{kind: sqlite, from: snaps, to: "disk:/dbs", schedule: "02:00", keep: {{last: 2}},
         timeout: 5m}}
routes:
  "data:": snaps
  "data:scratch": {{none: "scratch"}}
"""


def text(pattern: str = "*", source: str = "", snaps: str = "") -> str:
    host = socket.gethostname()
    return MANIFEST.format(host=host, pattern=pattern, source=source, snaps=snaps)


def do(*argv: str | bytes | Path) -> str:
    """Run a command that has to succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


def subvolume(path: Path | bytes) -> None:
    do("btrfs", "-q", "subvolume", "create", path)


@contextmanager
def mounted_btrfs(
    folder: Path, at_: Path, *, name: str = "image", options: str = ""
) -> Iterator[Path]:
    """Make one and mount it for the length of the block; the file that holds it."""
    image = folder / name
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(256 * 2**20)
        do("mkfs.btrfs", "-q", image)
    at_.mkdir(parents=True, exist_ok=True)
    do("mount", "-o", f"loop{options}", image, at_)  # the loop device goes when it is unmounted
    try:
        yield image
    finally:
        subprocess.run(["umount", "--lazy", at_], capture_output=True, check=False)


class Machine(Lab):
    """Subvolumes `photos` and `apps`, one that no leg takes, and a plain directory."""

    def __init__(self, root: Path, manifest: str | None = None) -> None:
        for name in ("photos", "apps", "scratch"):
            subvolume(root / "srv/pool" / name)
            write(root / "srv/pool" / name / "file", f"of {name}")
        write(root / "srv/pool/plain/file")
        super().__init__(root, manifest or text())

    @property
    def pool(self) -> Path:
        return self.root / "srv/pool"

    @property
    def kept(self) -> Path:
        """Where the snapshots are."""
        return self.pool / os.fsdecode(SNAPSHOTS)

    def snapshots(self, name: bytes = b"photos") -> list[str]:
        folder = at(self.kept, name)
        return sorted(one.name for one in folder.iterdir()) if folder.exists() else []

    def generations(self, name: str = "photos", leg: str = "files") -> list[Path]:
        folder = self.disk / leg / name
        there = folder.iterdir() if folder.exists() else ()
        return sorted(one for one in there if moment_of(os.fsencode(one.name)))

    def restart(self, manifest: str) -> None:
        """Apply another manifest."""
        self.text = manifest
        self.apply()
