"""A server as a child process: it ends when it is told to, and when whoever started it is gone."""

from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tests.processes import parents
from tests.servers.clients import PATIENCE, environment, run_as
from tests.servers.programs import program

HOST = "127.0.0.1"


class DidNotStart(Exception):
    """A server gives no answer; its log says why."""


def new_password() -> str:
    """One that is easily quoted wrongly."""
    return f"{secrets.token_hex(8)}: 'a' \\\"$b\" #%&"


@dataclass(kw_only=True)
class Server:
    """One server on loopback, with a folder of its own."""

    directory: Path
    port: int
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    name: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]
    """What has to be installed."""
    stopping: ClassVar[signal.Signals] = signal.SIGTERM
    """Asks it to end in order."""
    orphaned: ClassVar[signal.Signals] = signal.SIGKILL
    """What it gets from the kernel when whoever started it is gone."""

    @property
    def host(self) -> str:
        return HOST

    @property
    def data(self) -> Path:
        """What the server writes."""
        return self.directory / "data"

    @property
    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def process(self) -> int:
        """The id of the server's process; it may have children."""
        assert self.child is not None, f"{self.name} does not run"
        return self.child.pid

    # What each kind of server says of itself.

    def make(self) -> None:
        """Lay out its files, once."""
        raise NotImplementedError

    def invocation(self) -> list[str]:
        """What runs it, in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it is ready."""
        raise NotImplementedError

    def account(self) -> str | None:
        """Whom it runs as, where that is not whoever runs the tests."""
        return None

    def variables(self) -> Mapping[str, str]:
        """What its environment holds besides."""
        return {}

    def discard(self) -> None:
        """End it for good: its data are not needed any more."""
        self.kill()

    # What tests do with it.

    def start(self) -> None:
        """Start it on the data that are there, and wait until it answers."""
        assert not self.running, f"{self.name} runs already"
        self.child = self._spawn()
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            ended = self.child.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                what = "ended at once" if ended else f"gave no answer in {PATIENCE:.0f} s"
                raise DidNotStart(f"{self.name} {what}:\n{self.log[-4000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self.child is not None:
            with _held(self._family()) as handles:
                self.child.send_signal(self.stopping)
                try:
                    self.child.wait(PATIENCE)
                finally:
                    self._see_off(handles)

    def kill(self) -> None:
        """End it as a crash does: each of its processes gets SIGKILL, and none is left."""
        if self.child is not None:
            self.child.send_signal(signal.SIGSTOP)  # it makes no other now
            with _held(self._family()) as handles:
                self._see_off(handles)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [program("setpriv"), "--pdeathsig", self.orphaned.name, "--", *self.invocation()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**environment(), **self.variables()},
                start_new_session=True,  # Ctrl-C is for the tests, which end it then
                **run_as(self.account()),
            )

    def _family(self) -> list[int]:
        """Its processes, the first one first."""
        return [self.process, *descendants(self.process)] if self.running else []

    def _see_off(self, handles: list[int]) -> None:
        """Kill what still runs of it, and wait: its locks and its port are free then."""
        assert self.child is not None
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            assert poll.poll(PATIENCE * 1000), f"{self.name} does not end"
        self.child.wait()
        self.child = None


def descendants(process: int) -> list[int]:
    """Its children, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for child, parent in parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    left = [process]
    while left:
        new = children.get(left.pop(), [])
        found += new
        left += new
    return found


@contextmanager
def _held(processes: Iterable[int]) -> Iterator[list[int]]:
    """Descriptors of processes: an id is another's some day, they never are."""
    with ExitStack() as stack:
        handles = []
        for process in processes:
            with suppress(ProcessLookupError):
                handles.append(os.pidfd_open(process))
                stack.callback(os.close, handles[-1])
        yield handles


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given until the end, also while its server is down.

    A socket is bound to it and never listens: the server may then bind it too.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        port = holder.getsockname()[1]
        assert isinstance(port, int)
        yield port


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A new one that every account may pass; its path is short, as those of sockets must be."""
    path = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


Kind = TypeVar("Kind", bound=Server)


@contextmanager
def serving(kind: type[Kind], **settings: Any) -> Iterator[Kind]:
    """Run a server for the length of the block; nothing of it is left behind."""
    with _folder(kind.name) as directory, reserved_port() as port:
        server = kind(directory=directory, port=port, **settings)
        try:
            server.make()
            server.start()
            yield server
        finally:
            server.discard()
