"""Files fetched from a device: streamed to the disk, read to their end, compared with the last.

Nothing of a device is taken for a copy that was cut off, is empty, or is not what it should be.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import IO

from engine.dumps.figures import NotWhole
from engine.reach.ssh_command import key_hint
from engine.records.measurement import human_bytes
from engine.records.reports import RunStatus
from engine.steps.fetches import FetchFile
from engine.steps.generations import STAGING, inside
from engine.system.dumps.encrypt import encrypt
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from engine.system.passes.feed_runs import FeedRuns, FeedStopped
from engine.system.passes.in_the_clear import in_the_clear, room_in
from engine.system.passes.transfers import BACK_OFF, Transfers
from policy.encryption import ENDING, Encryption
from policy.forms import Form
from policy.parts import SshTarget
from policy.values import display

_WORKER = (os.fsencode(sys.executable), b"-m", b"engine.system.fetch.worker")
_NO_CONNECTION = 255
"""What ssh ends with where it is not the command that failed (ssh(1), EXIT STATUS)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def fetch_file(step: FetchFile, feeds: FeedRuns, directory: bytes) -> None:
    """Keep the output of one command in the folder of the next generation.

    `directory`: the private one of the run. Raises `FeedStopped`, `OutOfTime` and `ItemOutOfTime`.
    """
    staging = inside(step.target, STAGING).path
    try:
        if step.encryption is None:
            size = _kept(step, staging, feeds)
        else:
            with in_the_clear(directory) as plain:
                with room_in(plain):
                    _kept(step, plain, feeds)
                size = _encrypted(step, step.encryption, plain, staging, feeds)
    except OSError as error:
        said = f"{display(step.name)} cannot be written: {error.strerror}"
        raise FeedStopped(RunStatus.FAILED, said) from None
    except (NotWhole, CommandNotStarted) as error:
        raise FeedStopped(RunStatus.FAILED, f"{display(step.name)}: {error}") from None
    _count(step, size, feeds)


def _kept(step: FetchFile, path: bytes, feeds: FeedRuns) -> int:
    """Write the file into a folder, and read it to its end; its bytes."""
    folder = os.open(path, _DIRECTORY)
    try:
        with os.fdopen(os.open(step.name, _NEW, 0o600, dir_fd=folder), "w+b") as file:
            _receive(step, file, feeds)
            size = file.tell()
            if size == 0:
                raise FeedStopped(RunStatus.FAILED, f"{display(step.name)} would be empty")
            _check(step, file, feeds.transfers)
    finally:
        os.close(folder)
    return size


def _encrypted(
    step: FetchFile, encryption: Encryption, plain: bytes, staging: bytes, feeds: FeedRuns
) -> int:
    """Encrypt a file that is whole; its bytes on the disk."""
    target = staging + b"/" + step.name + ENDING.encode()

    def within_time(command: Command) -> Completed:
        return feeds.transfers.command(step.feed, command)

    encrypt(plain + b"/" + step.name, target, encryption, within_time)
    return os.stat(target).st_size  # noqa: PTH116 - bytes


def _receive(step: FetchFile, file: IO[bytes], feeds: FeedRuns) -> None:
    """Have the device say it, and say it again where the connection broke."""
    for pause in (*BACK_OFF, None):
        file.seek(0)
        file.truncate()
        command = Command(argv=step.argv, timeout=float("inf"), on_output=_writing(file))
        told = feeds.transfers.command(step.feed, command)
        again = told.code == _NO_CONNECTION and not key_hint(step.device, told.stderr)
        if not again or pause is None or pause >= feeds.transfers.left:
            break
        feeds.transfers.progress(f"{step.feed}: the connection broke: once more in {pause:.0f} s")
        time.sleep(pause)
    if told.code != 0:
        raise FeedStopped(RunStatus.FAILED, f"{display(step.name)}: {_ended(step.device, told)}")


def _writing(file: IO[bytes]) -> Callable[[bytes], bytes]:
    def write(chunk: bytes) -> bytes:
        file.write(chunk)
        return b""

    return write


def _ended(device: SshTarget, told: Completed) -> str:
    words = told.last_words
    if told.code == _NO_CONNECTION:
        hint = key_hint(device, told.stderr)
        return f"the device does not answer: {words or 'the connection failed'}{hint}"
    return f"the command ended with {told.code}{f': {words}' if words else ''}"


def _check(step: FetchFile, file: IO[bytes], transfers: Transfers) -> None:
    """Read all of it once more, in a process of its own."""
    if step.form is Form.NONE:
        return
    file.flush()
    path = b"/proc/self/fd/%d" % file.fileno()
    try:
        told = run(
            Command(
                argv=(*_WORKER, step.form.value.encode()),
                timeout=max(0.0, min(transfers.left, _LONGEST)),
                stdin=path,
            )
        )
    except CommandNotStarted as error:
        raise FeedStopped(RunStatus.FAILED, str(error)) from None
    if told.timed_out:
        raise FeedStopped(RunStatus.TIMED_OUT, f"{display(step.name)} could not be read in time")
    if told.code != 0:
        said = told.last_words or f"it could not be read ({told.code})"
        raise FeedStopped(RunStatus.FAILED, f"{display(step.name)}: {said}")


_LONGEST = 86_400.0
"""Seconds."""


def _count(step: FetchFile, size: int, feeds: FeedRuns) -> None:
    report = feeds.report(step.feed)
    feeds.put(
        replace(
            report,
            files=report.files + 1,
            entries=(report.entries or 0) + 1,
            size=(report.size or 0) + size,
            bytes_sent=report.bytes_sent + size,
        )
    )
    if size < step.least and step.before is not None:
        feeds.note(
            step.feed,
            RunStatus.DEGRADED,
            f"{display(step.name)} has {human_bytes(size)}, and {human_bytes(step.before)} in the "
            "generation before: nothing older goes; if that is right, run it once with --allow "
            "smaller-source",
        )
