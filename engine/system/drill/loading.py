"""Loading what came back into a throw-away server, by a command of the administrator's own."""

from __future__ import annotations

import os

from engine.system.host.process import Command, CommandNotStarted, run
from policy.drills import DIRECTORY


def load(words: tuple[str, ...], folder: bytes, seconds: float) -> str:
    """What is wrong with what a command has loaded; empty: nothing."""
    named = (os.fsencode(word).replace(DIRECTORY.encode(), folder) for word in words)
    try:
        told = run(Command(argv=tuple(named), timeout=seconds))
    except CommandNotStarted as error:
        return f"it cannot be loaded: {error}"
    if told.timed_out:
        return f"it was not loaded within {seconds:.0f} s"
    if told.code != 0:
        said = told.last_words
        return f"loading it ended with {told.code}{f': {said}' if said else ''}"
    return ""
