"""`make bench`: what must be fast, each as the median of whole-process runs, against its bound.

`--write` also puts the tables into docs/benchmarks.md; `--only commands` and the like measures a
part, `--small` trees of a tenth of the size.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generations import measure_generations
from benchmarks.journalling import measure_journal
from benchmarks.manifests import manifest_text
from benchmarks.measuring import Fact, Rows, fact_rows, markdown, show, used_by_children
from benchmarks.over_ssh import measure_over_ssh
from benchmarks.passes import measure_passes
from benchmarks.planning import measure_planning
from benchmarks.tracking import measure_tracker

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


PARTS = ("commands", "planning", "journal", "tracker", "passes", "generations")
SIZES = (200_000, 1_000_000)
"""Files in the trees of the passes."""


def main() -> int:
    """Measure, print, and end with 1 where a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} as well")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs that count, after a warm-up")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable")
    parser.add_argument("--small", action="store_true", help="a tenth of the files, to try it out")
    parser.add_argument("--folder", type=Path, help="where to make trees (several GB of inodes)")
    options = parser.parse_args()
    wanted = options.only or PARTS
    page, over = [], False
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="policyctl-bench-", dir=options.folder) as name:
        folder = Path(name)
        if "commands" in wanted:
            text, bad = _commands(folder, options.runs)
            page.append(text)
            over |= bad
        for title, facts in _facts(folder, wanted, small=options.small):
            show(fact_rows(facts))
            page.append(f"## {title}\n\n{markdown(fact_rows(facts))}")
            over |= any(not one.holds for one in facts)
    if options.write:
        PAGE.write_text(_head(options.runs) + "\n".join(page))
    return int(over)


def _facts(folder: Path, wanted: Sequence[str], *, small: bool) -> Iterator[tuple[str, list[Fact]]]:
    if "planning" in wanted:
        yield "Planning", measure_planning(folder)
    if "journal" in wanted:
        yield "The change journal", measure_journal(folder)
    if "tracker" in wanted:
        yield "The tracker", measure_tracker(folder)
    if "passes" in wanted:
        for size in SIZES:
            files = size // 10 if small else size
            runs = 5 if size == min(SIZES) else 3
            title = f"Passes over {files:,} files"
            yield title, measure_passes(folder, files, runs, peers=size == min(SIZES))
            yield f"{title}, over SSH", measure_over_ssh(folder, files, runs)
    if "generations" in wanted:
        yield "Generations", measure_generations(folder, small=small)


def _commands(folder: Path, runs: int) -> tuple[str, bool]:
    """What a person waits for: commands, and how they grow with the manifest."""
    timer = Timer(folder, runs)
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
    over = growth > GROWTH_BOUND or any(one.over for one in (*commands, *sizes))
    return _command_page(commands, sizes, sentence), over


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
            begun, used = time.perf_counter(), used_by_children()
            subprocess.run(command, env=self.environment, capture_output=True, check=True)
            seconds.append(time.perf_counter() - begun)
            busy.append(used_by_children() - used)
        return Measured(
            what=what, seconds=tuple(seconds[1:]), busy=min(busy[1:]), bound=bound, routes=routes
        )


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


def _head(runs: int) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        "# Benchmarks\n\n"
        "`make bench` measures what must be fast, and fails where a bound is exceeded;\n"
        '`make bench ARGS="--write"` writes this page, `ARGS="--only passes"` measures a part.\n\n'
        f"Each figure is a median of whole-process runs, the start of Python included: of {runs}\n"
        "for commands, after one that warms up, of 5 or 3 for passes. What is compared is taken\n"
        "in turn in the same run. Measured on a small virtual machine, two cores that it shares\n"
        f"with others, with Python {version}.\n\n"
    )


def _command_page(commands: Sequence[Measured], sizes: Sequence[Measured], sentence: str) -> str:
    return (
        "## Commands\n\n"
        f"{markdown(_command_rows(commands))}\n"
        "## Growth\n\n"
        "Generated manifests: two trees, two legs, nested paths as people make them, one line in\n"
        f"twenty with a wildcard, {IGNORES} ignores (`benchmarks/manifests.py`). CPU seconds a\n"
        "route: of the quickest run, less what a check of ten routes costs.\n\n"
        f"{markdown(_size_rows(sizes))}\n"
        f"{sentence}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
