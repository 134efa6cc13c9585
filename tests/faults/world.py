"""A small world for crash tests: a watched tree, a small disk, a machine behind sshd, strangers."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import Plan
from engine.system.host.places import Places
from tests.faults.writer import CALM, PLENTY
from tests.integration.lab import compiled, install, write

LEGS = ("nightly", "images", "offsite")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/disk, media: hdd, site: home}}
  nas: {{path: {top}/nas, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data, track: true}}
legs:
  nightly: {{kind: mirror, to: "disk:/", schedule: "02:00", timeout: 20s, full_every: 30d}}
  images: {{kind: mirror, to: "disk:/images", schedule: "03:00", timeout: 20s, full_every: 30d}}
  offsite: {{kind: mirror, from: disk, to: "nas:/lab", schedule: "04:00", timeout: 20s,
             full_every: 30d}}
routes:
  {top}/data: nightly
  {top}/data/images: images
"""
SIZE = "192m"
"""Of the small disk: room for the tree, and little more."""

Entry = tuple[str, int, int, bytes]
"""Type, mode, time of change in nanoseconds, and digest, target or nothing."""
Picture = tuple[dict[bytes, Entry], frozenset[frozenset[bytes]]]
"""Entries by their names, and the groups of names that are one file."""


@dataclass
class World:
    """Where everything lies."""

    top: Path
    ssh: str
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        text = MANIFEST.format(host=socket.gethostname(), top=self.top, ssh=self.ssh)
        self.plan = compiled(text)
        # Not below another root: there an SSH destination would be a local directory.
        self.places = Places(state=self.top / "state")

    @property
    def data(self) -> Path:
        return self.top / "data"

    @property
    def disk(self) -> Path:
        return self.top / "disk"

    @property
    def nas(self) -> Path:
        return self.top / "nas/lab"

    def build(self) -> None:
        """Make the directories, and put strangers beside the copies."""
        for directory in (self.data / "images", self.disk, self.nas, self.top / "outside"):
            directory.mkdir(parents=True, exist_ok=True)
        for number in range(12):
            write(self.top / f"outside/n{number}", b"OUTSIDE")
        for number in range(PLENTY):
            for top in (self.data, self.data / "images"):
                write(top / os.fsdecode(CALM) / f"{number % 7}/{number}", b"calm")
        write(self.disk / "stranger/precious", b"nobody's copy")
        write(self.disk / "stranger.lock", b"")
        write(self.nas / "stranger/precious", b"nobody's copy either")
        install(self.plan, self.places, datetime.now(UTC))
        # The tracker follows this file; what the plan says comes from the test.
        write(self.places.plan_file, b"{}")

    # ── Looking ──────────────────────────────────────────────────────────────────────────────

    def expected(self) -> Picture:
        """What the disk has to hold: each leg's part of the tree at its place."""
        entries, groups = picture(self.data)
        moved = {_at_disk(name): entry for name, entry in entries.items() if name != b"images"}
        split: set[frozenset[bytes]] = set()
        for group in groups:
            for inside in (True, False):
                part = {_at_disk(one) for one in group if one.startswith(b"images/") is inside}
                if len(part) > 1:
                    split.add(frozenset(part))
        return moved, frozenset(split)

    def differences(self) -> list[str]:
        """How the copies differ from what they ought to be, strangers and litter included."""
        expected = self.expected()
        found = [f"disk: {one}" for one in _compare(expected, _copies(self.disk))]
        found += [f"nas: {one}" for one in _compare(expected, _copies(self.nas))]
        kept = (self.disk / "stranger/precious", self.nas / "stranger/precious")
        if [one.read_bytes() for one in kept if one.exists()] != [
            b"nobody's copy",
            b"nobody's copy either",
        ]:
            found.append("strangers were touched")
        return found

    def litter(self) -> list[str]:
        """What runs have left lying about: files half-way, directories of runs, held locks."""
        found = [
            str(path)
            for root in (self.disk, self.nas)
            for path in root.rglob(".policyctl-*")
            if path.name not in {".policyctl-destination", ".policyctl-plan.json"}
        ]
        runs = self.places.state_dir / "run"
        found += [str(path) for path in runs.rglob("*") if runs.exists() and path.parent != runs]
        for lock in self.places.lock_dir.rglob("*.lock"):
            if lock != self.places.tracker_lock and _is_held(lock):
                found.append(f"{lock} is held")
        return found


