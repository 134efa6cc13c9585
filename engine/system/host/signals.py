"""Signals that end a run, turned into one exception, so that every way out is a `finally`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked the run to end; no `except Exception` may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"ended by {signal.Signals(self.number).name}"


def wait_for_signal() -> None:
    """Wait until a signal comes that has a handler here, and let that run.

    `signal.pause` does not see one that the kernel has handed to another thread. Only the main
    thread may wait.
    """
    ours, theirs = os.pipe()
    try:
        os.set_blocking(theirs, False)
        before = signal.set_wakeup_fd(theirs)
        try:
            os.read(ours, 1)
        finally:
            signal.set_wakeup_fd(before)
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` at the first signal; later ones wait until the clean-up is done.

    What is ignored stays ignored: `nohup policyctl seed LEG &` outlives the terminal.

    Only the main thread receives signals; elsewhere this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal raised
        del frame
        if not raised:
            raised = True
            raise Interrupted(number)

    heard = (one for one in ENDING if signal.getsignal(one) is not signal.SIG_IGN)
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
