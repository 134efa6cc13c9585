"""What a change of one route costs a person who waits, where very many files are measured."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import Fact, at_most, seconds_and_memory
from benchmarks.trees import CHECKOUT
from engine.records.measurement import DirectoryVolume, Measurement, Volume
from engine.routing.dropped import ignores_digest
from engine.system.apply.applied import load_plan
from engine.system.host.places import Places
from engine.system.state.state import open_state
from policy.sources import TreeSource

FILES = 1_000_000
IN_ONE = 50
RUNS = 5
_MANIFEST = """\
version: 1
host: anywhere
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  other: {path: /mnt/other, media: hdd, site: away}
sources:
  data: {kind: tree, path: /srv/data}
legs:
  nightly: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 2h}
  direct: {kind: mirror, to: "other:/", schedule: "05:00", timeout: 2h}
routes:
  /srv/data: nightly
"""
_ROUTES = 200
"""Lines beside the one that changes: each names a directory, one in ten with a wildcard."""


def measure_planning(folder: Path) -> list[Fact]:
    """Time `policyctl plan` of one changed route over a million measured files."""
    root, policy = folder / "planning", folder / "planning.yaml"
    for name in ("srv/data", "mnt/disk", "mnt/other"):
        (root / name).mkdir(parents=True)
    policy.write_text(_manifest("direct"))
    _policyctl(root, "apply", "--policy", str(policy))
    _put_measurement(root)
    policy.write_text(_manifest("nightly"))
    told = [_policyctl(root, "plan", "--policy", str(policy), "--json") for _ in range(RUNS)]
    seconds = statistics.median(one[0] for one in told)
    what = f"`policyctl plan`, one changed route, {FILES:,} measured files"
    return [
        at_most(what, seconds, 2.0, " s"),
        at_most(f"{what}: peak memory", max(one[1] for one in told), 200, " MB"),
    ]


def _manifest(leg: str) -> str:
    return _MANIFEST + "".join(_lines(leg))


def _lines(leg: str) -> Iterator[str]:
    for number in range(_ROUTES):
        name = f"/srv/data/{number:03d}" + ("/*/1" if number % 10 == 0 else "")
        target = leg if number == 1 else "direct" if number % 2 else "nightly"
        yield f"  {name}: {target}\n"


def _put_measurement(root: Path) -> None:
    """As `policyctl measure` would, without a million files."""
    places, plan = Places(root=root), load_plan(root)
    source = plan.source("data") if plan is not None else None
    assert plan is not None
    assert isinstance(source, TreeSource)
    found = Measurement(
        at=datetime.now(UTC),
        seconds=1.0,
        ignores=ignores_digest(plan, source),
        rows=tuple(
            DirectoryVolume(f"{at // 50:03d}/{at % 50}".encode(), IN_ONE, IN_ONE * 4096)
            for at in range(FILES // IN_ONE)
        ),
        ignored=Volume(),
        unreadable=0,
    )
    with open_state(places.state_file) as state:
        state.measurements.put(source.name, found)


def _policyctl(root: Path, *arguments: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "policyctl.main", *arguments, "--root", str(root)]
    return seconds_and_memory(command, directory=CHECKOUT)
