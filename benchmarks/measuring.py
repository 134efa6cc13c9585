"""Timing whole processes, and tables of what was measured against its bound."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CACHES = Path("/proc/sys/vm/drop_caches")
Rows = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that was measured, and what it must be."""

    what: str
    figure: str
    bound: str = ""
    holds: bool = True

    @property
    def verdict(self) -> str:
        """Whether the bound holds, as text; empty where there is none."""
        return "" if not self.bound else "ok" if self.holds else "OVER"


def at_most(what: str, value: float, bound: float, unit: str = "") -> Fact:
    """A figure that must not be larger."""
    figure, limit = f"{value:.2f}{unit}", f"≤ {bound:g}{unit}"
    return Fact(what=what, figure=figure, bound=limit, holds=value <= bound)


def at_least(what: str, value: float, bound: float, unit: str = "") -> Fact:
    """A figure that must not be smaller."""
    figure, limit = f"{value:.2f}{unit}", f"≥ {bound:g}{unit}"
    return Fact(what=what, figure=figure, bound=limit, holds=value >= bound)


def seconds_of(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> float:
    """Wall time of one process, its start included; it must succeed."""
    begun = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - begun


def seconds_and_memory(command: Sequence[str], *, directory: Path) -> tuple[float, float]:
    """The same, and the most memory in MB that it, or one of its children, has held at once."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def medians(runs: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each, taken in turn, so that a slow moment of the machine hits all alike."""
    found: list[list[float]] = [[] for _ in measures]
    for _ in range(runs):
        for measure, seconds in zip(measures, found, strict=True):
            seconds.append(measure())
    return [statistics.median(one) for one in found]


def forget_caches() -> None:
    """Have the kernel forget what it has read of any disk. Raises `OSError` where it may not be."""
    os.sync()
    _CACHES.write_text("3")


def used_by_children() -> float:
    """Processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fact_rows(facts: Sequence[Fact]) -> Rows:
    """Facts as a table."""
    head = ("what", "measured", "bound", "")
    return [head, *((one.what, one.figure, one.bound, one.verdict) for one in facts)]


def show(rows: Rows) -> None:
    """Print a table: the first column to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip(), flush=True)
    print(flush=True)


def markdown(rows: Rows) -> str:
    """The same as Markdown."""
    head, *body = rows
    rule = ("---", *("---:" for _ in head[1:]))
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))
