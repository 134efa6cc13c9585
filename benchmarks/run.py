"""What must be fast, as a table: `make bench`.

Each command runs as a whole process, once to warm up and then several times; the median counts.
The exit code is 1 where something takes longer than it may.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.manifests import many_routes

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "examples" / "homelab" / "backup-policy.yaml"
COMMAND = (sys.executable, "-m", "policyctl.main")
SIZES = (250, 500, 1000, 2000)
IGNORES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table, in seconds."""

    what: str
    median: float
    spread: tuple[float, float]
    limit: float | None = None
    each: float | None = None
    """Seconds for each route, beyond what a manifest of the same kind without them takes."""

    @property
    def kept(self) -> bool:
        """Whether it was fast enough."""
        return self.limit is None or self.median <= self.limit


def measured(run: Callable[[], object], *, times: int) -> tuple[float, tuple[float, float]]:
    """Give the median and the range of several runs, after one that does not count."""
    run()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds), (min(seconds), max(seconds))


def process(*arguments: str) -> None:
    """Run one command line as a user does; it must succeed."""
    subprocess.run(
        [*COMMAND, *arguments],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def commands(times: int) -> Iterator[Row]:
    """Yield what a user waits for every day."""
    policy = ("--policy", str(REFERENCE))
    wanted: tuple[tuple[str, tuple[str, ...], float], ...] = (
        ("--help", ("--help",), 0.25),
        ("explain PATH", ("explain", "/srv/nfs/immich/library", *policy), 0.35),
        ("check of the reference", ("check", *policy), 1.0),
    )
    for what, arguments, limit in wanted:
        median, spread = measured(lambda line=arguments: process(*line), times=times)
        yield Row(what=what, median=median, spread=spread, limit=limit)


def growth(times: int, folder: Path) -> Iterator[Row]:
    """Yield `check` of ever larger manifests: the time for each route must stay flat."""
    base = 0.0
    for size in (0, *SIZES):
        path = folder / f"routes-{size}.yaml"
        path.write_text(many_routes(size, ignores=IGNORES))
        path.chmod(0o644)
        median, spread = measured(lambda one=path: process("check", "-p", str(one)), times=times)
        base = median if size == 0 else base
        yield Row(
            what=f"check of {size:,} routes, {IGNORES} ignores",
            median=median,
            spread=spread,
            limit=5.0 if size == SIZES[-1] else None,
            each=(median - base) / size if size else None,
        )


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    smallest = next((row.each for row in rows if row.each), None)
    print(
        f"{'':42} {'median':>8} {'least':>7} {'most':>7} {'limit':>7} {'a route':>9} {'ratio':>6}"
    )
    for row in rows:
        limit = f"{row.limit:.2f} s" if row.limit is not None else ""
        each = f"{row.each * 1000:.2f} ms" if row.each is not None else ""
        ratio = f"{row.each / smallest:.2f}" if row.each is not None and smallest else ""
        mark = "" if row.kept else "  TOO SLOW"
        least, most = row.spread
        print(
            f"{row.what:42} {row.median:6.2f} s {least:7.2f} {most:7.2f} {limit:>7} {each:>9} "
            f"{ratio:>6}{mark}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether everything was fast enough."""
    parser = argparse.ArgumentParser(prog="make bench", description=main.__doc__)
    parser.add_argument("--times", type=int, default=7, help="runs of each command")
    times = max(1, parser.parse_args(arguments).times)
    with tempfile.TemporaryDirectory() as folder:
        rows = [*commands(times), *growth(max(1, (times + 1) // 2), Path(folder))]
    show(rows)
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
