"""Showing the same again and again: on a terminal on a screen of its own, else one after another.

However it ends, the terminal is as it was before.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from engine.system.host.signals import Interrupted, interruptible
from policyctl.views.screen import own_screen, show_screen

_BY_SIGNAL = 128


def watch(lines: Callable[[], Sequence[str]], seconds: float) -> int:
    """Show these lines every so many seconds, until Ctrl-C. Returns the exit code.

    Ctrl-C is how one is expected to leave, so it ends with 0; another signal as it does anywhere.
    """
    try:
        with interruptible(), own_screen() as whole:
            while True:
                show_screen(lines(), whole=whole)
                time.sleep(seconds)
    except Interrupted as ended:
        return 0 if ended.number == signal.SIGINT else _BY_SIGNAL + ended.number
