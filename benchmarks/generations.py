"""Generations of twenty items, one file in a hundred changed: beside bare rsync in a loop."""

from __future__ import annotations

import os
import random
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import (
    Fact,
    at_most,
    forget_caches,
    medians,
    seconds_and_memory,
    seconds_of,
)
from benchmarks.trees import CHECKOUT, Laboratory, file_name

ITEMS = 20
IN_EACH = 10_000
"""Files of one item."""
_SIZE = 4096
"""Bytes of one file."""
_ONE_IN = 100
"""One file in so many changes between two generations."""
_RUNS = 5
_KEPT = 4
"""Generations of which the room is looked at."""
_NAMES = tuple(f"item-{number:02d}" for number in range(ITEMS))
_SOURCE = "  {name}: {{{{kind: tree, path: {{source}}/{name}}}}}\n"
_MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {disk}, media: hdd, site: home}}
legs:
  history:
    kind: versions
    to: "disk:/history/{{source}}"
    schedule: "02:00"
    timeout: 2h
    keep: {{last: 50}}
    at_once: 1
sources:
"""


def _manifest() -> str:
    """Each item is a tree of its own."""
    sources = "".join(_SOURCE.format(name=one) for one in _NAMES)
    routes = "".join(f"  {{source}}/{one}: history\n" for one in _NAMES)
    return f"{_MANIFEST}{sources}routes:\n{routes}"


@dataclass
class Items:
    """Trees whose files change, and two folders of generations of each: ours and a bare one."""

    folder: Path
    in_each: int
    lab: Laboratory = field(init=False)

    def __post_init__(self) -> None:
        self.lab = Laboratory(root=self.folder / "generations", manifest=_manifest())
        self.bare_folder = self.folder / "generations-bare"
        self.choose = random.Random(ITEMS)
        self.made: list[str] = []
        """Names of the bare generations, the oldest first."""
        for one in _NAMES:
            for number in range(self.in_each):
                self._write(self.lab.source / one / file_name(number))
            (self.bare_folder / one).mkdir(parents=True)
        self.apply(1)

    def apply(self, at_once: int) -> None:
        """Have so many items copied at a time from now on."""
        text = self.lab.policy.read_text()
        self.lab.policy.write_text(re.sub("at_once: [0-9]+", f"at_once: {at_once}", text))
        apply = self.lab.command("apply", "--policy", str(self.lab.policy))
        seconds_of(apply, directory=CHECKOUT)

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.choose.randbytes(_SIZE))

    def change(self) -> None:
        """Write one file in a hundred anew."""
        for one in _NAMES:
            for number in self.choose.sample(range(self.in_each), self.in_each // _ONE_IN):
                self._write(self.lab.source / one / file_name(number))

    def ours(self) -> tuple[float, float]:
        """Seconds of one run, and its peak memory in MB: of its largest process."""
        return seconds_and_memory(self.lab.command("run", "history"), directory=CHECKOUT)

    def bare(self) -> float:
        """The same with nothing but rsync, item after item."""
        name = f"{len(self.made):03d}"
        seconds = sum(self._bare(one, name) for one in _NAMES)
        self.made.append(name)
        return seconds

    def _bare(self, item: str, name: str) -> float:
        target = self.bare_folder / item / name
        former = [f"--link-dest=../{self.made[-1]}"] if self.made else []
        source = f"{self.lab.source / item}/"
        return seconds_of(["rsync", "-a", "--delete", *former, source, f"{target}/"])

    def generations(self) -> list[str]:
        """Those of the first item, the oldest first."""
        return sorted(one.name for one in self._own(_NAMES[0]).iterdir())

    def _own(self, item: str) -> Path:
        return self.lab.disk / "history" / item

    def room(self, count: int) -> int:
        """Bytes of so many newest generations of all items, each file counted once."""
        newest = self.generations()[-count:]
        folders = [str(self._own(item) / name) for item in _NAMES for name in newest]
        told = subprocess.run(["du", "-sc", "-B1", *folders], capture_output=True, check=True)
        return int(told.stdout.splitlines()[-1].split()[0])

    def remove(self) -> None:
        """Remove all of it."""
        for done in (self.lab.root, self.bare_folder):
            shutil.rmtree(done)


def measure_generations(folder: Path, *, small: bool) -> list[Fact]:
    """Time runs over all items beside bare ones, and look at what their generations take."""
    items = Items(folder, IN_EACH // 10 if small else IN_EACH)
    items.bare()
    items.ours()
    what = f"a generation of {ITEMS} items, {items.in_each * ITEMS:,} files, 1 % changed"
    facts = _beside_bare(items, what)
    several, one = items.room(_KEPT), items.room(1)
    facts.append(at_most(f"{_KEPT} generations of them, over the room of one", several / one, 1.1))
    facts += _at_once(items, what)
    items.remove()
    return facts


def _beside_bare(items: Items, what: str) -> list[Fact]:
    seconds: list[float] = []
    bare: list[float] = []
    memory: list[float] = []
    for number in range(_RUNS):
        items.change()
        # Neither is to wait for what the other has yet to write: each has its turn at being first.
        for mine in (True, False) if number % 2 else (False, True):
            os.sync()
            if mine:
                spent, peak = items.ours()
                seconds.append(spent)
                memory.append(peak)
            else:
                bare.append(items.bare())
    ours, theirs = statistics.median(seconds), statistics.median(bare)
    return [
        Fact(what=f"{what}: `policyctl run`", figure=f"{ours:.2f} s"),
        Fact(what=f"{what}: bare rsync in a loop", figure=f"{theirs:.2f} s"),
        at_most(f"{what}: over the bare loop", ours / theirs, 1.1),
        at_most(f"{what}: peak memory", max(memory), 100, " MB"),
    ]


def _at_once(items: Items, what: str) -> list[Fact]:
    """The same with one item at a time and with two."""
    facts = []
    for caches, prepare in (("warm", os.sync), ("cold", forget_caches)):
        try:
            one, two = medians(_RUNS, *(_several(items, count, prepare) for count in (1, 2)))
        except OSError:
            facts.append(Fact(what=f"{what}: {caches}", figure="caches cannot be dropped here"))
            continue
        facts += [
            Fact(what=f"{what}: one at a time, {caches}", figure=f"{one:.2f} s"),
            Fact(what=f"{what}: two at a time, {caches}", figure=f"{two:.2f} s"),
            at_most(f"{what}: two over one, {caches}", two / one, 0.9),
        ]
    return facts


def _several(items: Items, count: int, prepare: Callable[[], None]) -> Callable[[], float]:
    def measured() -> float:
        items.apply(count)
        items.change()
        prepare()
        return items.ours()[0]

    return measured
