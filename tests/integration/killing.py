"""Runs that are killed at a chosen step, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from engine.system.passes.execute import Executor

Patch = Callable[[], None]
"""Changes the process that it is called in, so that it kills itself somewhere."""


def die(*_: object) -> None:
    """End this process at once, as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(10)


def before_step(number: int) -> Patch:
    """Die before the n-th step of a run, counted from 0."""

    def patch() -> None:
        count = 0

        def counting(name: str) -> None:
            real = getattr(Executor, name)

            def do(self: Executor, step: object) -> object:
                nonlocal count
                if count == number:
                    die()
                count += 1
                return real(self, step)

            setattr(Executor, name, do)  # in this process alone

        counting("one")
        counting("begin")

    return patch


def killed(run: Callable[[], object], patch: Patch) -> None:
    """Run something in a process that a patch has kill itself."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        patch()
        run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the run ended before it was killed"
