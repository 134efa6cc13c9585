"""A throw-away machine with systemd as process 1, and what a test may ask of it.

In a container its clock and its kernel are the host's, and commands run as services of its own
systemd, with the capabilities that it has: none may set the host's clock. A virtual machine has
its own (`tests.lab.vm`). Either has the loopback network and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.lab.computer import Computer
from tests.lab.container import container
from tests.lab.disks import disk

COMMAND_SECONDS = 120.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Machine:
    """One that runs."""

    computer: Computer

    @property
    def disks(self) -> Sequence[Path]:
        """Its disks."""
        return self.computer.devices

    def run(
        self,
        *argv: str | Path,
        text: str = "",
        code: int | None = 0,
        seconds: float = COMMAND_SECONDS,
    ) -> Done:
        """Run a command in it as root, and wait; `code` is how it has to end, None: anyhow."""
        words = tuple(map(str, argv))
        done = subprocess.run(
            self.computer.command(words),
            env=_ENVIRONMENT,
            input=text,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=seconds,
            check=False,
        )
        found = Done(words, done.returncode, done.stdout, done.stderr)
        assert code is None or found.code == code, found
        return found

    def policyctl(self, *argv: str | Path, code: int | None = 0) -> Done:
        """Run the command under test."""
        done = self.run("policyctl", *argv, code=code)
        assert "Traceback" not in done.err, done.err
        return done

    def systemctl(self, *argv: str, code: int | None = 0) -> str:
        """Ask or tell its systemd."""
        return self.run("systemctl", *argv, code=code).out.strip()

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        lines = self.systemctl("show", unit, f"--property={','.join(names)}").splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def journal(self, unit: str) -> list[str]:
        """What a unit's processes said, line by line, without what systemd says of the unit."""
        self.run("journalctl", "--sync")
        command = ["journalctl", "--output=json", f"_SYSTEMD_UNIT={unit}"]
        lines = self.run(*command).out.splitlines()
        return [str(json.loads(line)["MESSAGE"]) for line in lines]

    def write(self, path: str | Path, content: str, mode: str = "644") -> None:
        """Write a file in it, with the directories above."""
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, text=content)

    def read(self, path: str | Path) -> str:
        """What a file in it holds."""
        return self.run("cat", path).out

    def python(self, module: str, *arguments: str | Path) -> Done:
        """Run a module of the checkout with the machine's own Python."""
        return self.run("python3", "-m", module, *arguments)

    def wait(self, what: str, true: Callable[[], object], seconds: float = 120.0) -> None:
        """Wait until something is true of it."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(0.1)

    def powercut(self) -> None:
        """Pull its plug."""
        self.computer.pull_plug()

    def boot(self) -> None:
        """Start it again, on the disks that it had."""
        self.computer.boot()


class Boot(Protocol):
    """What boots a machine for the length of a block, under a name of its own."""

    def __call__(
        self, name: str, disks: Sequence[int], *more: Path
    ) -> AbstractContextManager[Machine]:
        """Boot it, with disks of these sizes in MiB and with some that are there already."""


@contextmanager
def booted(
    image: Path, folder: Path, *, disks: Sequence[int] = (), more: Sequence[Path] = ()
) -> Iterator[Machine]:
    """Boot a container for the length of the block. Raises `DidNotBoot`.

    `disks`: the sizes of its disks in MiB; they hold an ext4 file system each, mounted nowhere.
    `more`: disks that are there already.
    """
    with ExitStack() as stack:
        devices = tuple(
            stack.enter_context(disk(folder / f"disk{number}.img", mebibytes=size))
            for number, size in enumerate(disks)
        )
        made = stack.enter_context(container(image, folder, (*devices, *more)))
        made.boot()
        yield Machine(made)
