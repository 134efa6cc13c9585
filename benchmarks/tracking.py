"""The tracker beside `inotifywait`: until it stands, its memory, and a burst of events."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.measuring import Fact, at_most, seconds_of
from benchmarks.trees import CHECKOUT, Laboratory, resident
from engine.system.host.places import Places
from engine.system.journal import barrier
from engine.system.journal.journal import open_journal

DIRECTORIES = 40_000
MANY = 100_000
BURST = 100_000


def measure_tracker(folder: Path) -> list[Fact]:
    """Set-up, memory, and a burst of creations."""
    lab = Laboratory(root=folder / "tracked")
    _make_directories(lab.source, DIRECTORIES)
    seconds_of(lab.command("apply", "--policy", str(lab.policy)), directory=CHECKOUT)
    facts = _peer(lab.source)
    begun = time.perf_counter()
    with lab.tracker() as process:
        what = f"tracker, {DIRECTORIES:,} directories"
        facts.append(Fact(what=f"{what}: stands after", figure=_seconds(begun)))
        facts.append(Fact(what=f"{what}: memory", figure=f"{resident(process):.0f} MB"))
        facts += _burst(lab)
    _make_directories(lab.source / "more", MANY - DIRECTORIES)
    with lab.tracker() as process:
        what = f"tracker, {MANY:,} directories: memory"
        facts.append(at_most(what, resident(process), 150, " MB"))
    shutil.rmtree(lab.root)
    return facts


def _make_directories(root: Path, count: int) -> None:
    for number in range(0, count, 100):
        for inner in range(100):
            (root / f"{number // 100:04d}" / f"{inner:02d}").mkdir(parents=True)


def _burst(lab: Laboratory) -> list[Fact]:
    """Every creation is in the journal, or a gap says that some are not."""
    places = Places(root=lab.root)
    with open_journal(places.journal_file) as journal:
        before = journal.seen("nightly", "data")
        journal.done("nightly", "data", before.upto, full=True)
    _, making = _create(lab.source, "burst")
    begun = time.perf_counter()
    answered = barrier.synchronize(places, 120)
    waited = time.perf_counter() - begun
    with open_journal(places.journal_file) as journal:
        after = journal.seen("nightly", "data")
    noted = after.pending >= BURST
    told = "a gap: the queue overflowed" if after.gaps else f"{after.pending:,} noted"
    return [
        Fact(what=f"a burst of {BURST:,} creations: made at", figure=f"{BURST / making:,.0f} /s"),
        Fact(
            what="the tracker: taken at",
            figure=f"{BURST / (making + waited):,.0f} /s, {told}",
            bound="noted, or a gap",
            holds=answered and (noted or bool(after.gaps)),
        ),
    ]


def _create(root: Path, name: str) -> tuple[Path, float]:
    directory = root / "0000/00"
    inside = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    begun = time.perf_counter()
    for number in range(BURST):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        os.close(os.open(f"{name}-{number}", flags, 0o644, dir_fd=inside))
    seconds = time.perf_counter() - begun
    os.close(inside)
    return directory, seconds


def _peer(root: Path) -> list[Fact]:
    """The same with inotifywait, which keeps nothing and follows no renames."""
    if shutil.which("inotifywait") is None:
        return [Fact(what="inotifywait", figure="not installed")]
    events = "create,modify,moved_to,delete"
    command = ["inotifywait", "-m", "-r", "-e", events, "--format", "%w%f", str(root)]
    begun = time.perf_counter()
    with (root.parent / "seen").open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        assert child.stderr is not None
        while b"established" not in (line := child.stderr.readline()):
            assert line
        what = f"inotifywait -m -r, {DIRECTORIES:,} directories"
        facts = [
            Fact(what=f"{what}: stands after", figure=_seconds(begun)),
            Fact(what=f"{what}: memory", figure=f"{resident(child.pid):.0f} MB"),
        ]
        directory, making = _create(root, "peer")
        begun = time.perf_counter()
        seen, before = root.parent / "seen", -1
        while (size := seen.stat().st_size) != before or not size:
            before = size
            time.sleep(0.2)
        waited = max(0.0, time.perf_counter() - begun - 0.2)
        child.send_signal(signal.SIGTERM)
        child.wait()
    lines = seen.read_bytes().count(b"\n")
    rate = f"{BURST / (making + waited):,.0f} /s, {lines:,} of {BURST:,} lines"
    for number in range(BURST):
        (directory / f"peer-{number}").unlink()
    return [*facts, Fact(what="inotifywait: the burst taken at", figure=rate)]


def _seconds(begun: float) -> str:
    return f"{time.perf_counter() - begun:.2f} s"
