"""`make bench`: what must be fast, each as the median of whole-process runs, against its bound.

`--write` also puts the tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.manifests import manifest_text

CHECKOUT = Path(__file__).resolve().parent.parent
REFERENCE = CHECKOUT / "examples" / "homelab" / "backup-policy.yaml"
PAGE = CHECKOUT / "docs" / "benchmarks.md"

RUNS = 7
IGNORES = 200
ROUTES = (10, 250, 500, 1000, 2000)
"""The first is what a check costs before any route counts."""
CHECK_BOUND = 5.0
"""Seconds for a check of the largest generated manifest."""
GROWTH = (500, 2000)
GROWTH_BOUND = 1.5
"""How much dearer one route may be among the second number of routes than among the first, what
every check costs taken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Several runs of one command."""

    what: str
    seconds: tuple[float, ...]
    """Wall time of each run."""
    busy: float
    """Processor seconds of the run that took the fewest: what a busy neighbour spoils least."""
    bound: float | None = None
    routes: int = 0

    @property
    def median(self) -> float:
        """The run in the middle."""
        return statistics.median(self.seconds)

    @property
    def over(self) -> bool:
        """Whether the bound is exceeded."""
        return self.bound is not None and self.median > self.bound

    @property
    def verdict(self) -> tuple[str, str]:
        """The bound and whether it holds, as text."""
        if self.bound is None:
            return "", ""
        return f"{self.bound:.2f}", "OVER" if self.over else "ok"


def main() -> int:
    """Measure, print, and end with 1 where a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} as well")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs that count, after a warm-up")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="policyctl-bench-") as folder:
        timer = Timer(Path(folder), options.runs)
        commands = _measure_commands(timer)
        show(_command_rows(commands))
        sizes = _measure_sizes(timer)
    show(_size_rows(sizes))
    growth = _growth(sizes)
    small, large = GROWTH
    verdict = "OVER" if growth > GROWTH_BOUND else "ok"
    sentence = (
        f"One route among {large:,} costs {growth:.2f} times what one among {small:,} costs; "
        f"at most {GROWTH_BOUND}: {verdict}."
    )
    print(sentence)
    if options.write:
        PAGE.write_text(_page(commands, sizes, sentence, options.runs))
    return int(growth > GROWTH_BOUND or any(one.over for one in (*commands, *sizes)))


class Timer:
    """Times whole processes, the start of the interpreter included."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        # As installed: compiled beforehand, here by the run that warms up.
        settings = {one: value for one, value in os.environ.items() if one[:6] != "PYTHON"}
        cache = {"PYTHONPYCACHEPREFIX": str(folder / "cache"), "PYTHONPATH": str(CHECKOUT)}
        self.environment = {**settings, **cache}

    def measure(
        self, what: str, *arguments: str, bound: float | None = None, routes: int = 0
    ) -> Measured:
        """Run a command several times; the first one warms up."""
        command = [sys.executable, "-m", "policyctl.main", *arguments]
        seconds, busy = [], []
        for _ in range(self.runs + 1):
            begun, used = time.perf_counter(), _used_by_children()
            subprocess.run(command, env=self.environment, capture_output=True, check=True)
            seconds.append(time.perf_counter() - begun)
            busy.append(_used_by_children() - used)
        return Measured(
            what=what, seconds=tuple(seconds[1:]), busy=min(busy[1:]), bound=bound, routes=routes
        )


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measure_commands(timer: Timer) -> list[Measured]:
    policy = ("-p", str(REFERENCE))
    cases: tuple[tuple[str, float, tuple[str, ...]], ...] = (
        ("policyctl --help", 0.25, ("--help",)),
        ("policyctl explain, the reference", 0.35, ("explain", *policy, "/srv/nfs/immich/a.jpg")),
        ("policyctl check, the reference", 1.0, ("check", *policy)),
    )
    return [timer.measure(what, *arguments, bound=bound) for what, bound, arguments in cases]


def _measure_sizes(timer: Timer) -> list[Measured]:
    found = []
    for routes in ROUTES:
        path = timer.folder / f"{routes}.yaml"
        path.write_text(manifest_text(routes, IGNORES))
        path.chmod(0o644)
        what = f"check, {routes:,} routes, {IGNORES} ignores"
        bound = CHECK_BOUND if routes == max(ROUTES) else None
        found.append(timer.measure(what, "check", "-p", str(path), bound=bound, routes=routes))
    return found


def _cost(one: Measured, sizes: Sequence[Measured]) -> float:
    """Processor seconds a route, without what a check costs before any route counts."""
    base = sizes[0]
    return max(0.0, one.busy - base.busy) / (one.routes - base.routes)


def _growth(sizes: Sequence[Measured]) -> float:
    """What a route costs among many, over what it costs among few."""
    cost = {one.routes: _cost(one, sizes) for one in sizes[1:]}
    small, large = GROWTH
    return cost[large] / max(cost[small], 1e-6)


# ── Tables ───────────────────────────────────────────────────────────────────────────────────

Rows = list[tuple[str, ...]]


def _command_rows(measured: Sequence[Measured]) -> Rows:
    head = ("command", "median s", "min s", "max s", "bound s", "")
    return [head, *((one.what, *_figures(one), *one.verdict) for one in measured)]


def _size_rows(measured: Sequence[Measured]) -> Rows:
    costs = ["", *(f"{_cost(one, measured):.5f}" for one in measured[1:])]
    head = ("generated manifest", "median s", "min s", "max s", "CPU s a route", "bound s", "")
    return [
        head,
        *(
            (one.what, *_figures(one), cost, *one.verdict)
            for one, cost in zip(measured, costs, strict=True)
        ),
    ]


def _figures(one: Measured) -> tuple[str, str, str]:
    return f"{one.median:.3f}", f"{min(one.seconds):.3f}", f"{max(one.seconds):.3f}"


def show(rows: Rows) -> None:
    """Print a table: the first column to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    print()


def _markdown(rows: Rows) -> str:
    head, *body = rows
    rule = ("---", *("---:" for _ in head[1:]))
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))


def _page(commands: Sequence[Measured], sizes: Sequence[Measured], sentence: str, runs: int) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        "# Benchmarks\n\n"
        "`make bench` measures what must be fast, and fails where a bound is exceeded;\n"
        '`make bench ARGS="--write"` writes this page.\n\n'
        f"Each figure is of {runs} runs of a whole process, the start of Python included, after\n"
        "one that warms up. The medians are judged. Measured on a small virtual machine, two\n"
        f"cores that it shares with others, with Python {version}.\n\n"
        "## Commands\n\n"
        f"{_markdown(_command_rows(commands))}\n"
        "## Growth\n\n"
        "Generated manifests: two trees, two legs, nested paths as people make them, one line in\n"
        f"twenty with a wildcard, {IGNORES} ignores (`benchmarks/manifests.py`). CPU seconds a\n"
        "route: of the quickest run, less what a check of ten routes costs.\n\n"
        f"{_markdown(_size_rows(sizes))}\n"
        f"{sentence}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
