"""Running commands: the only module that does. Argument lists, never a shell.

A command gets a rebuilt environment, no input, and a process group of its own; whatever ends the
run ends that group too. It keeps a bounded part of what the command says.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from engine.reach.ssh_command import cause_first

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
    silence: float | None = None
    """Seconds without a word on its output after which it is late, too; None: it may be silent."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the rebuilt environment."""
    on_output: Callable[[bytes], bytes] | None = None
    """Gets each chunk of what the command prints, as it comes; gives back what to keep of it."""
    stdin: bytes | None = None
    """A file that it reads; None: it has no input."""
    keep_open: tuple[int, ...] = ()
    """Descriptors that it gets: a lock among them is held until the last of its processes ends."""
    account: str | None = None
    """The account of this machine that it runs as; None: our own."""


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
    fell_silent: bool = False
    """Whether that was so before its time had passed."""

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


@dataclass(slots=True, eq=False)
class Running:
    """A command that has been started, and what it has said so far."""

    child: subprocess.Popen[bytes]
    command: Command
    out: _Tail = field(default_factory=lambda: _Tail(STDOUT_MOST))
    err: _Tail = field(default_factory=lambda: _Tail(STDERR_MOST))
    began: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    """When it last said something."""
    timed_out: bool = False
    fell_silent: bool = False

    @property
    def deadline(self) -> float:
        """When it has to end, unless it says something before."""
        end, silence = self.began + self.command.timeout, self.command.silence
        return end if silence is None else min(end, self.heard + silence)

    @property
    def streams(self) -> tuple[tuple[IO[bytes], _Tail], ...]:
        """What can still be read of it."""
        assert self.child.stdout is not None
        assert self.child.stderr is not None
        both = ((self.child.stdout, self.out), (self.child.stderr, self.err))
        return tuple(one for one in both if not one[0].closed)


def run(command: Command, *, grace: float = GRACE) -> Completed:
    """Run a command to its end, or end its whole group. Raises `CommandNotStarted`."""
    running = start(command)
    try:
        first_ended((running,))
    except BaseException:
        abandon((running,), grace=grace)
        raise
    return complete(running, grace=grace)


def start(command: Command) -> Running:
    """Start a command; whoever does is to `complete` or `abandon` it.

    Raises `CommandNotStarted`.
    """
    try:
        with open(command.stdin or os.devnull, "rb") as given:  # noqa: PTH123 - bytes
            child = _popen(command, given)
    except KeyError:
        raise CommandNotStarted(f"this machine has no account {command.account!r}") from None
    except OSError as error:
        name = os.fsdecode(command.argv[0])
        raise CommandNotStarted(f"{name} cannot be run: {error.strerror}") from None
    return Running(child=child, command=command)


def _popen(command: Command, given: IO[bytes]) -> subprocess.Popen[bytes]:
    other = _as_account(command.account) if command.account is not None else _Ours()
    return subprocess.Popen(
        command.argv,
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({**other.home, **command.env}),
        start_new_session=True,
        # After the change of account, which would undo it (prctl(2), PR_SET_PDEATHSIG).
        preexec_fn=_die_with_parent,
        pass_fds=command.keep_open,
        cwd=other.directory,
        user=other.user,
        group=other.group,
        extra_groups=other.groups,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ours:
    """Whose rights a command has: our own where nothing else is said."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None
    home: Mapping[str, str] = field(default_factory=dict)
    directory: str | None = None


def _as_account(name: str) -> _Ours:
    """Those of an account, and none of ours. Raises `KeyError` where there is no such account."""
    found = pwd.getpwnam(name)
    if found.pw_uid == os.geteuid():
        return _Ours()
    return _Ours(
        user=found.pw_uid,
        group=found.pw_gid,
        groups=tuple(os.getgrouplist(name, found.pw_gid)),
        home={"HOME": found.pw_dir},
        directory="/",
    )


def first_ended(several: Sequence[Running]) -> Running:
    """Collect what commands say until the first one has ended, or its time has passed."""
    with selectors.DefaultSelector() as selector:
        for one in several:
            for stream, tail in one.streams:
                selector.register(stream, selectors.EVENT_READ, (one, stream, tail))
        while True:
            for one in several:
                if not one.streams or time.monotonic() >= one.deadline:
                    one.timed_out = not _ends_in_time(one)
                    in_time = time.monotonic() < one.began + one.command.timeout
                    one.fell_silent = one.timed_out and in_time
                    return one
            left = min(one.deadline for one in several) - time.monotonic()
            for key, _ in selector.select(max(0.0, min(left, 1.0))):
                one, stream, tail = key.data
                if not _read(one, stream, tail):
                    selector.unregister(stream)
                    stream.close()


def _read(one: Running, stream: IO[bytes], tail: _Tail) -> bool:
    """Keep what has come; False where nothing more will."""
    chunk = os.read(stream.fileno(), _CHUNK)
    kept = one.command.on_output
    if chunk:
        one.heard = time.monotonic()
        tail.add(kept(chunk) if kept is not None and tail is one.out else chunk)
    return bool(chunk)


def _ends_in_time(one: Running) -> bool:
    """Whether a command that says nothing more, or is late, ends before its time has passed."""
    if one.streams:
        return False
    with suppress(subprocess.TimeoutExpired):
        one.child.wait(max(0.0, one.deadline - time.monotonic()))
        return True
    return False


def complete(running: Running, *, grace: float = GRACE) -> Completed:
    """How a command ended that `first_ended` has given back."""
    if running.timed_out:
        _end_group(running.child, grace)
    else:
        running.child.wait()
    _close(running)
    code = running.child.returncode
    return Completed(
        code=code if code is not None else -signal.SIGKILL,
        stdout=running.out.data,
        stderr=running.err.data,
        whole=running.out.whole and running.err.whole,
        timed_out=running.timed_out,
        fell_silent=running.fell_silent,
        seconds=time.monotonic() - running.began,
    )


def abandon(several: Sequence[Running], *, grace: float = GRACE) -> None:
    """End commands, and all that they have started: nobody waits for them any more."""
    # The number of one that was waited for may be another's by now.
    left = [one for one in several if one.child.returncode is None]
    for one in left:
        _signal_group(one.child.pid, signal.SIGTERM)
    for one in left:
        _end_group(one.child, grace)
    for one in several:
        _close(one)


def _close(running: Running) -> None:
    for stream, _ in running.streams:
        stream.close()


def _die_with_parent() -> None:
    """Have the kernel end the child when this process is killed without a chance to do so."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _end_group(child: subprocess.Popen[bytes], grace: float) -> None:
    """Ask the whole group to end, then kill what is left of it; nothing of it writes any more.

    Not even a killed process goes at once, and one that waits in the kernel for a dead disk may
    never go: nobody waits for that one, or one hung volume would keep all others without a copy
    (law 13). When its disk answers after all, it dies before its next step; what it has open stays
    open until then.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(child.pid, number)
        if _gone_within(child, grace):
            child.wait()
            return


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
