"""Running commands: the only module that does. Argument lists, never a shell.

A command gets a rebuilt environment, no input, and a process group of its own; whatever ends the
run ends that group too. It keeps a bounded part of what the command says.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.ssh_command import cause_first

GRACE = 10.0
"""Seconds between asking a group to end and killing it."""
STDOUT_MOST = 16 * 2**20
STDERR_MOST = 256 * 2**10
_CHUNK = 65536
_PR_SET_PDEATHSIG = 1
_PROCESSES = Path("/proc")
_LIBC = ctypes.CDLL(None, use_errno=True)
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command and its limits."""

    argv: tuple[bytes, ...]
    timeout: float
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the rebuilt environment."""
    on_output: Callable[[bytes], bytes] | None = None
    """Gets each chunk of what the command prints, as it comes; gives back what to keep of it."""
    keep_open: tuple[int, ...] = ()
    """Descriptors that it gets: a lock among them is held until the last of its processes ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended; a negative code is the signal that killed it."""

    code: int
    stdout: bytes
    stderr: bytes
    """The ends of both, where they are longer than what is kept."""
    whole: bool
    """Whether nothing was left out of either."""
    timed_out: bool
    seconds: float

    @property
    def last_words(self) -> str:
        """The last few lines that it complained with, for a sentence.

        ssh ends its lines as for a terminal, with a carriage return.
        """
        said = self.stderr.decode("utf-8", "backslashreplace").split("\n")
        lines = [line for line in map(str.strip, said) if line]
        return "; ".join(cause_first(lines[-3:]))


class CommandNotStarted(Exception):
    """The program is missing, or may not be run."""


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.chunks: list[bytes] = []
        self.size = 0
        self.whole = True

    def add(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.size += len(chunk)
        if self.size > 2 * self.most:
            self.whole = False
            kept = b"".join(self.chunks)[-self.most :]
            self.chunks, self.size = [kept], len(kept)

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a command finds set: nothing but this (law 22), so that settings cannot surprise."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    kept.setdefault("PATH", os.defpath)
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **extra}


def run(command: Command, *, grace: float = GRACE) -> Completed:
    """Run a command to its end, or end its whole group. Raises `CommandNotStarted`."""
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(command.env),
            start_new_session=True,
            preexec_fn=_die_with_parent,
            pass_fds=command.keep_open,
        )
    except OSError as error:
        name = os.fsdecode(command.argv[0])
        raise CommandNotStarted(f"{name} cannot be run: {error.strerror}") from None
    out, err = _Tail(STDOUT_MOST), _Tail(STDERR_MOST)
    try:
        timed_out = not _follow(child, out, err, began + command.timeout, command.on_output)
    except BaseException:
        _end_group(child, grace)
        raise
    if timed_out:
        _end_group(child, grace)
    return Completed(
        code=child.wait(),
        stdout=out.data,
        stderr=err.data,
        whole=out.whole and err.whole,
        timed_out=timed_out,
        seconds=time.monotonic() - began,
    )


def _die_with_parent() -> None:
    """Have the kernel end the child when this process is killed without a chance to do so."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _follow(
    child: subprocess.Popen[bytes],
    out: _Tail,
    err: _Tail,
    deadline: float,
    on_output: Callable[[bytes], bytes] | None,
) -> bool:
    """Collect output until the child ends; False where the deadline came first."""
    assert child.stdout is not None
    assert child.stderr is not None
    with selectors.DefaultSelector() as selector, child.stdout, child.stderr:
        selector.register(child.stdout, selectors.EVENT_READ, out)
        selector.register(child.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 1.0)):
                chunk = os.read(key.fd, _CHUNK)
                if chunk and key.data is out and on_output is not None:
                    key.data.add(on_output(chunk))
                elif chunk:
                    key.data.add(chunk)
                else:
                    selector.unregister(key.fileobj)
    with suppress(subprocess.TimeoutExpired):
        child.wait(max(0.0, deadline - time.monotonic()))
        return True
    return False


def _end_group(child: subprocess.Popen[bytes], grace: float) -> None:
    """Ask the whole group to end, then kill what is left of it; nothing of it writes any more.

    Not even a killed process goes at once, and one that waits for a dead disk may never go.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(child.pid, number)
        if _gone_within(child, grace):
            break
    child.wait()


def _gone_within(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the whole group has ended by then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        child.poll()  # a group exists for as long as its leader is not waited for
        if not _group_exists(child.pid):
            return True
        time.sleep(0.05)
    return False


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _group_exists(group: int) -> bool:
    """Whether any process of the group still runs.

    One that has ended stays a member until its parent has asked for it, and an orphan's parent is
    the first process of the machine, or of a container: it may take its time, or never ask.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return any(_runs_in(entry, group) for entry in _PROCESSES.iterdir() if entry.name.isdigit())


def _runs_in(entry: Path, group: int) -> bool:
    """Whether a process, by its folder in /proc, belongs to the group and has not ended yet."""
    try:
        fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return False
    return int(fields[2]) == group and fields[0] not in {b"Z", b"X"}
