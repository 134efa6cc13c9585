"""The change journal beside the log file, `sort -u` and `grep` that it replaces."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import Fact, at_least, at_most, seconds_of
from benchmarks.trees import CHECKOUT, file_name, make_files
from engine.plan.selection import Line, Selection
from engine.records.journal import Consumer
from engine.system.journal.journal import open_journal
from engine.system.passes.changed import Changed, select_changes
from policy.patterns import PathPattern

EVENTS = 2_000_000
DISTINCT = 1_000_000
BATCH = 20_000
_READER = Consumer(leg="nightly", reads="data", tree="data")
_ALL = Selection(lines=(Line(pattern=PathPattern(), taken=True),))
_UPSERT = "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)"


def measure_journal(folder: Path) -> list[Fact]:
    """Record two million events of a million paths, then make a leg's list of them."""
    root = folder / "journalled"
    root.mkdir()
    make_files(root, DISTINCT)
    events = _events()
    log = folder / "events.log"
    with log.open("wb") as file:
        file.writelines(b"/" + one + b"\n" for one in events)
    ours = _record(folder / "journal.db", events)
    bare = _record_bare(folder / "bare.db", events)
    listing, peak = _in_process("list", folder)
    looking, looking_peak = _in_process("look", folder)
    sorted_only = seconds_of(
        ["sh", "-c", f"LC_ALL=C sort -u {log} | grep -E '^/[0-9]' > {folder}/sorted"]
    )
    loop = seconds_of(
        ["sh", "-c",
         f"sort -u {log} | grep -E '^/[0-9]' | while read -r f; do "
         f'[ -f "{root}$f" ] && echo "$f"; done > {folder}/looped; true']
    )  # fmt: skip
    what = f"{EVENTS:,} events, {DISTINCT:,} paths"
    return [
        Fact(what=f"{what}: recorded", figure=f"{EVENTS / ours:,.0f} /s"),
        at_least(f"{what}: recorded, over bare executemany", bare / ours, 0.8),
        Fact(what=f"{what}: a leg's list", figure=f"{listing:.2f} s"),
        at_most(f"{what}: the list, over `LC_ALL=C sort -u | grep`", listing / sorted_only, 1.5),
        at_least(f"{what}: `sort -u | grep | while read`, over the list", loop / listing, 10.0),
        Fact(what=f"{what}: each looked at as well", figure=f"{looking:.2f} s"),
        Fact(what=f"{what}: the loop, over list and look", figure=f"{loop / looking:.2f}"),
        at_most(f"{what}: peak memory", max(peak, looking_peak), 200, " MB"),
    ]


def _events() -> list[bytes]:
    chosen = random.Random(1)
    paths = [file_name(number).encode() for number in range(DISTINCT)]
    return [*paths, *(paths[chosen.randrange(DISTINCT)] for _ in range(EVENTS - DISTINCT))]


def _batches(events: list[bytes]) -> Iterator[list[bytes]]:
    return (events[at : at + BATCH] for at in range(0, len(events), BATCH))


def _record(path: Path, events: list[bytes]) -> float:
    with open_journal(path) as journal:
        journal.register([_READER])
        ((number, _),) = journal.consumers("data")
        begun = time.perf_counter()
        for batch in _batches(events):
            journal.record((number, one, False) for one in batch)
        return time.perf_counter() - begun


def _record_bare(path: Path, events: list[bytes]) -> float:
    """The same table, filled as bluntly as it can be."""
    with open_journal(path):
        pass
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    begun = time.perf_counter()
    for sequence, batch in enumerate(_batches(events)):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_UPSERT, ((1, one, sequence, 0) for one in batch))
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def _list(folder: Path) -> None:
    """A leg's list as names that end in NUL: what it carries was judged when it was noted."""
    with open_journal(folder / "journal.db") as journal, (folder / "list").open("wb") as out:
        for path, _ in journal.read(_READER.leg, _READER.reads):
            out.write(path + b"\0")


def _look(folder: Path) -> None:
    """What an incremental pass does first: each path looked at, below the root's descriptor."""
    lists = Changed.in_directory(os.fsencode(folder), "data")
    descriptor = os.open(folder / "journalled", os.O_RDONLY | os.O_DIRECTORY)
    with open_journal(folder / "journal.db") as journal:
        rows = journal.read(_READER.leg, _READER.reads)
        select_changes(rows, descriptor, _ALL, frozenset(), lists)
    assert lists.send.count == DISTINCT


def _in_process(work: str, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of a piece of work, in a process that has done nothing else."""
    command = [sys.executable, "-m", "benchmarks.journalling", work, str(folder)]
    told = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    seconds, peak = told.stdout.split()
    return float(seconds), float(peak)


def main() -> None:
    """Do one piece of work, and tell how long it took and how much memory it needed."""
    work, folder = sys.argv[1], Path(sys.argv[2])
    begun = time.perf_counter()
    {"list": _list, "look": _look}[work](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - begun, peak)


if __name__ == "__main__":
    main()
