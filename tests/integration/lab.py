"""A small laboratory: a manifest, real directories below a root, applied filters, real runs."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.compile import compile_policy
from engine.plan.left_plan import NAME as LEFT_PLAN
from engine.plan.model import Plan
from engine.records.reports import FeedReport, RunReport
from engine.rsync.filters import render_rules
from engine.runs.observation import Waiver
from engine.system.apply.destinations import Recorded, record_destinations
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from engine.system.state.state import RunRecord, open_state
from policy.parse import load

HOSTILE = (
    b"new\nline",
    b"[ab]",
    b"st*r",
    b"wh?t",
    b"back\\slash",
    b"back\\sl*sh",
    b"-dash",
    b"#hash",
    b";semi",
    b" space ",
    b"bad\xff\xfe",
    b"tab\tand\rreturn",
    b"x" * 255,
    b"\\#012",
    b"a -> b",
    b"'quote\"",
    "grüße".encode(),
)

MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
sources:
  data: {{kind: tree, path: /srv/data}}
legs:
  nightly: {{kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m{options}}}
routes:
  /srv/data: nightly
"""


def manifest(options: str = "") -> str:
    return MANIFEST.format(host=socket.gethostname(), options=options)


def compiled(text: str) -> Plan:
    _, policy = load(text.encode(), "backup-policy.yaml")
    return compile_policy(policy)


def install(plan: Plan, places: Places, now: datetime) -> tuple[Recorded, ...]:
    """What `policyctl apply` does, as far as runs need it."""
    for leg in plan.legs:
        for feed in leg.feeds:
            if feed.selection is not None and feed.writes is not None:
                write(places.filter_file(leg.name, feed.reads), render_rules(feed.selection))
    return record_destinations(plan, places, now=now)


def tree(root: Path) -> dict[bytes, tuple[str, bytes]]:
    """Everything below a directory by its name as bytes: type, and content or target.

    But for the plan that each run leaves at a destination's root, which says when it was.
    """
    found: dict[bytes, tuple[str, bytes]] = {}
    for top, directories, files in os.walk(root):
        for path in (Path(top, name) for name in (*directories, *files)):
            key = os.fsencode(path.relative_to(root))
            if path.is_symlink():
                found[key] = ("link", os.fsencode(path.readlink()))
            elif path.is_dir():
                found[key] = ("directory", b"")
            else:
                found[key] = ("file", path.read_bytes())
    found.pop(LEFT_PLAN, None)
    return found


def at(root: Path, *names: bytes) -> Path:
    """A path below a directory, its names given as bytes."""
    return root.joinpath(*(os.fsdecode(name) for name in names))


def write(path: Path, content: bytes | str = b"content") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@dataclass
class Lab:
    """One staged machine."""

    root: Path
    text: str = field(default_factory=manifest)
    now: datetime = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.places = Places(root=self.root)
        self.source.mkdir(parents=True)
        self.disk.mkdir(parents=True)
        self.apply()

    @property
    def source(self) -> Path:
        return self.root / "srv/data"

    @property
    def disk(self) -> Path:
        return self.root / "mnt/disk"

    def apply(self) -> None:
        """What `policyctl apply` does, as far as runs need it."""
        self.plan = compiled(self.text)
        self.recorded = install(self.plan, self.places, self.now)

    def run(self, leg: str = "nightly", *allow: Waiver) -> RunReport:
        self.now += timedelta(days=1)
        return run_leg(
            self.plan, leg, places=self.places, clock=lambda: self.now, waived=frozenset(allow)
        )

    def explain(self, leg: str = "nightly") -> str:
        return "\n".join(explain_leg(self.plan, leg, places=self.places, clock=lambda: self.now))

    def history(self, leg: str = "nightly") -> tuple[RunRecord, ...]:
        with open_state(self.places.state_file) as state:
            return state.history(leg)

    def last_success(self, leg: str = "nightly") -> RunRecord | None:
        with open_state(self.places.state_file) as state:
            return state.last_success(leg)

    def copies(self, below: str = "") -> dict[bytes, tuple[str, bytes]]:
        """What lies at the disk, the engine's own files aside."""
        return {
            name: one
            for name, one in tree(self.disk / below).items()
            if not name.startswith(b".policyctl-")
        }


def only(report: RunReport) -> FeedReport:
    """The report of a leg's single feed."""
    (feed,) = report.feeds
    return feed


def wrap_rsync(directory: Path, body: str) -> str:
    """Put a program called rsync before the real one; gives the search path to use.

    The body is shell text; `real` in it runs the true rsync with the same arguments.
    """
    true_rsync = shutil.which("rsync")
    directory.mkdir()
    program = directory / "rsync"
    program.write_text(f'#!/bin/sh\nreal() {{ {true_rsync} "$@"; }}\n{body}\n')
    program.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"
