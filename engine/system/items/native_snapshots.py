"""Asking a machine about the snapshots that it takes itself: here, or over SSH.

Every question is asked by itself: where only certain commands are let through, each can be named.
Nothing is changed by any of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.items.native_snapshots import (
    SETTING,
    Arguments,
    NativeSetting,
    NativeSnapshot,
    NotUnderstood,
    questions,
    read_answers,
    read_setting,
)
from engine.reach.ssh_command import key_hint, ssh_command
from engine.system.host.process import Command, CommandNotStarted, Completed, run
from policy.parts import SshTarget

_NOT_SHARED = b"none"
"""A path of the shared connection that means: there is none."""
_FAILED_CONNECTION = 255


class NotAnswered(Exception):
    """It could not be asked, or its answer cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What it has said."""

    snapshots: tuple[NativeSnapshot, ...]
    """The oldest first."""
    setting: NativeSetting | None = None
    """What it says that it is set to keep; None: it says nothing of that."""


def ask_snapshots(
    kind: str, share: bytes, ssh: SshTarget | None, *, sudo: bool, seconds: float
) -> Answered:
    """Ask for all snapshots of a share, a subvolume or a data set. Raises `NotAnswered`."""
    said = {
        name: _answer(words, ssh, seconds, needed=name != SETTING)
        for name, words in questions(kind, share, sudo=sudo).items()
    }
    try:
        found = read_answers(kind, share, said)
    except NotUnderstood as error:
        raise NotAnswered(str(error)) from None
    return Answered(snapshots=found, setting=read_setting(said.get(SETTING, b"")))


def _answer(words: Arguments, ssh: SshTarget | None, seconds: float, *, needed: bool) -> bytes:
    argv = words if ssh is None else ssh_command(ssh, _NOT_SHARED, *words)
    try:
        told = run(Command(argv=argv, timeout=seconds))
    except CommandNotStarted as error:
        raise NotAnswered(str(error)) from None
    if not needed:
        return told.stdout + told.stderr  # it may say on either that nothing is set
    problem = _problem(told, ssh)
    if problem:
        program = next(word for word in words[1:] if b"=" not in word and word[:1] != b"-")
        raise NotAnswered(f"{program.decode()} says nothing that can be read: {problem}")
    return told.stdout


def _problem(told: Completed, ssh: SshTarget | None) -> str:
    """Why there is no answer; empty: there is one."""
    if told.timed_out:
        return "no answer in time"
    if ssh is not None and told.code == _FAILED_CONNECTION:
        return (told.last_words or "the connection failed") + key_hint(ssh, told.stderr)
    if told.code != 0:
        return told.last_words or f"it ended with {told.code}"
    return "" if told.whole else "it says too much"
