"""A run that is killed at every step, inside a virtual machine, and the next one: a line for each.

    python3 -m tests.lab.inside_kills LEG COPIES FIRST STRIDE TREE…

A step is what the run is about to do that others could see: start a command, make, rename or remove
an entry, commit to a database. Python and SQLite tell of them (`sys.addaudithook`, a trace), so the
program knows nothing of it. At a command the run is killed while that runs, at anything else before
it is done.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine
import policy
import policyctl as program
from engine.generations.names import moment_of
from policyctl.main import main

ENTRIES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink"})
COMMAND = "subprocess.Popen"
RUNS = 0.2
"""Seconds that a command has run when its run is killed."""
SAID = Path("/root/said")
_CONNECT = sqlite3.connect


@dataclass
class Steps:
    """Counts the steps of this process, and kills it at one."""

    most: int
    said: int
    """A descriptor to which the name of each step goes, a line each."""
    count: int = 0

    def begin(self) -> None:
        sys.addaudithook(self.seen)
        vars(sqlite3)["connect"] = self.connected  # its event comes before the connection is one

    def seen(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == COMMAND:
            _, argv, *_ = arguments
            assert isinstance(argv, list)
            self.step(os.fsdecode(argv[0]), after=RUNS)
        elif event in ENTRIES:
            self.step(event)

    def connected(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _CONNECT(*arguments, **options)
        connection.set_trace_callback(self.statement)
        return connection

    def statement(self, text: str) -> None:
        if text.startswith("COMMIT"):
            self.step("commit")

    def step(self, name: str, after: float = 0.0) -> None:
        self.count += 1
        if self.count <= self.most:
            os.write(self.said, f"{name}\n".encode())
        if self.count == self.most:
            if after:
                threading.Timer(after, kill).start()
            else:
                kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def load() -> None:
    """Load all of the program, so that each process of it begins at once."""
    for package in (engine, policy, program):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)


def policyctl(*words: str, most: int = 0) -> tuple[int, list[str]]:
    """Run the program in a process of its own; how that ended, and its steps up to the last."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            out = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            sys.argv = ["policyctl", *words]
            if most:
                Steps(most, writing).begin()
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reading) as pipe:
        return status, pipe.read().split()


def digest(tree: Path) -> str:
    """What stands for a tree: the names in it, and what its files hold."""
    found = hashlib.sha256()
    for path in sorted(one for one in tree.rglob("*") if one.name != "lost+found"):
        found.update(bytes(path.relative_to(tree)) + b"\0")
        if path.is_file():
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@dataclass
class World:
    """The volumes of a leg, live and as copies."""

    leg: str
    copies: Path
    trees: tuple[Path, ...]
    known: dict[str, int] = field(default_factory=dict)
    """The round in which a tree was so."""

    def change(self, number: int) -> None:
        """Change each volume, and take a snapshot of it."""
        for tree in self.trees:
            (tree / "file").write_text(f"{tree.name} {number}")
            (tree / f"new-{number}").write_bytes(os.urandom(2**20))
            (tree / f"new-{number - 1}").unlink(missing_ok=True)
            self.known[digest(tree)] = number
        os.sync()  # above LUKS nobody freezes a file system for its snapshot
        code, _ = policyctl("run", "snaps")
        assert code == 0, SAID.read_text()

    def generations(self) -> dict[str, dict[str, int | None]]:
        """What bears a generation's name, and of which round it is; None: it is not whole."""
        return {
            tree.name: {
                one.name: self.known.get(digest(one))
                for one in sorted((self.copies / tree.name).glob("*"))
                if moment_of(os.fsencode(one.name))
            }
            for tree in self.trees
        }

    def others(self) -> list[str]:
        """What else lies beside the generations."""
        found = (one for tree in self.trees for one in (self.copies / tree.name).iterdir())
        return sorted(one.name for one in found if not moment_of(os.fsencode(one.name)))

    def linked(self) -> list[int]:
        """Of the file that never changes, how many there are beneath all of its names."""
        return [
            len({one.stat().st_ino for one in (self.copies / tree.name).glob("*/same")})
            for tree in self.trees
        ]

    def listed(self) -> dict[str, list[str]]:
        """What is offered for a restore."""
        code, _ = policyctl("show", "generations", self.leg, "--json")
        assert code == 0, SAID.read_text()
        folders = json.loads(SAID.read_text())["folders"]
        return {one["item"]: sorted(each["name"] for each in one["generations"]) for one in folders}

    def open(self) -> list[str]:
        """Mappings and mounts."""
        command = ["dmsetup", "info", "--noheadings", "-c", "-o", "name,suspended"]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return sorted([*names.splitlines(), *Path("/proc/mounts").read_text().splitlines()])

    def round(self, number: int, most: int) -> dict[str, object]:
        """Kill one run at a step, and see what the next one makes of it."""
        self.change(number)
        code, steps = policyctl("run", self.leg, most=most)
        said = SAID.read_text()[-2000:]
        killed = {"code": code, "steps": steps, "round": number, "step": most, "said": said}
        if code != -signal.SIGKILL:
            return killed
        left, listed = self.generations(), self.listed()
        code, _ = policyctl("run", self.leg)
        return killed | {
            "left": left,
            "listed": listed,
            "next": code,
            "next_said": SAID.read_text()[-2000:],
            "kept": self.generations(),
            "kept_listed": self.listed(),
            "others": self.others(),
            "linked": self.linked(),
            "open": self.open(),
        }


def rounds(world: World, first: int, stride: int) -> Iterator[dict[str, object]]:
    """One for each step, until a run comes to its end."""
    world.change(1)
    code, _ = policyctl("run", world.leg)
    assert code == 0, SAID.read_text()
    yield {"open": world.open(), "kept": world.generations()}
    number = 1
    for most in range(first, 10_000, stride):
        number += 1
        found = world.round(number, most)
        yield found
        if found["code"] != -signal.SIGKILL:
            return


if __name__ == "__main__":
    leg, copies, first, stride, *trees = sys.argv[1:]
    world = World(leg, Path(copies), tuple(map(Path, trees)))
    load()
    for one in rounds(world, int(first), int(stride)):
        print(json.dumps(one), flush=True)