@contextmanager
def small_disk(world: World, *, loop: bool) -> Iterator[None]:
    """Mount a file system with little room at the disk's place; in a mount namespace of its own."""
    world.disk.mkdir(parents=True)
    if loop:
        image = world.top / "disk.img"
        _do("truncate", "--size", SIZE, str(image))
        _do("mkfs.ext4", "-q", "-E", "root_owner=0:0", str(image))
        _do("mount", "-o", "loop", str(image), str(world.disk))
        (world.disk / "lost+found").rmdir()
    else:
        _do("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "small", str(world.disk))
    # A state directory that can be full as well.
    world.places.state_dir.mkdir()
    _do("mount", "-t", "tmpfs", "-o", "size=24m", "state", str(world.places.state_dir))
    try:
        yield
    finally:
        _do("umount", "--lazy", str(world.disk))
        _do("umount", "--lazy", str(world.places.state_dir))


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Leave no room in a file system for the length of the block."""
    filler = directory / "filler"
    # Unbuffered: what a buffer still held would be refused once more when the file is closed.
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    try:
        yield
    finally:
        filler.unlink()


def picture(root: Path) -> Picture:
    """Everything below a directory, with the groups of names that are one file."""
    entries: dict[bytes, Entry] = {}
    inodes: dict[tuple[int, int], set[bytes]] = {}
    for top, directories, files in os.walk(os.fsencode(root)):
        for name in (*directories, *files):
            path = os.path.join(top, name)  # noqa: PTH118 - bytes
            key = os.path.relpath(path, os.fsencode(root))
            status = os.lstat(path)
            kind, mode, time = _kind(status), stat.S_IMODE(status.st_mode), status.st_mtime_ns
            entries[key] = (kind, mode, time, _content(path, status))
            if kind != "directory" and status.st_nlink > 1:
                inodes.setdefault((status.st_dev, status.st_ino), set()).add(key)
    groups = (frozenset(names) for names in inodes.values() if len(names) > 1)
    return entries, frozenset(groups)


def _copies(root: Path) -> Picture:
    """The copies below a destination, without what is not theirs and the places themselves."""
    entries, groups = picture(root)
    # `images` is the root of a leg's copies: whose attributes it has is nobody's promise.
    beside = {b"stranger", b"stranger.lock", b"filler", b"lost+found", b"images", b"images/images"}
    beside |= {b".policyctl-destination", b".policyctl-plan.json"}
    kept = {
        name: entry
        for name, entry in entries.items()
        if name not in beside and not name.startswith(b"stranger/")
    }
    return kept, groups


def _compare(expected: Picture, found: Picture) -> list[str]:
    told = []
    joined = frozenset[bytes]().union(*_joined(expected, found))
    for name in sorted(expected[0].keys() | found[0].keys()):
        want, have = expected[0].get(name), found[0].get(name)
        if want != have and not (want and have and name in joined and want[3] == have[3]):
            told.append(f"{name!r}: is {have}, ought to be {want}")
    for groups, what in (
        (expected[1] - found[1], "are one file"),
        (found[1] - expected[1], "are several files"),
    ):
        told += [f"{sorted(one)!r} {what}" for one in groups if not one <= joined]
    return told


def _joined(expected: Picture, found: Picture) -> Iterator[frozenset[bytes]]:
    """Symlinks that were one file, and are several by now that lead to the same place.

    rsync parts names at the destination only where the content differs, and gives all of them the
    attributes of the one that it saw last (rsync(1), --hard-links).
    """
    for group in found[1] - expected[1]:
        wanted = {(one[0], one[3]) if one else None for one in map(expected[0].get, group)}
        only = wanted.pop() if len(wanted) == 1 else None
        if only is not None and only[0] == "link":
            yield group


def _at_disk(name: bytes) -> bytes:
    return b"images/" + name if name.startswith(b"images/") else name


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "directory"
    return "link" if stat.S_ISLNK(status.st_mode) else "file"


def _content(path: bytes, status: os.stat_result) -> bytes:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)  # noqa: PTH115 - bytes
    if stat.S_ISDIR(status.st_mode):
        return b""
    with open(path, "rb") as file:  # noqa: PTH123 - bytes
        return hashlib.file_digest(file, "sha256").digest()[:6]


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _do(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
